"""identity decides which customer this is."""
