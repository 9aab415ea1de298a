"""What a body does: sleep, effort, health, and what follows from them the next morning."""
