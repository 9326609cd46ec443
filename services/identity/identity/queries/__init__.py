"""What identity can be asked; never writes."""
