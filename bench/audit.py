"""`python -m bench.audit`: rows appended to the audit log and verified a second, beside raw limits of the same run.

Appended through recording on a PostgreSQL with fsync, by 16 writers, in batches of some entries and of one; the raw
limit inserts as many bytes into a table with nothing else. Verified from a dump in as many processes as there are
cores; the raw limit hashes the same bytes once. On a machine with other load the processor time of a row tells more:
that of appending is this process's alone, without the database's.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from accesskit.changes import FactPut
from accesskit.facts import Fact
from auditor.dump import all_entries, opened
from permissions.commands import recording
from permissions.commands.sealing import Keyring, Sealer
from permissions.domain.audit import Event
from permissions.queries import audit as queries
from permissions.queries.live import changes_of
from permissions.wire.dumps import DumpWriter
from rich.console import Console
from rich.table import Table
from servicekit import migrations
from servicekit.database import Database
from servicekit.local.postgres_server import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from permissions.commands.recording import Log

WRITERS = 16
RAW_TABLE = "create table if not exists bare (seq bigint generated always as identity, fact bytea)"
RAW_INSERT = "insert into bare (fact) select * from unnest($1::bytea[])"


class Figure(NamedTuple):
    """Rows a second, and microseconds of processor time that a row took."""

    rate: float
    used_us: float


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=64, help="entries of one transaction")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder) / "postgres", durable=True)
        server.start()
        try:
            migrations.upgrade(server.url(), "permissions")
            asyncio.run(_measure(server.url(), Path(folder), options))
        finally:
            server.stop()
            server.remove()


async def _measure(url: str, folder: Path, options: argparse.Namespace) -> None:
    database = Database(url, service="permissions", pool_size=WRITERS)
    shown = Table("figure", "rows/s", "us of CPU", "raw limit", "ratio", "target", title="medians")
    try:
        for size, target in ((options.batch, ">= 8,000"), (1, "")):
            rows = options.rows if size > 1 else options.rows // 10
            share = max(1, rows // WRITERS // options.runs // size)
            appended = [await _append(database, share, size) for _ in range(options.runs)]
            bare = [await _insert(database, share, size) for _ in range(options.runs)]
            _row(shown, f"appended, {WRITERS} writers, {size} at once", appended, bare, target)
        file = await _dumped(database, folder / "log.dump")
    finally:
        await database.stop()
    facts = [entry.fact for entry in all_entries(opened(file))]
    hashed = [_hash(facts) for _ in range(options.runs)]
    for processes, name in ((0, "verified, a process a core"), (1, "verified, one process")):
        verified = [_verified(file, processes=processes) for _ in range(options.runs)]
        _row(shown, name, verified, hashed, "" if processes else ">= 150,000")
    Console().print(shown)
    Console().print(f"{len(facts)} entries of {sum(map(len, facts)) / len(facts):.0f} bytes")


async def _append(database: Database, batches: int, size: int) -> Figure:
    """Rows through recording."""

    async def write() -> None:
        for _ in range(batches):
            async with database.unit_of_work() as uow:
                log = await recording.begin(uow)
                for _ in range(size):
                    log.append(_event(log))
                await log.finish()

    return await _concurrently(write, WRITERS * batches * size)


async def _insert(database: Database, batches: int, size: int) -> Figure:
    """Rows into a table with nothing else."""
    facts = [b"x" * 330] * size
    async with database.raw() as raw:
        await raw.execute(RAW_TABLE)

    async def write() -> None:
        for _ in range(batches):
            async with database.raw() as raw:
                await raw.execute(RAW_INSERT, facts)

    return await _concurrently(write, WRITERS * batches * size)


async def _concurrently(write: Callable[[], Coroutine[None, None, None]], rows: int) -> Figure:
    started, used = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as writers:
        for _ in range(WRITERS):
            writers.create_task(write())
    return Figure(rows / (time.perf_counter() - started), (time.process_time() - used) / rows * 1e6)


async def _dumped(database: Database, file: Path) -> Path:
    sealer = Sealer(database, Keyring(base64.b64encode(bytes(32)).decode()))
    for _ in range(2):
        await sealer.step()
    writer = DumpWriter(now_s=time.time())
    with file.open("wb") as out:
        async for part in queries.dump(database):
            out.write(writer.part(part))
            if isinstance(part, list):
                # Recording alone leaves no rows of state; what the entries state stands for them.
                out.write(writer.part(tuple(c for entry in part for c in changes_of(entry))))
        out.write(writer.end())
    return file


def _event(log: Log) -> Event:
    seq = log.next_seq
    fact = Fact("lead", f"lead-{seq}", "viewer", "user", f"rep-{seq % 1000}", seq=seq)
    return Event("fact_written", "assignment", resource=f"lead:lead-{seq}", changes=[FactPut(fact)])


def _verified(file: Path, *, processes: int) -> Figure:
    """Rows as the auditor's own program says, whose start is not counted but in its processor time."""
    options = ["--processes", str(processes)]
    command = [sys.executable, "-m", "auditor", "verify", str(file), *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    [rows] = re.findall(r"whole: (\d+) entries", done.stdout)
    [rate] = re.findall(r"at ([\d,]+) entries/s", done.stdout)
    return Figure(float(rate.replace(",", "")), used_s / int(rows) * 1e6)


def _hash(facts: list[bytes]) -> Figure:
    started, used = time.perf_counter(), time.process_time()
    for fact in facts:
        hashlib.sha256(fact).digest()
    used_s = time.process_time() - used
    return Figure(len(facts) / (time.perf_counter() - started), used_s / len(facts) * 1e6)


def _row(shown: Table, name: str, measured: list[Figure], limit: list[Figure], target: str) -> None:
    rate, raw = (median(each.rate for each in figures) for figures in (measured, limit))
    used_us, raw_us = (median(each.used_us for each in figures) for figures in (measured, limit))
    ratio, used = f"{rate / raw:.3f}", f"{used_us:.1f} ({raw_us:.1f})"
    shown.add_row(name, f"{rate:,.0f}", used, f"{raw:,.0f}", ratio, target)


if __name__ == "__main__":
    main()
