"""A stand-in for the cloud of Sahha: two environments, each with its own profiles and tokens, below `/sahha`."""
