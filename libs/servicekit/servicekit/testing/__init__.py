"""What tests of every service need: real servers, and waiting for a condition with a deadline."""
