"""What pages that stay open ask again and again: what changed for a member, and how the whole installation stands."""
