"""What identity's tests share: keys, a migrated database, and builders of leads whose defaults are valid."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import UUID

import grpc
import nats
import pytest
import pytest_asyncio
from accesskit.changes import Change, PolicyPut, PrincipalPut
from accesskit.testing.plugin import COLLEAGUES
from accesskit.testing.stand_in import StandIn, colleagues
from accesskit.testing.stand_in import serving as permitting
from identity.app import build, shipped_model
from identity.commands.resolving import Resolver
from identity.domain.golden_ids import FIRST_KEY_ID, GoldenIdKeys
from identity.seals import Digests, Seals
from identity.settings import Settings
from identity.wire.leads import LeadReader
from leadchain.intake.v1.events_pb2 import Contact, LeadReceived
from matchkit.model import Field, Model, Weight
from msgspec.structs import replace as replaced
from nats.aio.client import Client
from servicekit.auth import mint_token, new_signing_key
from servicekit.chassis import Chassis
from servicekit.database import Database
from servicekit.events import new_id
from servicekit.grpc_client import connect
from servicekit.sealing import KeyRing
from servicekit.streams import apply_streams, load_definitions
from servicekit.testing.accounts import empty_account
from servicekit.testing.databases import Administrator, Migrated
from servicekit.testing.servers import TestNats, TestPostgres

CRM = Path(__file__).parents[2] / "permissions" / "permissions" / "policies" / "crm.yaml"
STREAMS = Path(__file__).parents[3] / "deploy" / "nats" / "streams.yaml"
READ_FROM = {"INTAKE", "IDENTITY", "ASSIGNMENT", "PERMISSIONS"}
RECEIVED_AT = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
RING = f"test:{base64.b64encode(b'r' * 32).decode()}"
INDEX_KEY = base64.b64encode(b"i" * 32).decode()
GOLDEN_ID_KEY = b"g" * 32


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing.parse(RING)


@pytest.fixture
def reader(ring: KeyRing) -> LeadReader:
    return LeadReader(ring)


def weighted(field: Field) -> Field:
    """The field with round weights: an identifier's agreement nearly suffices, a name's or a place's never does."""
    levels = field.of_kind().levels
    weights = dict.fromkeys(levels, Weight(0.02, 0.01))
    exact_u = {"name": 0.002, "masked_phone": 0.3}.get(field.name, 0.1)
    weights[levels[0]] = Weight(0.9, 0.00002 if field.identifier else exact_u)
    weights[levels[-1]] = Weight(0.1, 0.98)
    return replaced(field, weights=weights, uses_frequencies=False)


@pytest.fixture(scope="session")
def model() -> Model:
    """The shipped fields and keys with weights that tests can reckon with."""
    shipped = Model.load(shipped_model())
    return replaced(
        shipped,
        version="test-1",
        fields=tuple(map(weighted, shipped.fields)),
        prior_bits=-12.0,
        frequencies={},
    )


@pytest.fixture
def resolver(model: Model, ring: KeyRing) -> Resolver:
    keys = GoldenIdKeys({FIRST_KEY_ID: GOLDEN_ID_KEY})
    return Resolver(model, Seals(ring), Digests(INDEX_KEY), keys)


def name_of(phone: str) -> str:
    """A made-up name for a made-up phone: other last digits, another name."""
    last = [int(letter) for letter in f"000{phone}" if letter.isdigit()][-3:]
    return (
        "赵钱孙李周吴郑王冯陈"[last[2]]
        + "伟芳娜敏静丽强磊军洋"[last[1]]
        + "国建海春秋文武天水云"[last[0]]
    )


@pytest.fixture
def received(ring: KeyRing) -> Callable[..., LeadReceived]:
    """Builds a `LeadReceived` of somebody with a phone."""

    def build(
        *,
        phone: str = "+8613800138001",
        name: str = "",
        uscc: str = "",
        masked_phone: str = "",
        extension: str = "",
        lead_id: str | None = None,
        received_at: datetime = RECEIVED_AT,
    ) -> LeadReceived:
        event = LeadReceived(event_id=new_id(), lead_id=lead_id or new_id())
        event.occurred_at.FromDatetime(received_at)
        event.facts.channel = "website_form"
        event.facts.received_at.FromDatetime(received_at)
        event.facts.region.city = "深圳"
        contact = Contact(
            name=name or name_of(phone), phone_e164=phone, uscc=uscc, masked_phone=masked_phone
        )
        contact.phone_extension = extension
        sealed = ring.seal(contact.SerializeToString(), UUID(event.lead_id).bytes)
        event.facts.sealed_contact = sealed
        return event

    return build


