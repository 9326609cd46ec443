"""The RPCs of lead-intake: one servicer for each noun."""
