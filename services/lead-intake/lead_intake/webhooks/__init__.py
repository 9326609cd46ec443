"""The door for outside facts: what is let in, how it is answered."""
