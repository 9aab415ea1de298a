"""What the pages of the phone app show, each answered by one local query."""
