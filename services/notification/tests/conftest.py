"""What notification's tests share: a migrated database, a recipient's system, and builders whose defaults are valid."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from leadchain.assignment.v1.events_pb2 import ContactOverdue, LeadAssigned
from notification.commands.keeping import Keeper
from notification.domain.addresses import Address
from notification.domain.kinds import Policy
from notification.domain.media import Medium
from notification.domain.people import Person, Standing
from notification.domain.reminders import Reminder, Subject, Target, TargetKind
from notification.domain.routing import Directory
from notification.policies import load_policy
from notification.settings import Settings
from notification.subscribers import told_fields
from servicekit.auth import mint_token, new_signing_key
from servicekit.database import Database
from servicekit.documents import load_document
from servicekit.events import new_id
from servicekit.http_host import HttpHost, Receive, Scope, Send, read_body, send_answer
from servicekit.sealing import KeyRing
from servicekit.testing.databases import Migrated

RECEIVED_AT = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
SECRET = b"s" * 32
WHSEC = f"whsec_{base64.b64encode(SECRET).decode()}"
RING = f"test:{base64.b64encode(b'r' * 32).decode()}"


@dataclass
class Webhook:
    """One delivery as a recipient's system got it."""

    path: str
    webhook_id: str
    is_signed: bool
    traceparent: str
    reminders: list[dict[str, Any]]


@dataclass
class RecipientSystem:
    """A recipient's system. The path says how it answers: /<status>, or /slow until `release` is set.

    `failures_left` answers 503 that many times before anything else.
    """

    webhooks: list[Webhook] = field(default_factory=list)
    failures_left: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    def url(self, answer: str = "200") -> str:
        """Where to post to get this answer."""
        return f"http://127.0.0.1:{self.port}/{answer}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Notes one delivery and answers it."""
        body = await read_body(receive, 2**20)
        self.webhooks.append(_webhook(scope, body))
        answer = scope["path"].strip("/")
        if answer == "slow":
            await self.release.wait()
            answer = "200"
        if self.failures_left:
            self.failures_left -= 1
            answer = "503"
        await send_answer(send, int(answer), b"", [(b"location", b"/200")])


def _webhook(scope: Scope, body: bytes) -> Webhook:
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(SECRET, signed, "sha256")).decode()
    return Webhook(
        path=scope["path"],
        webhook_id=headers["webhook-id"],
        is_signed=headers["webhook-signature"] == expected,
        traceparent=headers.get("traceparent", ""),
        reminders=json.loads(body)["reminders"],
    )


@asynccontextmanager
async def recipient_system() -> AsyncIterator[RecipientSystem]:
    system = RecipientSystem()
    host = HttpHost("127.0.0.1", 0, system)
    system.port = host.port
    await host.start()
    try:
        yield system
    finally:
        system.release.set()
        await host.stop()


@pytest.fixture
async def system() -> AsyncIterator[RecipientSystem]:
    async with recipient_system() as running:
        yield running


@pytest.fixture
def keys() -> KeyRing:
    return KeyRing.parse(RING)


@pytest.fixture
def a_recipient() -> Callable[..., Person]:
    def build(recipient_id: str = "rep-01", url: str = "https://reminders.example/in") -> Person:
        return Person(recipient_id, [Address(Medium.WEBHOOK, url, WHSEC)])

    return build


@pytest.fixture
def a_reminder() -> Callable[..., Reminder]:
    """Builds a reminder for one person, by default about a lead that nobody is known to own."""

    def build(recipient_id: str = "rep-01", **changes: Any) -> Reminder:
        lead_id = changes.get("lead_id", UUID(new_id()))
        subject = Subject(lead_id, "website_form", RECEIVED_AT, 1, None)
        usual: dict[str, Any] = {
            "reminder_id": UUID(new_id()),
            "kind": "lead_assigned",
            "dedupe_key": f"{lead_id}/1",
            "target": Target(TargetKind.PERSON, person_id=recipient_id),
            "subject": subject,
            "facts": b'{"phone_display": "138****8001"}',
        }
        given = usual | changes
        given.pop("lead_id", None)
        return Reminder(**given)

    return build


@pytest.fixture
def assigned() -> Callable[..., LeadAssigned]:
    """Builds a `LeadAssigned` whose lead has an owner."""

    def build(assignee_id: str = "rep-01", **changes: Any) -> LeadAssigned:
        usual = {
            "event_id": new_id(),
            "lead_id": new_id(),
            "assignment_no": 1,
            "channel": "website_form",
            "region_display": "广东 深圳",
            "industry": "医疗器械",
            "phone_display": "138****8001",
            "first_action": "book_demo",
        }
        event = LeadAssigned(assignee_id=assignee_id, **(usual | changes))
        event.occurred_at.FromDatetime(RECEIVED_AT)
        event.received_at.FromDatetime(RECEIVED_AT)
        event.contact_due_at.FromDatetime(RECEIVED_AT + timedelta(minutes=15))
        return event

    return build


@pytest.fixture
def overdue() -> Callable[..., ContactOverdue]:
    """Builds a `ContactOverdue` of a rep who has a manager."""

    def build(manager_id: str = "manager-01", **changes: Any) -> ContactOverdue:
        usual = {
            "event_id": new_id(),
            "lead_id": new_id(),
            "assignee_id": "rep-01",
            "next_assignee_id": "rep-02",
            "assignment_no": 1,
            "channel": "website_form",
        }
        event = ContactOverdue(manager_id=manager_id, **(usual | changes))
        event.occurred_at.FromDatetime(RECEIVED_AT)
        event.received_at.FromDatetime(RECEIVED_AT)
        event.due_at.FromDatetime(RECEIVED_AT + timedelta(minutes=15))
        return event

    return build


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The packaged policy."""
    names = frozenset(load_document("notification.policies", "templates").content["templates"])
    return load_policy(told_fields(), names)


@pytest.fixture
def keeper(policy: Policy) -> Keeper:
    """Keeps reminders as one who knows nobody: all of them are left to the router."""
    nobody = Directory(lambda _: None, lambda _: Standing.ACTIVE, lambda _: "")
    return Keeper(policy, nobody, on_queued=_nothing, on_due=_nothing)


def _nothing() -> None:
    """Nobody is to be woken."""


@pytest.fixture
async def migrated_url(database_url: str, migrated: Migrated) -> str:
    await migrated.migrate(database_url, "notification")
    return database_url


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    opened = Database(migrated_url, service="notification")
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
def signing_key(tmp_path: Path) -> dict[str, Any]:
    private, public = new_signing_key("leadchain")
    (tmp_path / "jwks.json").write_text(json.dumps(public))
    return private


@pytest.fixture
def token(signing_key: dict[str, Any]) -> str:
    return mint_token(
        signing_key,
        subject="leadctl",
        scopes=[],
        audience="leadchain",
        lifetime_s=600,
        now=datetime.now(UTC),
    )


@pytest.fixture
def settings(
    migrated_url: str,
    nats_url: str,
    tmp_path: Path,
    signing_key: dict[str, Any],
    permissions_grpc: str,
) -> Settings:
    return Settings.model_validate(
        {
            "database_url": migrated_url,
            "nats_url": nats_url,
            "http_port": 0,
            "grpc_port": 0,
            "permissions_grpc": permissions_grpc,
            "jwks_file": tmp_path / "jwks.json",
            "field_keys": RING,
            "index_key": base64.b64encode(b"i" * 32).decode(),
            "allow_loopback_http": True,
            "reminder_delay_scale": 0.01,
            "reminder_pace_s": 0.0,
        }
    )
