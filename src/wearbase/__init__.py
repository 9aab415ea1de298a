"""wearbase: the database-first home for a person's wearable data."""
