"""The demonstration: made-up people deliver leads over HTTP, reps act on reminders, the books are checked."""
