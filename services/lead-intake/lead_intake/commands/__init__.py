"""What changes lead-intake's books, by noun."""
