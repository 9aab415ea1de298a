"""The questions we answer, from our own database only."""
