"""The simulated data API."""
