"""What lead-intake's tests share: a migrated database, a running service with two accounts, signed requests."""

from __future__ import annotations

import base64
import hmac
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import asyncpg
import grpc
import pytest
import pytest_asyncio
from accesskit.testing.plugin import COLLEAGUES
from accesskit.testing.stand_in import StandIn, colleagues, serving
from lead_intake.app import build
from lead_intake.settings import Settings
from leadchain.intake.v1 import intake_service_pb2 as pb
from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from leadctl.fakes.graph_api import FakeGraphApi
from servicekit.auth import mint_token, new_signing_key
from servicekit.http_host import HttpHost
from servicekit.streams import apply_streams, load_definitions
from servicekit.testing.accounts import empty_account
from servicekit.testing.databases import drop_database
from servicekit.testing.waiting import eventually
from servicekit.v1.book_service_pb2_grpc import BookServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from servicekit.service import Service
    from servicekit.streams import StreamDefinition
    from servicekit.testing.databases import Migrated
    from servicekit.testing.servers import TestNats, TestPostgres

STREAMS_FILE = Path(__file__).parents[3] / "deploy" / "nats" / "streams.yaml"
STREAM_BYTES_MAX = 16 * 1024 * 1024
KEY = base64.b64encode(bytes(range(32))).decode()
FORM_SECRET = "whsec_" + base64.b64encode(b"form-secret-of-this-test").decode()
PAGE_SECRET = "page-secret-of-this-test"
VERIFY_TOKEN = "verify-token-of-this-test"
ACCESS_TOKEN = "access-token-of-this-test"
OF_OWN_ACCOUNT = (
    "($1 = '' or account_id in (select account_id from accounts where starts_with(account, $1)))"
)


