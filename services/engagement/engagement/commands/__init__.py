"""What engagement does; one module for each noun."""
