"""What one source means, one package each: pure, no sockets, SQL or settings."""
