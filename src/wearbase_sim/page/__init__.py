"""The simulator's own page: what the cloud does, live, and the buttons to make things happen."""
