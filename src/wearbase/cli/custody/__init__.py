"""What an operator keeps safe: the keys of stored tokens, and copies of the database."""
