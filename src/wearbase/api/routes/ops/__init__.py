"""What stays open, and what an operator asks: streams of events and the operator's routes."""
