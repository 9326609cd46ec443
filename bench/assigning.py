"""Leads assigned a second through the service: from events on the bus to events that say who has each lead.

`python -m bench.assigning [--leads 20000] [--replicas 4] [--reps 200] [--runs 3]` starts NATS and PostgreSQL, as
durable as the stack's, and so many processes of assignment, which share the leads as replicas do. All leads are of one
place that every rep covers, and each has a customer of its own, so that turns can be counted: "spread" is the most that
one rep was ahead of another, in leads per weight, after any of the leads; 1 is what is fair. Beside it, in the same
run, the raw limit: as many processes that take the same events and commit a row for each, but decide nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import asyncpg
import nats
import psutil
import uvloop
from assignment import commands
from assignment.domain.leads import RepId
from assignment.domain.reps import Rep
from leadchain.assignment.v1.events_pb2 import LeadAssigned
from leadchain.identity.v1.events_pb2 import LeadIdentified
from leadchain.intake.v1.events_pb2 import RegionPrecision
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError
from rich.console import Console
from rich.table import Table
from servicekit import migrations
from servicekit.auth import new_signing_key
from servicekit.database import Database
from servicekit.events import new_id, subject_filter, subject_of
from servicekit.local.nats_server import NatsServer
from servicekit.local.ports import free_port
from servicekit.local.postgres_server import PostgresServer
from servicekit.logs import configure_logging
from servicekit.streams import apply_streams, load_definitions

from bench import bare_assigning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from nats.aio.client import Client

STREAMS = Path(__file__).parents[1] / "deploy" / "nats" / "streams.yaml"
STREAM_BYTES = 2**28
DURABLE = "assignment-LeadIdentified"
IDENTIFIED = subject_filter(LeadIdentified.DESCRIPTOR.full_name)
ASSIGNED = subject_filter(LeadAssigned.DESCRIPTOR.full_name)
BARE_TABLE = "create table bare (lead_id uuid primary key, owner text not null)"
BEGINS_WITHIN_S = 120
DEADLINE_S = 240
ENDS_WITHIN_S = 20
FETCH_TIMEOUT_S = 10
POLL_S = 0.05
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers are, and a folder for keys."""

    folder: Path
    nats_url: str
    admin_url: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Leads a second, microseconds of processor time a lead took in all replicas, and the turns' spread."""

    per_second: float
    cpu_us: float
    spread: float


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.assigning", description=__doc__)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--reps", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3, help="the median is told")
    uvloop.run(measure(parser.parse_args(), Console(highlight=False)))


async def measure(options: argparse.Namespace, console: Console) -> None:
    """Runs the service and the raw limit by turns."""
    configure_logging("bench", "ERROR")
    console.print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    reps = [made_rep(number) for number in range(options.reps)]
    with running_servers() as servers:
        pairs = [
            (
                await assigned(servers, reps, options.leads, options.replicas),
                await bare(servers, options.leads, options.replicas),
            )
            for _ in range(options.runs)
        ]
    rate, raw = (median(each.per_second for each in runs) for runs in zip(*pairs, strict=True))
    cpu_us = median(figures.cpu_us for figures, _ in pairs)
    spread = max(figures.spread for figures, _ in pairs)
    table = Table("leads/s", "raw leads/s", "ratio", "us CPU a lead", "spread, leads per weight")
    table.add_row(
        f"{rate:,.0f}", f"{raw:,.0f}", f"{rate / raw:.2f}", f"{cpu_us:,.0f}", f"{spread:.2f}"
    )
    console.print(f"{options.leads:,} leads, {options.replicas} replicas, {options.reps} reps")
    console.print(table)


