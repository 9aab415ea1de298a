"""Who is let near the routes at all: by which name, how often, from where."""
