"""The phone app, measured in a browser."""
