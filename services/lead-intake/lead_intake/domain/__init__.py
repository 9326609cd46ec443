"""What lead-intake decides, by noun; pure."""
