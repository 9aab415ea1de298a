"""What can be made to go wrong: which failures there are, which are switched on, and what they do to an answer."""
