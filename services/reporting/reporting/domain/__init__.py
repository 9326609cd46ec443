"""Where leads stand and stood, and what the numbers say; pure."""
