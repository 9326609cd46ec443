"""How each medium is written to, and what its answers mean; one module for each provider."""
