"""Load for minutes while parts of it all fail, and what came of it."""
