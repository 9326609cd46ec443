"""Stand-ins for outside systems, as programs of the local stack."""