@dataclass
class Intake:
    """A running lead-intake, as the outside sees it: its door, its RPCs and its database."""

    http: aiohttp.ClientSession
    rpc: Any
    book: Any
    rows: asyncpg.Connection
    graph: FakeGraphApi
    service: Service
    grpc_port: int
    paths: dict[str, str] = field(default_factory=dict)
    own: str = ""
    """How the names of its accounts begin; where others use the same service, their items are not shown."""

    async def put_account(self, channel: str, account: str = "main", **named: Any) -> str:
        """Creates an account; its path."""
        request = pb.PutAccountRequest(channel=channel, account=self.own + account, **named)
        response: pb.PutAccountResponse = await self.rpc.PutAccount(request)
        return response.path

    async def post_form(self, body: bytes | dict[str, Any], **named: Any) -> tuple[int, Any]:
        """Posts a signed form; status and decoded answer."""
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        headers = sign_form(raw, **named)
        async with self.http.post(self.paths["website_form"], data=raw, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def post_page(self, body: dict[str, Any]) -> int:
        """Posts a signed page event; the status."""
        raw = json.dumps(body).encode()
        async with self.http.post(
            self.paths["facebook_leadgen"], data=raw, headers=sign_page(raw)
        ) as answer:
            return answer.status

    async def accepted_form(self, body: bytes | dict[str, Any]) -> str:
        """Posts a form that must be accepted; the delivery's id."""
        status, answer = await self.post_form(body)
        assert status == 202
        return str(answer["id"])

    async def put_usual_accounts(self) -> None:
        """Creates the two accounts that `post_form` and `post_page` post to."""
        self.paths["website_form"] = await self.put_account("website_form", secrets=[FORM_SECRET])
        self.paths["facebook_leadgen"] = await self.put_account(
            "facebook_leadgen",
            secrets=[PAGE_SECRET],
            verify_token=VERIFY_TOKEN,
            access_token=ACCESS_TOKEN,
        )

    async def deliveries(self) -> list[asyncpg.Record]:
        """Every delivery, in order."""
        found: list[asyncpg.Record] = await self.rows.fetch(
            f"select * from deliveries where {OF_OWN_ACCOUNT} order by delivery_id", self.own
        )
        return found

    async def items(self) -> list[asyncpg.Record]:
        """Every item, in order."""
        found: list[asyncpg.Record] = await self.rows.fetch(
            f"select * from items where {OF_OWN_ACCOUNT} order by lead_id", self.own
        )
        return found

    async def settled(self, count: int) -> list[asyncpg.Record]:
        """The items, once there are `count` and none waits for anything."""

        async def all_settled() -> list[asyncpg.Record] | None:
            found = await self.items()
            waiting = any(item["state"] in (1, 5) for item in found)
            return found if len(found) == count and not waiting else None

        found = await eventually(all_settled, deadline_s=20, what=f"{count} settled items")
        assert found is not None
        return found

    async def events(self) -> list[tuple[str, str]]:
        """Type and key of every event about what came, in the outbox's order."""
        rows = await self.outbox()
        return [(row["event_type"].rpartition(".")[2], row["key"]) for row in rows]

    async def outbox(self) -> list[asyncpg.Record]:
        """The outbox's rows of every event about what came, in order."""
        found: list[asyncpg.Record] = await self.rows.fetch(
            f"""select * from outbox where event_type not like '%.ConfigurationChanged'
            and ($1 = '' or key in (select lead_id::text from items where {OF_OWN_ACCOUNT}))
            order by id""",
            self.own,
        )
        return found


def sign_form(
    raw: bytes,
    *,
    webhook_id: str | None = None,
    secret: str = FORM_SECRET,
    at_s: float | None = None,
) -> dict[str, str]:
    """Headers of Standard Webhooks for a body."""
    webhook_id = webhook_id or f"msg_{uuid4().hex}"
    timestamp = str(int(time.time() if at_s is None else at_s))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{webhook_id}.{timestamp}.".encode() + raw, "sha256")
    return {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def sign_page(raw: bytes, *, secret: str = PAGE_SECRET) -> dict[str, str]:
    """Headers of Facebook for a body."""
    digest = hmac.digest(secret.encode(), raw, "sha256").hex()
    return {"content-type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}


def form(**named: Any) -> dict[str, Any]:
    """The body of a form, as our own page sends it; `named` are fields of the form."""
    fields = {
        "name": "赵六",
        "mobile": "13800138004",
        "company": "示例精密制造有限公司",
        "industry": "精密零部件",
        "city": "深圳",
        **named,
    }
    return {
        "fields": fields,
        "page": {
            "url": "https://www.example.com/lp?utm_source=baidu&utm_medium=cpc",
            "referrer": "https://www.baidu.com/",
        },
        "first_action": "book_demo",
        "consent": {"checked_at": "2026-01-25T13:30:00+08:00"},
        "hp": "",
    }


def page_event(*leadgen_ids: Any, field_name: str = "leadgen") -> dict[str, Any]:
    """A page's event, one change for each id."""
    changes = [
        {"field": field_name, "value": {"leadgen_id": each, "form_id": 551111744595541}}
        for each in leadgen_ids
    ]
    entry = {"id": "51044240199134611", "time": 1447342027, "changes": changes}
    return {"object": "page", "entry": [entry]}


@asynccontextmanager
async def running_graph() -> AsyncIterator[tuple[FakeGraphApi, str]]:
    """The fake Graph API on a port; the API and its address."""
    api = FakeGraphApi(access_token=ACCESS_TOKEN)
    host = HttpHost("127.0.0.1", 0, api)
    await host.start()
    try:
        yield api, f"http://127.0.0.1:{host.port}/v24.0"
    finally:
        await host.stop()


@asynccontextmanager
async def running_intake(
    settings: Settings, token: str, graph: FakeGraphApi
) -> AsyncIterator[Intake]:
    """The service, started and ready, and clients of it."""
    chassis = build(settings)
    service = chassis.service()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(service.stop)
        await service.start()
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                f"http://127.0.0.1:{settings.http_port}", timeout=aiohttp.ClientTimeout(total=20)
            )
        )
        credentials = _Bearer(token)
        channel = await stack.enter_async_context(
            grpc.aio.insecure_channel(f"127.0.0.1:{chassis.grpc.port}", interceptors=[credentials])
        )
        rows = await asyncpg.connect(settings.database_url.get_secret_value())
        stack.push_async_callback(rows.close)
        stubs = IntakeServiceStub(channel), BookServiceStub(channel)
        yield Intake(http, *stubs, rows, graph, service, chassis.grpc.port)


class _Bearer(grpc.aio.UnaryUnaryClientInterceptor):
    """Sends a token with every call that brings none of its own."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        metadata = details.metadata or grpc.aio.Metadata(("authorization", f"Bearer {self._token}"))
        return await continuation(details._replace(metadata=metadata, timeout=20), request)


@dataclass(frozen=True)
class Keys:
    """The signing key of one test, and where its public part is."""

    private: dict[str, Any]
    jwks_file: Path

    def token(self, *scopes: str) -> str:
        """A token with these scopes."""
        return mint_token(
            self.private,
            subject="leadctl",
            scopes=scopes,
            audience="leadchain",
            lifetime_s=600,
            now=datetime.now(UTC),
        )


def new_keys(folder: Path) -> Keys:
    """A new signing key, whose public part is in `folder`."""
    private, public = new_signing_key("leadchain")
    file = folder / "jwks.json"
    file.write_text(json.dumps(public))
    return Keys(private, file)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return new_keys(tmp_path)


@cache
def small_streams() -> tuple[StreamDefinition, ...]:
    """The product's streams, small enough that every account of a test run can hold them."""
    return tuple(
        replace(each, max_size_bytes=STREAM_BYTES_MAX)
        for each in load_definitions(STREAMS_FILE)
        if each.name != "ADVISORIES"
    )


def usual_settings(**named: Any) -> Settings:
    """Settings of a service whose servers, keys and door are `named`."""
    usual: dict[str, Any] = {
        "grpc_port": 0,
        "field_keys": f"k1:{KEY}",
        "index_key": KEY,
        "fetch_retry_scale": 0.01,
        "grace_period_s": 20,
    }
    return Settings(**{**usual, **named})


@pytest.fixture
async def migrated_url(database_url: str, migrated: Migrated) -> str:
    await migrated.migrate(database_url, "lead_intake")
    return database_url


@pytest.fixture
async def intake_settings(
    migrated_url: str, nats_url: str, keys: Keys, unused_tcp_port: int, permissions_grpc: str
) -> Callable[..., Settings]:
    await apply_streams(nats_url, small_streams())

    own = {
        "database_url": migrated_url,
        "nats_url": nats_url,
        "permissions_grpc": permissions_grpc,
        "jwks_file": keys.jwks_file,
        "http_port": unused_tcp_port,
    }
    return partial(usual_settings, **own)


@pytest.fixture
async def graph() -> AsyncIterator[tuple[FakeGraphApi, str]]:
    async with running_graph() as running:
        yield running


@pytest.fixture
def start_intake(
    intake_settings: Callable[..., Settings], graph: tuple[FakeGraphApi, str], keys: Keys
) -> Callable[..., AbstractAsyncContextManager[Intake]]:
    """Starts a lead-intake; twice on the same database where a test wants a restart."""

    @asynccontextmanager
    async def start(**named: Any) -> AsyncIterator[Intake]:
        settings = intake_settings(graph_base_url=graph[1], **named)
        async with running_intake(settings, keys.token("operator"), graph[0]) as running:
            await running.put_usual_accounts()
            yield running

    return start


@pytest.fixture
async def intake(
    start_intake: Callable[..., AbstractAsyncContextManager[Intake]],
) -> AsyncIterator[Intake]:
    async with start_intake() as running:
        yield running


@pytest.fixture(scope="module")
def lasting_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The signing key of `lasting_intake`."""
    return new_keys(tmp_path_factory.mktemp("keys"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_intake(
    postgres_server: TestPostgres,
    nats_server: TestNats,
    migrated: Migrated,
    lasting_keys: Keys,
    unused_tcp_port_factory: Callable[[], int],
) -> AsyncIterator[Intake]:
    """A lead-intake for all tests of a module, none of which asks for a bus of its own."""
    name, nats_url = f"intake_{token_hex(6)}", nats_server.next_url()
    url = postgres_server.url(name)
    await migrated.migrate(url, "lead_intake")
    await empty_account(nats_url)
    await apply_streams(nats_url, small_streams())
    async with (
        serving(StandIn(colleagues(*COLLEAGUES))) as permissions_grpc,
        running_graph() as (graph, graph_url),
        running_intake(
            usual_settings(
                database_url=url,
                nats_url=nats_url,
                permissions_grpc=permissions_grpc,
                jwks_file=lasting_keys.jwks_file,
                http_port=unused_tcp_port_factory(),
                graph_base_url=graph_url,
            ),
            lasting_keys.token("operator"),
            graph,
        ) as running,
    ):
        yield running
    await drop_database(postgres_server.admin_url, name)


@pytest_asyncio.fixture(loop_scope="module")
async def shared_intake(lasting_intake: Intake) -> Intake:
    """The module's lead-intake with accounts of this test's own, whose items alone are shown."""
    own = replace(lasting_intake, own=f"{token_hex(4)}-", paths={})
    await own.put_usual_accounts()
    return own


@pytest.fixture(scope="session")
def samples() -> Any:
    """The builders of this folder, for tests that make requests by hand."""
    return _Samples


class _Samples:
    form = staticmethod(form)
    page_event = staticmethod(page_event)
    sign_form = staticmethod(sign_form)
    sign_page = staticmethod(sign_page)
    form_secret = FORM_SECRET
    page_secret = PAGE_SECRET
    verify_token = VERIFY_TOKEN
    access_token = ACCESS_TOKEN
    key = KEY
