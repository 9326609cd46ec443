"""What lead-intake does on its own account: each module holds one worker's steps."""
