"""`python -m bench.identity`: durable resolves a second, beside a bare indexed look-up and insert by the same driver.

Made-up Chinese customers, a third of whose records repeat somebody, are resolved on a PostgreSQL with fsync: in
micro-batches by one client, and as an import in batches of 2,000 by two, of whom one reads while the other is stored;
then, with `--grown`, on and on, with a figure for each 100,000. The raw limit looks one key up and inserts one row of
the same size for each record, in batches of the same size, into tables that grow alike. On a machine with other load
the processor time of a record tells more; it is that of this process, without the database's.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import uvloop
from identity.app import shipped_model
from identity.commands.golden import GoldenRecords
from identity.commands.resolving import STATEMENTS_MAX, Resolver
from identity.commands.tags import follow_regrouping
from identity.domain.golden_ids import FIRST_KEY_ID, GoldenIdKeys
from identity.domain.statements import Statement
from identity.seals import Digests, Seals
from identity.store.golden_archive import Archive
from matchkit.model import Model
from matchkit.synthetic.records import generate
from rich.console import Console
from rich.table import Table
from servicekit import migrations
from servicekit.database import Database
from servicekit.local.postgres_server import PostgresServer
from servicekit.sealing import KeyRing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from matchkit.synthetic.records import Labelled

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
RAW_TABLE = """
create table bare (key bigint, record bytea, id bigint generated always as identity primary key);
create index on bare (key)
"""
RAW_LOOK_UP = """
select b.id from unnest($1::bigint[]) k cross join lateral (select id from bare where key = k limit 64) b
"""
RAW_INSERT = "insert into bare (key, record) select * from unnest($1::bigint[], $2::bytea[])"
RAW_BYTES = 400
IMPORTERS = 2
COLLECT_AFTER_OBJECTS = 50_000
"""Objects after which rubbish is looked for, as in every service that has started."""


class Figure(NamedTuple):
    """Records a second, microseconds of processor time that one took, and the batches' times in ms."""

    rate: float
    used_us: float
    p50_ms: float
    p99_ms: float


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.identity", description=__doc__)
    parser.add_argument("--records", type=int, default=4_000, help="of each micro-batch size")
    parser.add_argument("--imported", type=int, default=50_000, help="records of the import")
    parser.add_argument(
        "--grown", type=int, default=0, help="go on until so many records are there"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadchain-bench-") as folder:
        server = PostgresServer(Path(folder) / "postgres", durable=True)
        server.start()
        try:
            migrations.upgrade(server.url(), "identity")
            uvloop.run(_measure(server.url(), options))
        finally:
            server.stop()
            server.remove()


async def _measure(url: str, options: argparse.Namespace) -> None:
    console = Console(highlight=False)
    database = Database(url, service="identity")
    await database.start()
    async with database.raw() as raw:
        await raw.execute(RAW_TABLE)
    resolver = resolver_on(database)
    wanted = max(options.imported + 4 * options.rounds * options.records, options.grown)
    rows = iter(statements(wanted))
    console.print(f"{wanted:,} statements of made-up customers; PostgreSQL with fsync")
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 50)
    table = Table(
        "what", "records/s", "µs CPU", "batch p50 ms", "batch p99 ms", "raw records/s", "ratio"
    )
    try:
        await _import(database, resolver, _taken(rows, options.imported), table)
        for size in (8, 32, 128, 250):
            await _micro_batches(database, resolver, rows, (size, options), table)
        console.print(table)
        if options.grown:
            await _grow(database, resolver, rows, console)
    finally:
        await database.stop()


async def _import(
    database: Database, resolver: Resolver, rows: Sequence[Statement], table: Table
) -> None:
    raw = await _timed(_bare(database), rows, STATEMENTS_MAX, clients=IMPORTERS)
    resolving = _resolving(database, resolver)
    figure = await _timed(resolving, rows, STATEMENTS_MAX, clients=IMPORTERS)
    seconds = len(rows) / figure.rate
    _row(
        table,
        f"import of {len(rows):,} in {seconds:.1f} s, batches of {STATEMENTS_MAX:,}",
        figure,
        raw,
    )


