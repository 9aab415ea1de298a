"""The health document beside daily-data."""