@pytest.fixture
async def migrated_url(database_url: str, migrated: Migrated) -> str:
    await migrated.migrate(database_url, "identity")
    return database_url


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    opened = Database(migrated_url, service="identity")
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


def minting(signing_key: dict[str, Any]) -> Callable[..., str]:
    """Makes tokens of a key."""

    def mint(subject: str, *, device_id: str = "") -> str:
        return mint_token(
            signing_key,
            subject=subject,
            scopes=[],
            audience="leadchain",
            lifetime_s=600,
            now=datetime.now(UTC),
            device_id=device_id,
        )

    return mint


@pytest.fixture
def token_of(signing_key: dict[str, Any]) -> Callable[..., str]:
    """Makes a token of somebody's, perhaps on a device."""
    return minting(signing_key)


def settings_of(**named: Any) -> Settings:
    """Settings of a service whose servers and keys are `named`."""
    usual = {
        "http_port": 0,
        "grpc_port": 0,
        "field_keys": RING,
        "index_key": INDEX_KEY,
        "golden_id_key": base64.b64encode(GOLDEN_ID_KEY).decode(),
    }
    return Settings.model_validate(usual | named)


@pytest.fixture
def settings(
    migrated_url: str,
    nats_url: str,
    tmp_path: Path,
    signing_key: dict[str, Any],
    permissions_grpc: str,
) -> Settings:
    return settings_of(
        database_url=migrated_url,
        nats_url=nats_url,
        permissions_grpc=permissions_grpc,
        jwks_file=tmp_path / "jwks.json",
    )


@pytest.fixture
def crm() -> list[Change]:
    """The product's own policy, and the operator's command, as changes that the stand-in applies."""
    return [
        PolicyPut(2, CRM.read_text("utf-8"), "live"),
        PrincipalPut("leadctl", "service", "active", 1),
    ]


@dataclass
class Served:
    """A running service as its neighbours see it: the bus, and a channel of each caller's own."""

    bus: Client
    port: int
    token_of: Callable[..., str]
    channels: AsyncExitStack

    async def channel(self, subject: str, *, device_id: str = "") -> grpc.aio.Channel:
        """A channel with this caller's token, open as long as the service runs."""
        token = self.token_of(subject, device_id=device_id)
        opened = connect(f"127.0.0.1:{self.port}", token=lambda: token)
        return await self.channels.enter_async_context(opened)


@asynccontextmanager
async def serving(
    chassis: Chassis, nats_url: str, token_of: Callable[..., str]
) -> AsyncIterator[Served]:
    """Runs a chassis on the streams that identity reads; it must end without a fault."""
    definitions = [each for each in load_definitions(STREAMS) if each.name in READ_FROM]
    await apply_streams(nats_url, [replace(each, max_size_bytes=2**24) for each in definitions])
    service = chassis.service()
    await service.start()
    async with AsyncExitStack() as channels:
        bus = await nats.connect(nats_url)
        channels.push_async_callback(bus.close)
        yield Served(bus, chassis.grpc.port, token_of, channels)
    assert await service.stop() == 0


@pytest.fixture
def serve(
    nats_url: str, token_of: Callable[..., str]
) -> Callable[[Chassis], AbstractAsyncContextManager[Served]]:
    """Runs a chassis; see `serving`."""
    return lambda chassis: serving(chassis, nats_url, token_of)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_identity(
    postgres_server: TestPostgres,
    administrator: Administrator,
    migrated: Migrated,
    nats_server: TestNats,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Served]:
    """The whole service for all tests of a module that keep nothing in it."""
    name, nats_url = f"identity_{token_hex(6)}", nats_server.next_url()
    url, folder = postgres_server.url(name), tmp_path_factory.mktemp("identity")
    key = write_key(folder)
    await migrated.migrate(url, "identity")
    await empty_account(nats_url)
    async with permitting(StandIn(colleagues(*COLLEAGUES))) as permissions_grpc:
        settings = settings_of(
            database_url=url,
            nats_url=nats_url,
            permissions_grpc=permissions_grpc,
            jwks_file=folder / "jwks.json",
        )
        async with serving(build(settings), nats_url, minting(key)) as served:
            yield served
    await administrator.drop(name)
