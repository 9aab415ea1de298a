"""What can be made to happen to a member."""
