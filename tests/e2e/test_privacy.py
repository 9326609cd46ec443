"""A person is forgotten in the whole chain: six services as processes, of which one is killed on the way."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg
import pytest
from google.protobuf.message import DecodeError, Message
from leadchain.identity.v1.events_pb2 import LeadIdentified
from leadchain.intake.v1 import privacy_service_pb2 as pb
from leadchain.intake.v1.events_pb2 import LeadFacts, LeadReceived
from leadchain.intake.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from leadctl.demo.deliveries import Delivery, Kind
from leadctl.demo.environment import introduce_people, open_doors
from leadctl.demo.sender import signed_headers
from leadctl.installation import SERVICE_NAMES
from servicekit.sealing import KeyRing, SealingError
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from leadctl.clients import Services
    from leadctl.stack.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PHONE = "13800138064"
MASKED_PHONE = "138****8064"
NAME, EMAIL = "钱七七", "forgotten@example.com"
SAMPLES = (PHONE, MASKED_PHONE, NAME, EMAIL)
FORM = {
    "fields": {
        "name": NAME, "mobile": PHONE, "email": EMAIL, "city": "深圳",
        "industry": "医疗器械",
    },
    "page": {"url": "https://www.example.com/lp?utm_source=baidu&utm_medium=cpc"},
    "first_action": "book_demo",
    "consent": {"checked_at": "2026-01-25T13:30:00+08:00", "notice_version": "2026-01"},
    "hp": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def stack(shared_stack: Stack) -> Stack:
    return shared_stack


async def test_nothing_in_six_databases_or_in_any_log_names_a_forgotten_person(
    stack: Stack, known: Services
) -> None:
    await introduce_people(known, stack)
    door = (await open_doors(known, stack))["website_form"]
    lead_id = await posted(door, "msg_first")
    reminded = partial(is_reminded, stack, lead_id)
    await eventually(reminded, deadline_s=60, what="the owner is reminded")
    assert {sample for _, sample in await found(stack, lead_id)} == set(SAMPLES)

    request = pb.RequestErasureRequest(subject=pb.Subject(phone=PHONE), reason="DSR-1")
    async with without(stack, "identity"):
        request_id = (await ask(known, "RequestErasure", request)).request_id
    await eventually(
        lambda: is_completed(known, request_id), deadline_s=60, what="everybody has answered"
    )

    assert await found(stack, lead_id) == set()
    again = await posted(door, "msg_again")
    await eventually(lambda: is_suppressed(stack, again), deadline_s=30, what="the rejection")
    assert await found(stack, again) == set()
    assert logged(stack) == set()


@asynccontextmanager
async def without(stack: Stack, service: str) -> AsyncIterator[None]:
    """Kills a service, and starts it again in the end."""
    await asyncio.to_thread(stack.kill, service)
    try:
        yield
    finally:
        await stack.start(service)


async def posted(door: Any, webhook_id: str) -> str:
    """Posts the form; the lead's id."""
    body = json.dumps(FORM, ensure_ascii=False).encode()
    delivery = Delivery("website_form", Kind.NEW, body, webhook_id)
    headers = signed_headers(delivery, door.key, now_s=time.time())
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session,
        session.post(door.url, data=body, headers=headers) as answer,
    ):
        assert answer.status == 202
        return str((await answer.json())["id"])


async def ask(known: Services, rpc: str, request: Message) -> Any:
    with known.asking("lead-intake") as channel:
        return await getattr(PrivacyServiceStub(channel), rpc)(request)


async def is_completed(known: Services, request_id: str) -> bool:
    request = pb.GetSubjectRequestRequest(request_id=request_id)
    answer = await ask(known, "GetSubjectRequest", request)
    return bool(answer.request.state == pb.SUBJECT_REQUEST_STATE_COMPLETED)


async def is_reminded(stack: Stack, lead_id: str) -> bool:
    """Whether the reminder was taken and every event of every service has left."""
    taken = f"select exists (select from reminders where lead_id = '{lead_id}' and state = 2)"
    sent = "select not exists (select from outbox where published_at is null)"
    if not await value(stack, "notification", taken):
        return False
    return all([await value(stack, service, sent) for service in SERVICE_NAMES])


async def is_suppressed(stack: Stack, lead_id: str) -> bool:
    query = (
        f"select exists (select from items where lead_id = '{lead_id}' and reason = 'suppressed')"
    )
    return bool(await value(stack, "lead-intake", query))


async def value(stack: Stack, service: str, query: str) -> Any:
    connection = await asyncpg.connect(database_url(stack, service))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def database_url(stack: Stack, service: str) -> str:
    return stack.env(service)[f"{service.replace('-', '_').upper()}_DATABASE_URL"]


async def found(stack: Stack, lead_id: str) -> set[tuple[str, str]]:
    """Which samples stand in which table of which service, in any column, sealed values opened."""
    ring = KeyRing.parse(stack.env("lead-intake")["FIELD_KEYS"])
    context = bytes.fromhex(lead_id.replace("-", ""))
    places: set[tuple[str, str]] = set()
    for service in SERVICE_NAMES:
        connection = await asyncpg.connect(database_url(stack, service))
        try:
            async for table, content in contents(connection, ring, context):
                places |= {
                    (f"{service}.{table}", sample)
                    for sample in SAMPLES
                    if any(form in content for form in written(sample))
                }
        finally:
            await connection.close()
    return places


def written(sample: str) -> Iterable[bytes]:
    """A sample as it may stand somewhere: plain, escaped as JSON does, in base64."""
    plain = sample.encode()
    return plain, json.dumps(sample)[1:-1].encode(), base64.b64encode(plain).rstrip(b"=")


async def contents(
    connection: asyncpg.Connection, ring: KeyRing, context: bytes
) -> AsyncIterator[tuple[str, bytes]]:
    """Every value of every column of every table, and what is sealed in it for the lead."""
    tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    for (table,) in tables:
        for row in await connection.fetch(f'select * from "{table}"'):
            for each in row.values():
                yield table, str(each).encode()
                if isinstance(each, bytes):
                    yield table, each
                    for opened in opened_values(each, ring, context):
                        yield table, opened


def opened_values(content: bytes, ring: KeyRing, context: bytes) -> Iterator[bytes]:
    """What opens in a value: itself, or the contact of the facts or the event that it is."""
    sealed = [content]
    for kind in (LeadFacts, LeadReceived, LeadIdentified):
        try:
            message = kind.FromString(content)
        except DecodeError:
            continue
        facts = message if isinstance(message, LeadFacts) else message.facts
        sealed.append(facts.sealed_contact)
    for candidate in sealed:
        try:
            yield ring.open(candidate, context)
        except SealingError:
            continue


def logged(stack: Stack) -> set[tuple[str, str]]:
    """Which samples stand in which file that a service wrote."""
    return {
        (file.name, sample)
        for folder in ("logs", "spans")
        for file in (stack.directory / folder).iterdir()
        for sample in SAMPLES
        if sample != MASKED_PHONE and any(form in file.read_bytes() for form in written(sample))
    }
