"""What can be asked of engagement; never writes."""
