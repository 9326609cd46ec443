"""Verifies an audit log from a dump and its checkpoints, trusting none of the code that wrote it."""
