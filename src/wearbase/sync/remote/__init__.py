"""A source that comes from another wearbase: its days are copied, what persons ask for is passed on."""
