"""What waits, how far it has come, and the calls it may spend."""
