"""How late contact clocks fire, and how many a second, while a million are pending.

`python -m bench.timers [--pending 1000000] [--burst 20000] [--replicas 2]` starts PostgreSQL, as durable as the
stack's, and fills it with leads that are owned by 200 reps, each with its clock. "steady" lets clocks run out one after
the other for some seconds: lateness is from the moment due until the hand-over is committed. "burst" lets many run out
at one moment. Beside them, in the same run, the raw limit: the bare UPDATE ... SKIP LOCKED that takes as many of the
same rows in batches of the same size, and does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import uvloop
from assignment import commands
from assignment.commands.fuse import TIMERS_BATCH_SIZE
from assignment.domain.clocks import CONTACT_TIMER
from assignment.domain.leads import RepId
from assignment.domain.reps import Rep
from assignment.policies import load_pool, load_rules, load_sla
from assignment.store import timers as timer_store
from servicekit import migrations
from servicekit.database import Database
from servicekit.local.postgres_server import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Sequence

REPS = 200
POLL_S = 0.1
PER_S = 200
STEADY_S = 10
DEADLINE_S = 300
STATEMENT_S = 600
LEADS = f"""
insert into leads (lead_id, golden_id, channel, received_at, state, assignee_id, assignment_no, contact_due_at,
  first_assigned_at, province, city, region_precision, industry, source_kind, first_action, phone_display,
  decision_count, tried_openings)
select gen_random_uuid(), 'customer-' || n, 'website_form', now(), 1, 'rep-' || lpad((n % {REPS})::text, 3, '0'), 1,
  now() + interval '1 day', now(), '广东', '深圳', 2, '', 'sem', 'book_demo', '', 1, 0
from generate_series(1, $1::int) as n
"""
TIMERS = f"""
insert into timers (lead_id, kind, assignment_no, due_at, started_at)
select lead_id, '{CONTACT_TIMER}', 1, now() + interval '1 day' + random() * interval '1 day', now() from leads
"""
LOADS = "update loads set open_count = $1::int4, assigned_count = $1::int4"
DUE = """
update timers set due_at = now() + interval '1 s' + row.number * $2::float8 * interval '1 s'
from (
  select lead_id, kind, assignment_no, row_number() over () as number from timers
  where fired_at is null and assignment_no = 1 and due_at > now() + interval '1 hour' and kind = 'contact' limit $1
) as row
where timers.lead_id = row.lead_id and timers.kind = row.kind and timers.assignment_no = row.assignment_no
"""


async def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.timers", description=__doc__)
    parser.add_argument("--pending", type=int, default=1_000_000)
    parser.add_argument("--burst", type=int, default=20_000)
    parser.add_argument("--replicas", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder) / "postgres", durable=True)
        server.start()
        try:
            url = await filled(server.url(), options.pending)
            print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
            await measure(url, options.burst, options.replicas)
        finally:
            server.remove()


async def filled(admin_url: str, pending: int) -> str:
    """A database with so many leads and clocks; returns its address."""
    connection = await asyncpg.connect(admin_url)
    await connection.execute("create database bench_timers")
    await connection.close()
    url = admin_url.rpartition("/")[0] + "/bench_timers"
    await asyncio.to_thread(migrations.upgrade, url, "assignment")
    database = Database(url, service="assignment")
    await database.start()
    async with database.unit_of_work() as uow:
        await commands.put_reps(uow, [made_rep(number) for number in range(REPS)])
    await database.stop()
    connection = await asyncpg.connect(url)
    begun_s = time.perf_counter()
    await connection.execute(LEADS, pending, timeout=STATEMENT_S)
    await connection.execute(TIMERS, timeout=STATEMENT_S)
    await connection.execute(LOADS, pending // REPS)
    await connection.execute("vacuum analyze", timeout=STATEMENT_S)
    await connection.close()
    print(f"{pending:,} clocks pending, after {time.perf_counter() - begun_s:.0f} s")
    return url


async def measure(url: str, burst: int, replicas: int) -> None:
    """Prints a row each for the steady run, the burst and the raw limit."""
    lateness = await fired(url, PER_S * STEADY_S, 1 / PER_S, replicas)
    print(f"steady {PER_S}/s: {spread(lateness)}")
    began_s = time.perf_counter()
    lateness = await fired(url, burst, 0.0, replicas)
    print(f"burst of {burst:,}: {spread(lateness)}; all within {max(lateness):.1f} s of due,")
    print(f"  {burst / max(lateness):,.0f}/s; the run took {time.perf_counter() - began_s:.1f} s")
    await due(url, burst, 0.0)
    await asyncio.sleep(1.5)
    print(f"bare UPDATE ... SKIP LOCKED: {burst / await taken_s(url, burst, replicas):,.0f}/s")


async def fired(url: str, count: int, apart_s: float, replicas: int) -> list[float]:
    """Seconds that each of so many clocks was late, when as many replicas fire them."""
    await due(url, count, apart_s)
    lateness: list[float] = []
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        for _ in range(replicas):
            group.create_task(replica(url, count, lateness))
    if len(lateness) != count:
        raise AssertionError(f"{len(lateness)} fired of {count}")
    return lateness


async def replica(url: str, count: int, lateness: list[float]) -> None:
    """Fires as the service does, until all have fired."""
    database = Database(url, service="assignment")
    await database.start()
    desk = commands.Desk(load_rules(), load_sla(), load_pool())
    while len(lateness) < count:
        async with database.unit_of_work() as uow:
            done = await commands.fire_contact_timers(uow, desk)
        committed_at = datetime.now(UTC)
        lateness += [(committed_at - timer.due_at).total_seconds() for timer in done.overdue]
        if not done.may_be_more:
            await asyncio.sleep(POLL_S)
    await database.stop()


async def due(url: str, count: int, apart_s: float) -> None:
    """Lets so many clocks run out, one after the other from a second on."""
    connection = await asyncpg.connect(url)
    await connection.execute(DUE, count, apart_s, timeout=STATEMENT_S)
    await connection.close()


async def taken_s(url: str, count: int, replicas: int) -> float:
    """Seconds in which replicas take so many clocks that have run out, and do nothing else."""
    left = [count]

    async def take() -> None:
        connection = await asyncpg.connect(url)
        while left[0] > 0:
            now = datetime.now(UTC)
            taken = await timer_store.take_due(
                connection, CONTACT_TIMER, now=now, limit=TIMERS_BATCH_SIZE
            )
            left[0] -= len(taken)
        await connection.close()

    begun_s = time.perf_counter()
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        for _ in range(replicas):
            group.create_task(take())
    return time.perf_counter() - begun_s


def made_rep(number: int) -> Rep:
    """A rep for Shenzhen, of every industry, without a limit."""
    places = frozenset({"广东"}), frozenset({"深圳"})
    return Rep(RepId(f"rep-{number:03}"), "", *places, frozenset(), 0, 1, active=True)


def spread(lateness: Sequence[float]) -> str:
    """The median, the 99th percentile and the worst."""
    ordered = sorted(lateness)
    p99 = ordered[int(len(ordered) * 0.99)]
    return f"late p50 {ordered[len(ordered) // 2]:.3f} s, p99 {p99:.3f} s, max {ordered[-1]:.3f} s"


if __name__ == "__main__":
    uvloop.run(main())
