"""What an operator asks: how everybody stands, what the day's calls went into, what fails. No health value is read here."""
