"""What permissions can be asked, one module for each noun."""
