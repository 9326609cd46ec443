"""What permissions' tests share: a migrated database, tokens, and builders whose defaults are valid."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import pytest_asyncio
from leadchain.assignment.v1.events_pb2 import LeadAssigned
from permissions.settings import Settings
from servicekit.auth import mint_token, new_signing_key
from servicekit.database import Database
from servicekit.events import new_id
from servicekit.testing.accounts import empty_account
from servicekit.testing.databases import Administrator, Migrated
from servicekit.testing.servers import TestNats, TestPostgres

KEY = base64.b64encode(bytes(32)).decode()
RECEIVED_AT = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)


@pytest.fixture
def assigned() -> Callable[..., LeadAssigned]:
    """Builds a `LeadAssigned`."""

    def build(
        *, lead_id: str | None = None, assignee_id: str = "rep-ana", assignment_no: int = 1
    ) -> LeadAssigned:
        event = LeadAssigned(
            event_id=new_id(),
            lead_id=lead_id or new_id(),
            assignee_id=assignee_id,
            assignment_no=assignment_no,
            channel="website_form",
        )
        event.occurred_at.FromDatetime(RECEIVED_AT)
        event.received_at.FromDatetime(RECEIVED_AT)
        return event

    return build


@pytest.fixture
async def migrated_url(database_url: str, migrated: Migrated) -> str:
    await migrated.migrate(database_url, "permissions")
    return database_url


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    opened = Database(migrated_url, service="permissions")
    await opened.start()
    yield opened
    await opened.stop()


def write_key(folder: Path) -> dict[str, Any]:
    """A new private key; its public half is in `folder`, where settings look for it."""
    private, public = new_signing_key("leadchain")
    (folder / "jwks.json").write_text(json.dumps(public))
    return private


@pytest.fixture
def signing_key(tmp_path: Path) -> dict[str, Any]:
    """The private key whose public half is where `settings` looks for it."""
    return write_key(tmp_path)


@pytest.fixture
def token(signing_key: dict[str, Any]) -> str:
    return mint_token(
        signing_key,
        subject="engagement",
        scopes=[],
        audience="leadchain",
        lifetime_s=600,
        now=datetime.now(UTC),
    )


def settings_of(database_url: str, nats_url: str, folder: Path) -> Settings:
    """Settings of a service whose keys are in `folder`."""
    return Settings.model_validate(
        {
            "database_url": database_url,
            "nats_url": nats_url,
            "http_port": 0,
            "grpc_port": 0,
            "jwks_file": folder / "jwks.json",
            "field_keys": f"k1:{KEY}",
            "index_key": KEY,
        }
    )


@pytest.fixture
def settings(
    migrated_url: str, nats_url: str, tmp_path: Path, signing_key: dict[str, Any]
) -> Settings:
    return settings_of(migrated_url, nats_url, tmp_path)


@pytest.fixture(scope="module")
def lasting_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """A private key for all tests of a module, and the folder where `lasting_settings` look for its public half."""
    folder = tmp_path_factory.mktemp("keys")
    return write_key(folder), folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_settings(
    postgres_server: TestPostgres,
    administrator: Administrator,
    migrated: Migrated,
    nats_server: TestNats,
    lasting_key: tuple[dict[str, Any], Path],
) -> AsyncIterator[Settings]:
    """Settings of a service for all tests of a module, none of which asks for a bus of its own."""
    name, nats_url = f"permissions_{token_hex(6)}", nats_server.next_url()
    url = postgres_server.url(name)
    await migrated.migrate(url, "permissions")
    await empty_account(nats_url)
    yield settings_of(url, nats_url, lasting_key[1])
    await administrator.drop(name)
