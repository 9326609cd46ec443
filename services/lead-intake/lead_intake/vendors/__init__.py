"""The senders' own APIs as lead-intake sees them: one module for each, and the calls that all of them make."""
