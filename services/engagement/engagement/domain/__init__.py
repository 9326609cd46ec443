"""What was done, and how far it is; pure."""
