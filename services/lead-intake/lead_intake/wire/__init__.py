"""Between the contracts and what lead-intake decides about, by noun."""
