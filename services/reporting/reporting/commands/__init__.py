"""What reporting does; one module for each noun."""
