"""What can be asked of reporting; never writes."""
