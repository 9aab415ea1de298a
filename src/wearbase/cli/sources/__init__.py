"""What is done to the sources of a clone."""
