"""PostgreSQL itself: the pool, the clock, migrations, hints, and the embedded server."""
