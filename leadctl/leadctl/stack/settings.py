"""What the caller's environment decides about the local stack."""

import os
from collections.abc import Mapping
from pathlib import Path

_DEPLOYED = Path(__file__).parents[3] / "deploy"
DEPLOYED_NATS = _DEPLOYED / "nats"
FOUNDATION_FILE = _DEPLOYED / "permissions" / "bootstrap.yaml"
"""What permissions begins with where nothing else is said: the services and their roles."""

# A program of the stack sees these of the caller's variables, and what the stack gives it.
PASSED = ("PATH", "HOME", "TZ", "TMPDIR", "LANG", "LC_ALL", "LOG_LEVEL")
PASSED_PREFIXES = ("OTEL_", "PYTHON", "COVERAGE_", "SSL_CERT_")


def caller_environment() -> dict[str, str]:
    """The environment of this command."""
    return dict(os.environ)


def stack_dir(environment: Mapping[str, str]) -> Path:
    """Where the stack keeps everything: LEADCHAIN_STACK_DIR, else `.stack` in this folder."""
    return Path(environment.get("LEADCHAIN_STACK_DIR") or ".stack").absolute()


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of the caller's environment that programs of the stack see."""
    return {
        key: value
        for key, value in environment.items()
        if key in PASSED or key.startswith(PASSED_PREFIXES)
    }
