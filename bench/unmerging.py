"""`python -m bench.unmerging`: the time to undo a merge of 100 records, beside a bare update of 100 rows.

Customers of 50 records each, all of whose pairs are linked, are merged and unmerged again and again on a PostgreSQL
with fsync: by going back to before the merge, and by a split. Golden records follow in the same transaction; after each
unmerge they are compared byte for byte with those of before. The raw limit updates 100 rows of the same width by their
keys in one transaction with the same driver. Beside the times are the statements that a decision takes, its first and
last of the transaction among them, and the time of the processor that this process had for it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from base64 import b64encode
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

import uvloop
from identity.app import shipped_model
from identity.commands.golden import GoldenRecords
from identity.commands.resolving import Resolver
from identity.commands.stewardship import Stewardship
from identity.domain.golden_ids import FIRST_KEY_ID, GoldenIdKeys
from identity.domain.references import RecordNamed
from identity.domain.statements import Statement
from identity.domain.stewardship import Act
from identity.queries.golden import golden_record
from identity.seals import Digests, Seals
from identity.store.golden_archive import Archive
from identity.store.golden_values import canonical
from matchkit.model import Model
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table
from servicekit import migrations
from servicekit.database import Database
from servicekit.local.postgres_server import PostgresServer
from servicekit.sealing import KeyRing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from identity.domain.stewardship import Outcome

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
RECORDS_EACH = 50
RING = KeyRing({"bench": b"r" * 32})
RAW_TABLE = """
create table bare (record_id bigint primary key, customer_id bigint, record bytea) with (fillfactor = 85)
"""
RAW_FILL = "insert into bare select i, i / 100, decode(repeat('ab', 400), 'hex') from generate_series(0, $1) i"
RAW_UPDATE = "update bare set customer_id = $2 where record_id = any($1::bigint[])"


class Taken(NamedTuple):
    """What one decision took."""

    seconds: float
    cpu_seconds: float
    statements: int


class Meter:
    """Measures decisions, one at a time."""

    def __init__(self) -> None:
        self.taken: dict[str, list[Taken]] = {}
        self._statements = 0

    def count(self, _: object) -> None:
        """A statement was run."""
        self._statements += 1

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        """Takes what is done meanwhile for one decision of this name."""
        begun, cpu_begun, statements = time.perf_counter(), time.process_time(), self._statements
        yield
        taken = Taken(
            time.perf_counter() - begun,
            time.process_time() - cpu_begun,
            self._statements - statements,
        )
        self.taken.setdefault(name, []).append(taken)


class Pair(NamedTuple):
    """Two customers: what they are called, and their records."""

    golden_ids: tuple[str, str]
    records: tuple[list[int], list[int]]


class Bench:
    """A steward who merges and unmerges."""

    def __init__(self, database: Database) -> None:
        self.database = database
        # Both parts together have more records than the shipped model lets a customer have.
        model = replace(Model.load(shipped_model()), customer_size_max=2 * RECORDS_EACH)
        seals = Seals(RING)
        self.archive = Archive.of(database, seals, RING)
        self.resolver = Resolver(
            model,
            seals,
            Digests(b64encode(b"i" * 32).decode()),
            GoldenIdKeys({FIRST_KEY_ID: b"g" * 32}),
            [GoldenRecords(self.archive).follow],
        )
        self.stewardship = Stewardship(database, self.resolver)
        self._acts = 0

    def act(self) -> Act:
        """A request of its own."""
        self._acts += 1
        return Act("bench", "measured", f"{self._acts}", b"d" * 16)

    async def pair(self, number: int) -> Pair:
        """Two made-up people with 50 records each."""
        called, records = [], []
        for person, name in enumerate(("张示例", "李试验")):
            phone = f"138{number:04}{person:04}"
            statements = [
                Statement(
                    "made_up",
                    f"{number}-{person}-{row}",
                    {
                        "name": name,
                        "phone": phone,
                        "email": f"p{number}x{person}x{row}@example.com",
                    },
                    BEGIN + timedelta(seconds=row),
                    BEGIN,
                )
                for row in range(RECORDS_EACH)
            ]
            async with self.database.unit_of_work() as uow:
                resolved = await self.resolver.resolve(uow, statements)
            called.append(resolved[0].golden_id)
            records.append(sorted({each.record_id for each in resolved}))
        assert all(len(part) == RECORDS_EACH for part in records)
        return Pair((called[0], called[1]), (records[0], records[1]))

    async def golden(self, pair: Pair) -> dict[str, bytes]:
        """The golden records of both, as bytes."""
        return {
            golden_id: canonical((await golden_record(self.archive, golden_id)).record)
            for golden_id in pair.golden_ids
        }

    async def merge(self, pair: Pair) -> Outcome:
        """Makes both one."""
        return await self.stewardship.merge(self.act(), pair.golden_ids)

    async def restore(self, pair: Pair, merged: Outcome) -> None:
        """Goes back to before the merge."""
        await self.stewardship.restore(
            self.act(), pair.golden_ids[0], merged.regrouping_id, is_before=True
        )

    async def split(self, pair: Pair) -> Outcome:
        """Parts the second's records from the first's."""
        leaving = [RecordNamed(record) for record in pair.records[1]]
        return await self.stewardship.split(self.act(), pair.golden_ids[0], leaving)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.unmerging", description=__doc__)
    parser.add_argument("--pairs", type=int, default=10, help="pairs of customers")
    parser.add_argument("--rounds", type=int, default=20, help="merges and unmerges of each pair")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadchain-bench-") as folder:
        server = PostgresServer(Path(folder) / "postgres", durable=True)
        server.start()
        try:
            migrations.upgrade(server.url(), "identity")
            uvloop.run(_measure(server.url(), options.pairs, options.rounds))
        finally:
            server.stop()
            server.remove()


async def _measure(url: str, pairs: int, rounds: int) -> None:
    database = Database(url, service="identity")
    await database.start()
    try:
        bench = Bench(database)
        made = [await bench.pair(number) for number in range(pairs)]
        before = [await bench.golden(pair) for pair in made]
        meter = Meter()
        async with database.raw() as raw:
            await raw.execute("analyze")
            raw.add_query_logger(meter.count)  # one after the other, all use this one connection
        differing = 0
        for _ in range(rounds):
            for pair, golden in zip(made, before, strict=True):
                await _round(bench, pair, meter)
                differing += await bench.golden(pair) != golden
        await _bare(database, meter, pairs * rounds)
    finally:
        await database.stop()
    _print(meter.taken, differing, pairs * rounds)


async def _round(bench: Bench, pair: Pair, meter: Meter) -> None:
    """A merge that is undone, and one that is split; what the split said is revoked."""
    with meter.measured("merge"):
        merged = await bench.merge(pair)
    with meter.measured("restore"):
        await bench.restore(pair, merged)
    await bench.merge(pair)
    with meter.measured("split"):
        split = await bench.split(pair)
    for judgement_id in split.judgement_ids:
        await bench.stewardship.revoke(bench.act(), judgement_id)


async def _bare(database: Database, meter: Meter, count: int) -> None:
    async with database.raw() as raw:
        await raw.execute(RAW_TABLE)
        await raw.execute(RAW_FILL, 10_000)
    for number in range(count):
        records = list(range(number % 100 * 100, number % 100 * 100 + 100))
        with meter.measured("bare update of 100 rows"):
            async with database.unit_of_work() as uow:
                await uow.raw.execute(RAW_UPDATE, records, number)


def _print(taken: Mapping[str, Sequence[Taken]], differing: int, count: int) -> None:
    columns = ("p50 ms", "p99 ms", "max ms", "own CPU p50 ms", "statements p50")
    table = Table("of 100 records", *columns, box=None)
    for name, each in taken.items():
        seconds, cpu_seconds, statements = zip(*each, strict=True)
        cuts = quantiles(seconds, n=100)
        times = (cuts[49], cuts[98], max(seconds), median(cpu_seconds))
        table.add_row(name, *(f"{1000 * time:.1f}" for time in times), f"{median(statements):g}")
    console = Console(highlight=False)
    console.print(f"{count} of each; golden records that differ after two unmerges: {differing}")
    console.print(
        f"load of the machine meanwhile: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    console.print(table)


if __name__ == "__main__":
    main()
