"""RPCs of identity; one module for each noun."""
