"""Writes a service's next migration: starts a throwaway PostgreSQL, brings it up to date, and compares."""

import os
import subprocess
import sys

from servicekit.testing.servers import postgres_for_tests


def main() -> int:
    """Takes the service's name and a message; returns the exit code of the comparison."""
    if len(sys.argv) != len(("program", "service", "message")):
        print("usage: migration.py SERVICE MESSAGE", file=sys.stderr)
        return 2
    service, message = sys.argv[1:]
    package = service.replace("-", "_")
    with postgres_for_tests() as server:
        environment = {
            **os.environ,
            f"{package.upper()}_DATABASE_URL": server.url("postgres"),
            "JWKS_FILE": os.devnull,
            "FIELD_KEYS": "k:",
            "INDEX_KEY": "-",
        }
        for command in (["migrate"], ["revise", message]):
            done = subprocess.run(
                [sys.executable, "-m", package, *command], env=environment, check=False
            )
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
