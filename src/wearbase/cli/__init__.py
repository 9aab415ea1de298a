"""`wear`: parse, call, print."""
