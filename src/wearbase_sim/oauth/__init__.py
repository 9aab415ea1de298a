"""The simulated OAuth server: consent page, codes, rotating tokens."""
