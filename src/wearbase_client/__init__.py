"""A Python client of the wearbase HTTP API; shares no code with the service."""
