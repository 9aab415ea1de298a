"""wearbase: the database-first home for a person's wearable data."""

__version__ = "0.1.0"
