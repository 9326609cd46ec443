"""The operator's command: the local stack, and every service's questions from a terminal."""
