"""The verbs that change data."""