@contextmanager
def running_servers() -> Iterator[Servers]:
    """NATS and PostgreSQL in a folder of their own, which goes with them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leadchain-bench-")))
        _, public = new_signing_key("leadchain")
        (folder / "jwks.json").write_text(json.dumps(public))
        postgres, bus = (
            PostgresServer(folder / "postgres", durable=True),
            NatsServer(folder / "nats"),
        )
        stack.callback(postgres.remove)
        postgres.start()
        stack.callback(bus.stop)
        bus.start()
        yield Servers(folder, bus.url, postgres.url())


async def assigned(servers: Servers, reps: Sequence[Rep], leads: int, replicas: int) -> Figures:
    """The service on a fresh database and fresh streams."""
    async with fresh_streams(servers) as client, fresh_database(servers) as database_url:
        await asyncio.to_thread(migrations.upgrade, database_url, "assignment")
        await introduce(database_url, reps)
        command = [sys.executable, "-m", "assignment"]
        environments = [service_environment(servers, database_url) for _ in range(replicas)]
        with started(command, environments) as processes:
            per_second, cpu_us = await timed(client, DURABLE, processes, leads)
        return Figures(per_second, cpu_us, await spread(client, reps, leads))


async def bare(servers: Servers, leads: int, replicas: int) -> Figures:
    """The raw limit, on the same servers."""
    async with fresh_streams(servers) as client, fresh_database(servers) as database_url:
        connection = await asyncpg.connect(database_url)
        await connection.execute(BARE_TABLE)
        await connection.close()
        shared = ConsumerConfig(durable_name=bare_assigning.DURABLE, filter_subject=IDENTIFIED)
        await client.jetstream().add_consumer("IDENTITY", shared)
        command = [sys.executable, "-m", bare_assigning.__name__, servers.nats_url, database_url]
        with started(command, [dict(os.environ)] * replicas) as processes:
            return Figures(*await timed(client, bare_assigning.DURABLE, processes, leads), 0.0)


async def timed(
    client: Client, durable: str, processes: Sequence[psutil.Process], leads: int
) -> tuple[float, float]:
    """Leads a second, from the first event published to the last that says who has a lead; and processor time."""
    async with asyncio.timeout(BEGINS_WITHIN_S):
        while not await all_wait(client, durable, len(processes)):
            await asyncio.sleep(POLL_S)
    events = [identified(number) for number in range(leads)]
    cpu_before_s, begun_s = cpu_s(processes), time.perf_counter()
    for event in events:
        subject = subject_of(event.DESCRIPTOR.full_name, event.lead_id)
        await client.publish(subject, event.SerializeToString())
    async with asyncio.timeout(DEADLINE_S):
        while (await client.jetstream().stream_info("ASSIGNMENT")).state.messages < leads:
            await asyncio.sleep(POLL_S)
    took_s = time.perf_counter() - begun_s
    return leads / took_s, (cpu_s(processes) - cpu_before_s) / leads * 1e6


async def all_wait(client: Client, durable: str, replicas: int) -> bool:
    """Whether every replica has asked the consumer for leads."""
    try:
        found = await client.jetstream().consumer_info("IDENTITY", durable)
    except NotFoundError:
        return False
    return bool(found.num_waiting == replicas)


async def spread(client: Client, reps: Sequence[Rep], leads: int) -> float:
    """The most that one rep was ahead of another after any lead, in leads per weight.

    Raises AssertionError when a lead has two owners, or none.
    """
    weights = {rep.rep_id: rep.weight for rep in reps}
    given, widest = Counter(dict.fromkeys(weights, 0)), 0.0
    seen: set[str] = set()
    unacknowledged = ConsumerConfig(ack_policy=AckPolicy.NONE)
    subscription = await client.jetstream().pull_subscribe(
        ASSIGNED, durable="bench", config=unacknowledged
    )
    while len(seen) < leads:
        for message in await subscription.fetch(PAGE, timeout=FETCH_TIMEOUT_S):
            event = LeadAssigned.FromString(message.data)
            if event.lead_id in seen:
                raise AssertionError(f"{event.lead_id} has two owners")
            seen.add(event.lead_id)
            given[RepId(event.assignee_id)] += 1
            shares = [given[rep_id] / weight for rep_id, weight in weights.items()]
            widest = max(widest, max(shares) - min(shares))
    return widest


@contextmanager
def started(
    command: Sequence[str], environments: Sequence[Mapping[str, str]]
) -> Iterator[list[psutil.Process]]:
    """A process for each environment, while the block runs."""
    with ExitStack() as stack:
        running = []
        for environment in environments:
            process = psutil.Popen(command, env=environment)
            stack.callback(process.wait, ENDS_WITHIN_S)
            stack.callback(process.kill)
            running.append(process)
        yield running


def service_environment(servers: Servers, database_url: str) -> dict[str, str]:
    """What a process of assignment is told; nobody asks it, so that permissions need not be there."""
    own = {
        "ASSIGNMENT_DATABASE_URL": database_url,
        "NATS_URL": servers.nats_url,
        "HTTP_PORT": str(free_port()),
        "GRPC_PORT": str(free_port()),
        "JWKS_FILE": str(servers.folder / "jwks.json"),
        "PERMISSIONS_GRPC": "127.0.0.1:9",
        "LOG_LEVEL": "ERROR",
    }
    return {**os.environ, **own}


@asynccontextmanager
async def fresh_streams(servers: Servers) -> AsyncIterator[Client]:
    """The streams without a message, and a connection."""
    client = await nats.connect(servers.nats_url)
    try:
        jetstream = client.jetstream()
        for stream in await jetstream.streams_info():
            await jetstream.delete_stream(str(stream.config.name))
        definitions = [replace(d, max_size_bytes=STREAM_BYTES) for d in load_definitions(STREAMS)]
        await apply_streams(servers.nats_url, definitions)
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def fresh_database(servers: Servers) -> AsyncIterator[str]:
    """An empty database, gone afterwards."""
    name = f"bench_{new_id().replace('-', '')}"
    connection = await asyncpg.connect(servers.admin_url)
    try:
        await connection.execute(f"create database {name}")
        yield f"{servers.admin_url.rpartition('/')[0]}/{name}"
        await connection.execute(f"drop database {name} with (force)")
    finally:
        await connection.close()


async def introduce(database_url: str, reps: Sequence[Rep]) -> None:
    """Makes the reps known."""
    database = Database(database_url, service="bench")
    async with database.unit_of_work() as uow:
        await commands.put_reps(uow, reps)
    await database.stop()


def made_rep(number: int) -> Rep:
    """A rep for Shenzhen, of every industry, without a limit, who takes one lead, two or three at a turn."""
    places = frozenset({"广东"}), frozenset({"深圳"})
    return Rep(RepId(f"rep-{number:03}"), "", *places, frozenset(), 0, 1 + number % 3, active=True)


def identified(number: int) -> LeadIdentified:
    """A lead from Shenzhen, of a customer of its own."""
    event = LeadIdentified(event_id=new_id(), lead_id=new_id(), golden_id=f"{number:064x}")
    event.occurred_at.FromDatetime(datetime.now(UTC))
    facts = event.facts
    facts.received_at.FromDatetime(datetime.now(UTC))
    facts.channel, facts.first_action, facts.source_kind = "website_form", "book_demo", "sem"
    facts.phone_display, facts.industry = "138****8001", "教育"
    facts.region.province, facts.region.city = "广东", "深圳"
    facts.region.precision = RegionPrecision.REGION_PRECISION_CITY
    return event


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """Processor time of processes until now, in seconds."""
    times = [process.cpu_times() for process in processes]
    return float(sum(each.user + each.system for each in times))


if __name__ == "__main__":
    main()
