"""What is decided, and the errors of deciding; one module for each noun."""
