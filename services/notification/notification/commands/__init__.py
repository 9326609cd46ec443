"""What notification does, one module for each noun."""
