"""Knowing one service is knowing all: the same files, the same words, the same doors."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted(path.parent for path in (ROOT / "services").glob("*/*/app.py"))
ROLES = {
    "__init__", "__main__", "app", "settings", "domain", "store", "commands", "queries", "wire",
    "subscribers", "rpc", "webhooks", "projections", "clients", "policies", "migrations",
}  # fmt: skip
REQUIRED = {"__main__", "app", "settings", "domain", "store", "wire", "rpc", "migrations"}
OWN_NOUNS = {
    "identity": {"connectors", "seals", "workers"},
    "engagement": {"seals", "workers"},
    "notification": {"senders"},
    "reporting": {"ledger"},
    "permissions": {"authzen"},
    "lead_intake": {
        "accounts", "channels", "forms", "importing", "mappings", "normalising", "reading", "seals", "vendors",
        "verifiers", "webforms", "workers",
    },
}  # fmt: skip
README_HEADINGS = (
    "What it decides", "What it reads", "What it publishes", "Its data", "How to run it",
)  # fmt: skip


def names(service):
    return {
        path.stem if path.is_file() else path.name
        for path in service.iterdir()
        if path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")
    }


def test_there_are_seven_services():
    assert [service.name for service in SERVICES] == [
        "assignment", "engagement", "identity", "lead_intake", "notification", "permissions", "reporting",
    ]  # fmt: skip


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_has_the_files_of_every_service(service):
    assert names(service) >= REQUIRED
    assert names(service) <= ROLES | OWN_NOUNS.get(service.name, set())


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_says_what_it_is(service):
    readme = (service.parent / "README.md").read_text()
    for heading in README_HEADINGS:
        assert f"## {heading}" in readme


def test_no_service_loads_what_only_migrations_need():
    names = ", ".join(f"{service.name}.app" for service in SERVICES)
    program = f"import sys, {names}; print([name for name in ('sqlalchemy', 'alembic') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )

    assert done.stdout.strip() == "[]"
