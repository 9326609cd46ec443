"""What permissions does, one module for each noun."""
