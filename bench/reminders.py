"""Reminders a second through notification: from events on the bus to events that say who has it.

`python -m bench.reminders [COUNT]` starts NATS and PostgreSQL, as durable as the stack's, fills the bus with
assignments for 200 reps, and lets one process of the service tell them: by webhook (up to 50 in one), and by WeCom (up
to 5 in one). Beside them, in the same run, the raw limit: as many messages posted by the same client, nothing kept.
"""

from __future__ import annotations

import asyncio
import base64
import json
import resource
import sys
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import nats
import uvloop
from leadchain.assignment.v1.events_pb2 import LeadAssigned
from notification.app import build
from notification.commands import books
from notification.domain.addresses import Account, Address
from notification.domain.media import BUNDLE_SIZES, Medium
from notification.domain.people import Person
from notification.senders.calls import Calls
from notification.settings import Settings
from servicekit import migrations
from servicekit.auth import new_signing_key
from servicekit.database import Database
from servicekit.events import new_id, subject_of
from servicekit.local.nats_server import NatsServer
from servicekit.local.ports import free_port
from servicekit.local.postgres_server import PostgresServer
from servicekit.streams import apply_streams, load_definitions

from bench.programs import serving

if TYPE_CHECKING:
    from nats.aio.client import Client

    Figures = dict[str, float]

COUNT = 5_000
REPS = 200
RING = "bench:" + base64.b64encode(b"b" * 32).decode()
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
STREAMS = Path(__file__).parents[1] / "deploy" / "nats" / "streams.yaml"
DEADLINE_S = 240
AT_ONCE = 32


async def main() -> None:
    """Measures each medium and prints the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        stack.enter_context(serving("bench.reminders_server", port))
        postgres = PostgresServer(folder / "postgres", durable=True)
        bus = NatsServer(folder / "nats")
        for server in (postgres, bus):
            server.start()
        stack.callback(postgres.remove)
        stack.callback(bus.stop)
        there = f"http://127.0.0.1:{port}"
        for medium in (Medium.WEBHOOK, Medium.WECOM_APP):
            figures = await told(folder, postgres.url(), bus.url, there, medium, count)
            raw = await posted(there, count // BUNDLE_SIZES[medium])
            limit = raw["per_second"] * BUNDLE_SIZES[medium]
            shown = ", ".join(f"{name} {value:,.1f}" for name, value in figures.items())
            print(f"{medium.value}: {shown}; raw limit in full bundles {limit:,.0f}/s")


async def told(
    folder: Path, admin_url: str, nats_url: str, there: str, medium: Medium, count: int
) -> Figures:
    """Tells every owner by one medium; how many a second, and what it cost."""
    database_url = await _database(admin_url, f"bench_{medium.value}")
    settings = _settings(folder, database_url, nats_url)
    await asyncio.to_thread(migrations.upgrade, database_url, "notification")
    await _introduce(database_url, settings, there, medium)
    client = await nats.connect(nats_url)
    await _fill(client, nats_url, count)
    service = build(settings).service()
    before_s, begun_s = _cpu_s(), time.perf_counter()
    await service.start()
    await _done(client, count)
    took_s = time.perf_counter() - begun_s
    figures = {
        "reminders_per_second": count / took_s,
        "cpu_us_per_reminder": (_cpu_s() - before_s) / count * 1e6,
    }
    await service.stop()
    await client.close()
    return figures


async def posted(there: str, messages: int) -> Figures:
    """The raw limit: as many messages as that, posted by the same client, nothing kept."""
    calls, body = Calls(), b'{"type":"reminders","reminders":[]}' + b" " * 2000
    await calls.start()
    left = iter(range(messages))

    async def post() -> None:
        for _ in left:
            await calls.post_bytes(f"{there}/told", "told", body=body, headers={})

    begun_s = time.perf_counter()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(calls.stop)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(post())
        took_s = time.perf_counter() - begun_s
    return {"per_second": messages / took_s}


async def _database(admin_url: str, name: str) -> str:
    import asyncpg

    connection = await asyncpg.connect(admin_url)
    await connection.execute(f'create database "{name}"')
    await connection.close()
    return f"{admin_url.rpartition('/')[0]}/{name}"


def _settings(folder: Path, database_url: str, nats_url: str) -> Settings:
    _, public = new_signing_key("leadchain")
    (folder / "jwks.json").write_text(json.dumps(public))
    return Settings.model_validate(
        {
            "database_url": database_url,
            "nats_url": nats_url,
            "http_port": 0,
            "grpc_port": 0,
            "permissions_grpc": "127.0.0.1:9",
            "jwks_file": folder / "jwks.json",
            "field_keys": RING,
            "index_key": base64.b64encode(b"i" * 32).decode(),
            "allow_loopback_http": True,
            "beacon_base_url": "http://127.0.0.1:9",
        }
    )


async def _introduce(database_url: str, settings: Settings, there: str, medium: Medium) -> None:
    keys, database = settings.key_ring(), Database(database_url, service="bench")
    account = Account(
        "wecom",
        Medium.WECOM_APP,
        there,
        {"corp_id": "ww1", "agent_id": "1", "secret": "vendor-secret"},
    )
    async with database.unit_of_work() as uow:
        await books.put_accounts(uow, [account], keys=keys)
        await books.put_recipients(uow, [_rep(n, there, medium) for n in range(REPS)], keys=keys)
    await database.stop()


def _rep(number: int, there: str, medium: Medium) -> Person:
    address = Address(Medium.WECOM_APP, f"user-{number}", account_id="wecom")
    if medium is Medium.WEBHOOK:
        address = Address(medium, f"{there}/rep-{number}", SECRET)
    return Person(f"rep-{number}", [address])


async def _fill(client: Client, nats_url: str, count: int) -> None:
    """Fresh streams, with an assignment for each lead."""
    jetstream = client.jetstream()
    for stream in await jetstream.streams_info():
        await jetstream.delete_stream(str(stream.config.name))
    definitions = [replace(d, max_size_bytes=2**28) for d in load_definitions(STREAMS)]
    await apply_streams(nats_url, definitions)
    now = datetime.now(UTC)
    for number in range(count):
        event = LeadAssigned(
            event_id=new_id(),
            lead_id=new_id(),
            golden_id=f"{number:064x}",
            assignee_id=f"rep-{number % REPS}",
            assignment_no=1,
            channel="website_form",
            region_display="广东 深圳",
            industry="医疗器械",
            phone_display="138****8001",
            first_action="book_demo",
        )
        event.occurred_at.FromDatetime(now)
        event.received_at.FromDatetime(now)
        event.contact_due_at.FromDatetime(now + timedelta(minutes=15))
        subject = subject_of(event.DESCRIPTOR.full_name, event.lead_id)
        await client.publish(subject, event.SerializeToString())
    await client.flush(timeout=60)
    while (await jetstream.stream_info("ASSIGNMENT")).state.messages < count:
        await asyncio.sleep(0.05)


async def _done(client: Client, count: int) -> None:
    """Returns when an event said of every reminder that a provider or its recipient has it."""
    jetstream = client.jetstream()
    async with asyncio.timeout(DEADLINE_S):
        while (await jetstream.stream_info("NOTIFICATION")).state.messages < count:
            await asyncio.sleep(0.05)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    uvloop.run(main())
