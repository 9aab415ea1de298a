"""What is shown: how everybody stands, a day, the budget."""
