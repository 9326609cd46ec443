"""What identity decides, and the errors of deciding; one module for each noun."""
