"""What can be asked of lead-intake, by noun."""
