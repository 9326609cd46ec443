"""What the tests of forms share: a service that has forms and nothing else, its doors, and a page's parts."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import asyncpg
import grpc
import msgspec
import pytest
from lead_intake.accounts import Accounts
from lead_intake.channels.channel_files import load_channels
from lead_intake.forms import Forms
from lead_intake.rpc import forms as forms_rpc
from lead_intake.seals import Seals
from lead_intake.verifiers.protocol import Envelope
from lead_intake.webforms.app import WebForms
from lead_intake.webforms.render_tokens import RenderTokens
from lead_intake.workers.group_commit import GroupCommit
from leadchain.intake.v1 import form_events_pb2 as events
from leadchain.intake.v1 import forms_service_pb2 as pb
from leadchain.intake.v1.forms_service_pb2_grpc import FormsServiceStub
from servicekit.chassis import Chassis
from servicekit.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from lead_intake.settings import Settings
    from servicekit.database import Database

ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "姓名", "x-title-en": "Name", "maxLength": 50},
        "mobile": {"type": "string", "title": "手机号", "pattern": "^[0-9+() -]{7,20}$"},
        "category": {"title": "品类", "enum": ["机械装备", "汽车零部件"]},
        "employees": {"type": "integer", "minimum": 1},
        "remark": {"type": "string", "maxLength": 1000},
        "address": {"type": "object", "properties": {"city": {"type": "string"}}},
        "needs": {"type": "array", "items": {"enum": ["报价", "样品"]}},
        "urgent": {"type": "boolean"},
    },
    "required": ["name", "mobile"],
}
SITE = "https://www.example.com"


@dataclass
class Approvals:
    """Stands for the permissions service: notes what is used, and refuses the approval `refused`."""

    used: list[dict[str, Any]] = field(default_factory=list)

    async def use(self, approval_id: str, **named: Any) -> None:
        """Uses an approval."""
        if approval_id == "refused":
            raise Forbidden("not approved")
        self.used.append({"approval_id": approval_id, **named})


class Page(HTMLParser):
    """A page taken apart; `problem` names the first tag that does not close as it should."""

    VOID = frozenset({"meta", "input", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.inputs: dict[str, str] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.problem = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.problem = self.problem or " ".join(self._open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element."""
        given = dict(attrs)
        if len(given) != len(attrs):
            self.problem = self.problem or f"{tag} has an attribute twice"
        self.elements.append((tag, given))
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "input" and given.get("name"):
            self.inputs.setdefault(str(given["name"]), str(given.get("value") or ""))

    def handle_endtag(self, tag: str) -> None:
        """Notes whether it is the element that was opened last."""
        if not self._open or self._open.pop() != tag:
            self.problem = self.problem or f"{tag} closes nothing"


