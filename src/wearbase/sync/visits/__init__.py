"""A visit: what is read, how a page is kept, and how deliveries are settled."""
