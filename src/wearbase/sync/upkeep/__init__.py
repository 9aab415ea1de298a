"""What is done at intervals, for nobody in particular."""
