"""Who may do what: service keys, member tokens, links and sessions, scopes."""
