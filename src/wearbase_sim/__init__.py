"""Stand-ins for the WHOOP and Sahha clouds; shares no code with the service."""
