"""Others as engagement sees them: a traffic source, and whoever turns speech into text."""
