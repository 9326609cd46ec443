"""`python -m bench.customer360`: the time of one customer's snapshot, and of "may they be contacted", among many facts.

Made-up customers with one lead each and ten facts, on a PostgreSQL with fsync, asked by one client in a random order.
The raw limit is the look-up of one customer by Golden ID by the same driver. Writing the answer is part of the
snapshot's time; these customers have no golden record, so opening one and gRPC are not.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

import uvloop
from identity.domain.golden import GoldenRecord
from identity.policies.contactability import load_contact_policy
from identity.queries.customer360 import Snapshot, twelve_months_before
from identity.store import contactability, customer360
from identity.wire.customer360 import SnapshotWriter
from rich.console import Console
from rich.table import Table
from servicekit import migrations
from servicekit.database import Database
from servicekit.local.postgres_server import PostgresServer
from servicekit.sealing import KeyRing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

NOW = datetime(2026, 2, 7, tzinfo=UTC)
FACTS_EACH = 10
LIST_SIZE = 20
TIMEOUT_S = 1800

_CUSTOMERS = """
with made as (
  select i, lpad(to_hex(i), 64, '0') as golden_id, 'CID-20260207-' || lpad(i::text, 6, '0') as master_id,
    gen_random_uuid() as lead_id from generate_series(1, $1) i
), c as (
  insert into customers (customer_id, golden_id, master_id, first_seen_at, record_count, version)
  select i, golden_id, master_id, $2, 1, 1 from made
), a as (
  insert into aliases (golden_id, master_id, customer_id, recipe, key_id, first_seen_at, minted_at)
  select golden_id, master_id, i, 1, 'k1', $2, $2 from made
), s as (
  insert into sources (source_id, system, key_digest, sealed_key, record_id, lead_id, first_seen_at, modified_at,
    received_at)
  select i, 'lead', uuid_send(lead_id), '', i, lead_id, $2, $2, $2 from made
), l as (
  insert into leads (lead_id, golden_id, channel, received_at, match_basis)
  select lead_id, golden_id, 'website_form', $2, 1 from made
), r as (
  insert into records (record_id, digest, sealed_features, customer_id, family_id, is_current, made_at, keys)
  select i, uuid_send(lead_id), '', i, i, true, $2, array(select i * 16 + k from generate_series(1, 14) k) from made
)
insert into relation_keys (token, record_id, kind) select -(i / 8), i, 'company' from made
"""
_FACTS = """
with made as (
  select gen_random_uuid() as fact_id, i, n, 1 + n % 4 as kind,
    $2::timestamptz - (n * 37 + i % 30) * interval '1 day' as at
  from generate_series(1, $1) i, generate_series(0, $3 - 1) n
), f as (
  insert into facts (fact_id, kind, system, status, word, reference, detail, amount_minor, currency, happened_at,
    person, rank, stated_at)
  select fact_id, kind, 'made_up',
    case kind when 1 then 'received' when 2 then 'signed' when 4 then 'call' else 'open' end,
    '投诉', '', '', case kind when 1 then 100 end, case kind when 1 then 'CNY' else '' end, at, '', 0, at from made
)
insert into fact_tokens (token, fact_id, kind, happened_at) select i * 16 + 1, fact_id, kind, at from made
"""
_BARE = "select customer_id, golden_id from customers where golden_id = $1"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.customer360", description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000, help="with ten facts each")
    parser.add_argument("--questions", type=int, default=2_000, help="of each kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadchain-bench-") as folder:
        server = PostgresServer(Path(folder) / "postgres", durable=True)
        server.start()
        try:
            migrations.upgrade(server.url(), "identity")
            uvloop.run(_measure(server.url(), options.customers, options.questions))
        finally:
            server.stop()
            server.remove()


async def _measure(url: str, customers: int, questions: int) -> None:
    database = Database(url, service="identity")
    await database.start()
    try:
        await _fill(database, customers)
        numbers = random.Random(7).choices(range(1, customers + 1), k=questions)
        table = Table("question", "p50 ms", "p99 ms", "max ms", box=None)
        for name, ask in _questions(database).items():
            times = await _timed(ask, numbers)
            cuts = quantiles(times, n=100)
            table.add_row(name, f"{cuts[49]:.2f}", f"{cuts[98]:.2f}", f"{max(times):.2f}")
    finally:
        await database.stop()
    facts = customers * FACTS_EACH
    console = Console(highlight=False)
    console.print(f"{customers:,} customers, {facts:,} facts, {questions:,} questions of each kind")
    console.print(table)


def _questions(database: Database) -> dict[str, Callable[[str], Awaitable[None]]]:
    policy, _ = load_contact_policy()
    writer = SnapshotWriter(KeyRing({"bench": b"k" * 32}), policy)

    async def bare(golden_id: str) -> None:
        async with database.raw() as raw:
            await raw.fetchrow(_BARE, golden_id)

    async def snapshot(golden_id: str) -> None:
        async with database.raw() as raw:
            row = await customer360.about(
                raw,
                customer_id=golden_id,
                lead_id=None,
                list_size=LIST_SIZE,
                paid_since=twelve_months_before(NOW),
            )
        if row is None:
            raise LookupError(golden_id)
        told = Snapshot(row, GoldenRecord(), is_clear=False, known=frozenset(), assembled_at=NOW)
        writer.response(told).SerializeToString()

    async def may_contact(golden_id: str) -> None:
        async with database.raw() as raw:
            await contactability.situation(
                raw,
                customer_id=golden_id,
                lead_id=None,
                since=policy.since(NOW),
                complaints_since=NOW - timedelta(days=contactability.COMPLAINT_DAYS),
                complaint_types=policy.complaint_types,
            )

    return {"one customer by id (bare)": bare, "snapshot": snapshot, "may contact": may_contact}


async def _timed(ask: Callable[[str], Awaitable[None]], numbers: list[int]) -> list[float]:
    """Milliseconds of each question, after a few that are not counted."""
    for number in numbers[:20]:
        await ask(f"{number:064x}")
    times = []
    for number in numbers:
        began = time.perf_counter()
        await ask(f"{number:064x}")
        times.append((time.perf_counter() - began) * 1000)
    return times


async def _fill(database: Database, customers: int) -> None:
    async with database.raw() as raw:
        await raw.execute(_CUSTOMERS, customers, NOW, timeout=TIMEOUT_S)
        await raw.execute(_FACTS, customers, NOW, FACTS_EACH, timeout=TIMEOUT_S)
        await raw.execute("vacuum analyze", timeout=TIMEOUT_S)


if __name__ == "__main__":
    main()
