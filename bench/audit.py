"""`python -m bench.audit`: rows appended to the audit log and verified a second, beside raw limits of the same run.

Appended through recording on a PostgreSQL with fsync, by 16 writers, in batches; the raw limit inserts the same bytes
into a table with nothing else. Verified from a dump in as many processes as there are cores; the raw limit hashes the
same bytes once.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

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
    share = options.rows // WRITERS // options.runs // options.batch
    try:
        appended, bare = [], []
        for _ in range(options.runs):
            appended.append(await _append(database, share, options.batch))
            bare.append(await _insert(database, share, options.batch))
        file = await _dumped(database, folder / "log.dump")
    finally:
        await database.stop()
    verified = [_verified(file, processes=0) for _ in range(options.runs)]
    alone = [_verified(file, processes=1) for _ in range(options.runs)]
    facts = [entry.fact for entry in all_entries(opened(file))]
    hashed = [_rate(lambda: _hash(facts)) for _ in range(options.runs)]
    shown = Table("figure", "measured", "raw limit", "ratio", "target", title="medians, rows/s")
    _row(shown, "appended, 16 writers", median(appended), median(bare), ">= 8,000")
    _row(shown, "verified, a process a core", median(verified), median(hashed), ">= 150,000")
    _row(shown, "verified, one process", median(alone), median(hashed), "")
    Console().print(shown)
    size = sum(map(len, facts)) / len(facts)
    Console().print(f"{len(facts)} entries of {size:.0f} bytes, {options.batch} a transaction")


async def _append(database: Database, batches: int, size: int) -> float:
    """Rows a second through recording."""

    async def write() -> None:
        for _ in range(batches):
            async with database.unit_of_work() as uow:
                log = await recording.begin(uow)
                for _ in range(size):
                    log.append(_event(log))
                await log.finish()

    return await _concurrently(write, WRITERS * batches * size)


async def _insert(database: Database, batches: int, size: int) -> float:
    """Rows a second into a table with nothing else."""
    facts = [b"x" * 330] * size
    async with database.raw() as raw:
        await raw.execute(RAW_TABLE)

    async def write() -> None:
        for _ in range(batches):
            async with database.raw() as raw:
                await raw.execute(RAW_INSERT, facts)

    return await _concurrently(write, WRITERS * batches * size)


async def _concurrently(write: Callable[[], Coroutine[None, None, None]], rows: int) -> float:
    started = time.perf_counter()
    async with asyncio.TaskGroup() as writers:
        for _ in range(WRITERS):
            writers.create_task(write())
    return rows / (time.perf_counter() - started)


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


def _verified(file: Path, *, processes: int) -> float:
    """Rows a second, as the auditor's own program says; its start is not counted."""
    options = ["--processes", str(processes)]
    command = [sys.executable, "-m", "auditor", "verify", str(file), *options]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    [rate] = re.findall(r"at ([\d,]+) entries/s", done.stdout)
    return float(rate.replace(",", ""))


def _hash(facts: list[bytes]) -> int:
    for fact in facts:
        hashlib.sha256(fact).digest()
    return len(facts)


def _rate(work: Callable[[], int]) -> float:
    started = time.perf_counter()
    rows = work()
    return rows / (time.perf_counter() - started)


def _row(shown: Table, name: str, value: float, limit: float, target: str) -> None:
    shown.add_row(name, f"{value:,.0f}", f"{limit:,.0f}", f"{value / limit:.2f}", target)


if __name__ == "__main__":
    main()