async def _micro_batches(
    database: Database,
    resolver: Resolver,
    rows: Iterator[Statement],
    wanted: tuple[int, argparse.Namespace],
    table: Table,
) -> None:
    size, options = wanted
    pairs = []
    for _ in range(options.rounds):
        batch = _taken(rows, options.records)
        raw = await _timed(_bare(database), batch, size)
        pairs.append((await _timed(_resolving(database, resolver), batch, size), raw))
    figure, raw = sorted(pairs)[len(pairs) // 2]
    _row(table, f"micro-batches of {size}", figure, raw)


async def _grow(
    database: Database, resolver: Resolver, rows: Iterator[Statement], console: Console
) -> None:
    """Goes on in large batches and says after each 100,000 how fast it is."""
    table = Table("records there", "records/s", "µs CPU", "batch p99 ms")
    while batch := _taken(rows, 100_000):
        figure = await _timed(_resolving(database, resolver), batch, STATEMENTS_MAX)
        async with database.raw() as raw:
            count = await raw.fetchval("select count(*) from sources")
        table.add_row(
            f"{count:,}", f"{figure.rate:,.0f}", f"{figure.used_us:.0f}", f"{figure.p99_ms:.0f}"
        )
    console.print(table)


def _resolving(
    database: Database, resolver: Resolver
) -> Callable[[Sequence[Statement]], Awaitable[None]]:
    async def resolve(batch: Sequence[Statement]) -> None:
        async with database.unit_of_work() as uow:
            await resolver.resolve(uow, batch)

    return resolve


def _bare(database: Database) -> Callable[[Sequence[Statement]], Awaitable[None]]:
    async def look_up_and_insert(batch: Sequence[Statement]) -> None:
        keys = [hash(statement.fields.get("phone", "")) for statement in batch]
        async with database.unit_of_work() as uow:
            await uow.raw.fetch(RAW_LOOK_UP, keys)
            await uow.raw.execute(RAW_INSERT, keys, [os.urandom(RAW_BYTES) for _ in batch])

    return look_up_and_insert


async def _timed(
    work: Callable[[Sequence[Statement]], Awaitable[None]],
    rows: Sequence[Statement],
    size: int,
    *,
    clients: int = 1,
) -> Figure:
    times = []
    batches = iter([rows[first : first + size] for first in range(0, len(rows), size)])

    async def go() -> None:
        for batch in batches:
            at = time.perf_counter()
            await work(batch)
            times.append(time.perf_counter() - at)

    used_before, began = _used_s(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(go())
    took, used = time.perf_counter() - began, _used_s() - used_before
    p99 = sorted(times)[int(len(times) * 0.99)]
    return Figure(len(rows) / took, used / len(rows) * 1e6, median(times) * 1e3, p99 * 1e3)


def _row(table: Table, what: str, figure: Figure, raw: Figure) -> None:
    table.add_row(
        what,
        f"{figure.rate:,.0f}",
        f"{figure.used_us:.0f}",
        f"{figure.p50_ms:.1f}",
        f"{figure.p99_ms:.1f}",
        f"{raw.rate:,.0f}",
        f"{figure.rate / raw.rate:.2f}",
    )


def resolver_on(database: Database) -> Resolver:
    """A resolver with made-up keys and the followers of the service."""
    ring = KeyRing({"bench": b"r" * 32})
    digests = Digests("aWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWk=")
    golden = GoldenRecords(Archive.of(database, Seals(ring), ring))
    keys = GoldenIdKeys({FIRST_KEY_ID: b"g" * 32})
    followers = [golden.follow, follow_regrouping]
    return Resolver(Model.load(shipped_model()), Seals(ring), digests, keys, followers)


def statements(count: int, *, seed: int = 11) -> list[Statement]:
    """So many made-up statements of business customers, a third of whom are stated again by another system."""
    # Every customer has 1.52 records on average; a few more are made, and the rest is cut off.
    rows = generate(customers=int(count / 1.4) + 100, seed=seed)[:count]
    return [_statement(row, number) for number, row in enumerate(rows)]


def _statement(row: Labelled, number: int) -> Statement:
    at = BEGIN + timedelta(seconds=number)
    fields = {name: value.replace(";", ",") for name, value in row.values.items()}
    return Statement(row.system, row.key, fields, at, at)


def _taken(rows: Iterator[Statement], count: int) -> list[Statement]:
    return [row for _, row in zip(range(count), rows, strict=False)]


def _used_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
