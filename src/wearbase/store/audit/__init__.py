"""Who did what: the trail, and by whom whatever runs just now was asked for."""
