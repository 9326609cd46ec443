"""notification decides whether the person really got it."""
