"""permissions decides whether this actor may do this now, and says why."""