@dataclass
class Served:
    """A running service with forms."""

    http: aiohttp.ClientSession
    rpc: Any
    rows: asyncpg.Connection
    approvals: Approvals
    seals: Seals
    forms: Forms
    database: Database
    path: str = ""

    async def publish(self, wanted: dict[str, Any], *, form: str = "order", **named: Any) -> Any:
        """Publishes the next version."""
        last = await self.rows.fetchval(
            "select coalesce(max(version), 0) from form_versions join forms using (form_id) where name = $1",
            form,
        )
        request = {"version": last + 1, "approval_id": "a1", "idempotency_key": uuid4().hex}
        return await self.rpc.PublishForm(
            pb.PublishFormRequest(form=form, document=json.dumps(wanted), **{**request, **named})
        )

    async def page(self, **headers: str) -> Page:
        """The form's page."""
        async with self.http.get(self.path, headers=headers) as answer:
            assert answer.status == 200
            return Page(await answer.text())

    async def post(
        self, data: dict[str, Any], *, headers: dict[str, str] | None = None, path: str = ""
    ) -> tuple[int, str, Any]:
        """Posts a form as a browser does: status, text and headers of the answer."""
        pairs = [
            (name, one)
            for name, value in data.items()
            for one in (value if isinstance(value, list) else [value])
        ]
        sent = aiohttp.FormData(pairs)
        async with self.http.post(
            path or self.path, data=sent, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text(), answer.headers

    async def bodies(self) -> list[dict[str, Any]]:
        """The bodies of the stored deliveries, oldest first."""
        rows = await self.rows.fetch("select delivery_id, raw from deliveries order by delivery_id")
        opened = [self.seals.open_delivery(row[1], row[0]) for row in rows]
        envelopes = [msgspec.msgpack.decode(one, type=Envelope) for one in opened]
        assert {envelope.source for envelope in envelopes} <= {"form"}
        return [msgspec.json.decode(envelope.body) for envelope in envelopes]

    async def facts(self) -> list[Any]:
        """The events about forms, in order."""
        rows = await self.rows.fetch("select event_type, payload from outbox order by id")
        return [
            getattr(events, row[0].rpartition(".")[2]).FromString(row[1])
            for row in rows
            if ".Form" in row[0]
        ]


def document(schema: dict[str, Any] | None = None, **named: Any) -> dict[str, Any]:
    """A document that is quick to fill in; `named` are further members."""
    return {
        "schema": schema or ORDER,
        "title": {"zh": "预约演示", "en": "Book a demo"},
        "notice": {"version": "2026-01", "text": {"zh": "我同意示例公司与我联系", "en": "I agree"}},
        "first_action": "book_demo",
        "origins": [SITE],
        "min_fill_s": 0,
        **named,
    }


@asynccontextmanager
async def serving(settings: Settings, token: str) -> AsyncIterator[Served]:
    """A service with forms, started."""
    chassis = Chassis(settings)
    seals = Seals.of(settings)
    accounts = Accounts(chassis.database, load_channels(), seals)
    forms, approvals = Forms(chassis.database, seals.account_keys), Approvals()
    commits = GroupCommit(chassis.database, queue_max=100)
    chassis.workers += [accounts, forms]
    commits.wake = chassis.work("group commit", commits.step, idle_s=1.0).wake
    forms_rpc.serve(chassis, forms, seals, approvals)
    chassis.routes = WebForms(
        forms, accounts, commits, seals, RenderTokens.of(settings), trusted_hops=1
    )
    service = chassis.service()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(service.stop)
        await service.start()
        http = await stack.enter_async_context(
            aiohttp.ClientSession(f"http://127.0.0.1:{settings.http_port}")
        )
        channel = await stack.enter_async_context(
            grpc.aio.insecure_channel(
                f"127.0.0.1:{chassis.grpc.port}", interceptors=[_Bearer(token)]
            )
        )
        rows = await asyncpg.connect(settings.database_url.get_secret_value())
        stack.push_async_callback(rows.close)
        yield Served(
            http, FormsServiceStub(channel), rows, approvals, seals, forms, chassis.database
        )


class _Bearer(grpc.aio.UnaryUnaryClientInterceptor):
    """Sends a token with every call."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        metadata = grpc.aio.Metadata(("authorization", f"Bearer {self._token}"))
        return await continuation(details._replace(metadata=metadata, timeout=20), request)


@pytest.fixture
def start_forms(
    intake_settings: Callable[..., Settings], keys: Any
) -> Callable[[], AbstractAsyncContextManager[Served]]:
    """Starts a service with forms; twice where a test wants a restart."""
    return lambda: serving(intake_settings(), keys.token("operator"))


@pytest.fixture
async def served(
    start_forms: Callable[[], AbstractAsyncContextManager[Served]],
) -> AsyncIterator[Served]:
    """A service with the form `order`, of which nothing is published yet."""
    async with start_forms() as running:
        await running.rows.execute(
            """insert into accounts (channel, account, key_hmac, sealed_key, sealed_secrets, revision)
            values ('website_form', 'main', 'k', 'k', 's', 1)"""
        )
        put = pb.PutFormRequest(form="order", channel="website_form", account="main")
        running.path = (await running.rpc.PutForm(put)).path
        yield running


@pytest.fixture
async def shown(served: Served) -> Served:
    """The same with its first version published."""
    await served.publish(document())
    return served


@pytest.fixture
def make_document() -> Any:
    """Builds documents."""
    return document
