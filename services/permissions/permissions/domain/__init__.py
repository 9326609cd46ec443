"""What is decided, and the errors of deciding."""
