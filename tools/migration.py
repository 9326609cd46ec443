"""Writes a service's next migration: brings a throwaway PostgreSQL up to date, and compares it with the models."""

import sys

from servicekit import migrations
from servicekit.testing.servers import postgres_for_tests


def main() -> int:
    """Takes the service's name and a message; returns the exit code."""
    if len(sys.argv) != len(("program", "service", "message")):
        print("usage: migration.py SERVICE MESSAGE", file=sys.stderr)
        return 2
    service, message = sys.argv[1:]
    package = service.replace("-", "_")
    with postgres_for_tests() as server:
        migrations.upgrade(server.url("postgres"), package)
        migrations.revise(server.url("postgres"), package, message)
    return 0


if __name__ == "__main__":
    sys.exit(main())
