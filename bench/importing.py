"""`python -m bench.importing`: rows a second and memory of imports, beside a raw COPY of the same rows.

Each figure is of a process of its own: reading a file alone, a preview of all rows, and the whole door (sealed spool,
chunks, items and events with a commit for each 500 rows, the relay to NATS at the same time), on one machine with
PostgreSQL (fsync) and NATS (`sync_interval: always`).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import csv
import hashlib
import io
import json
import os
import resource
import sys
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import asyncpg
import openpyxl
import uvloop
from lead_intake.commands import imports as commands
from lead_intake.commands.imports import SpoolLimits
from lead_intake.commands.keeping import Desk
from lead_intake.commands.subjects_admission import People
from lead_intake.domain.imports import PART_BYTES, ImportId, ImportState, NewImport
from lead_intake.importing.splitting import Splitter
from lead_intake.importing.tables import read_table
from lead_intake.importing.templates import load_templates
from lead_intake.queries.imports import get_import
from lead_intake.queries.imports_preview import Preview, preview_import
from lead_intake.queries.suppressions import Suppressions
from lead_intake.reading import load_lexicons
from lead_intake.seals import Seals
from lead_intake.settings import Settings
from lead_intake.wire.imports import Part
from lead_intake.workers.importer import IDLE_S, Importer
from rich.console import Console
from rich.table import Table
from servicekit import migrations
from servicekit.bus import Bus
from servicekit.database import Database
from servicekit.local.nats_server import NatsServer
from servicekit.local.postgres_server import PostgresServer
from servicekit.polling import Poller
from servicekit.relay import Relay
from servicekit.service import Service
from servicekit.streams import apply_streams, load_definitions

from bench.programs import Figures, measured

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from lead_intake.importing.templates import Template

STREAMS_FILE = Path(__file__).parents[1] / "deploy/nats/streams.yaml"
KEY = base64.b64encode(bytes(range(32))).decode()
NO_LIMITS = SpoolLimits(2**50, 2**50)
ENDS_WITHIN_S = 3600.0
HEADER = [
    "线索ID", "姓名", "手机号", "邮箱", "公司名称", "行业", "省份", "城市", "地址", "来源", "备注", "提交时间", "预算",
    "产品", "微信号",
]  # fmt: skip
CITIES = (("广东", "深圳"), ("浙江", "杭州"), ("江苏", "苏州"), ("四川", "成都"), ("山东", "青岛"))
ACCOUNT = """
insert into accounts (channel, account, key_hmac, sealed_key, sealed_secrets, revision)
values ('website_form', 'bench', '', '', '', 1)
on conflict (channel, account) do update set revision = 1 returning account_id
"""


def main() -> None:
    """Runs one part, or all of them and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.importing", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows through the whole door")
    parser.add_argument("--large", type=int, default=1_000_000, help="rows read for memory")
    parser.add_argument("part", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(uvloop.run(run_part(*options.part))))
        return
    with tempfile.TemporaryDirectory() as folder:
        Console().print(table(measure(Path(folder), options.rows, options.large)))


async def run_part(name: str, *arguments: str) -> Figures:
    """One part, in this process."""
    return await PARTS[name](*arguments)


def measure(folder: Path, rows: int, large: int) -> dict[str, Figures]:
    """Every figure, by its name."""
    found: dict[str, Figures] = {}
    for kind in ("csv", "xlsx"):
        big, usual = (made_file(folder, kind, count) for count in (large, rows))
        found[f"read {kind}, {large:,} rows"] = measured("bench.importing", "read", big)
        with servers(folder / f"servers-{kind}") as (database_url, nats_url):
            places = (database_url, nats_url, usual)
            found[f"preview {kind}, {rows:,} rows"] = measured(
                "bench.importing", "preview", *places
            )
            found[f"whole door {kind}, {rows:,} rows"] = measured(
                "bench.importing", "door", *places
            )
            found[f"raw COPY of the same rows ({kind})"] = measured(
                "bench.importing", "copy", database_url
            )
        big.unlink()
    return found


def table(found: dict[str, Figures]) -> Table:
    """Rows a second and peak memory, and how the door compares with a raw COPY."""
    shown = Table("figure", "rows/s", "CPU µs/row", "peak RSS, MB", "target")
    for name, figures in found.items():
        is_door = name.startswith("whole")
        target = ">= 5,000 rows/s, < 300 MB" if is_door else "< 300 MB"
        shown.add_row(
            name,
            f"{figures['rows_per_s']:,.0f}",
            f"{figures.get('cpu_us_per_row', 0):,.0f}",
            f"{figures.get('rss_mb', 0):,.0f}",
            "" if name.startswith("raw") else target,
        )
    return shown


def made_file(folder: Path, kind: str, count: int) -> Path:
    """A file of made-up leads."""
    path = folder / f"{count}.{kind}"
    if kind == "csv":
        with path.open("w", encoding="utf-8-sig", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(HEADER)
            writer.writerows(made_row(number) for number in range(count))
        return path
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEADER)
    for number in range(count):
        sheet.append(made_row(number))
    book.save(path)
    return path


def made_row(number: int) -> list[str]:
    """A lead whose phone, e-mail, company and remark are its own."""
    province, city = CITIES[number % len(CITIES)]
    return [
        f"L{number:08d}", "赵示例", f"138{number:08d}", f"u{number}@example.com",
        f"示例{number % 5000}精密制造有限公司", "精密零部件", province, city, f"{city}市示例路{number % 300}号",
        "baidu", f"想了解报价 {number}", "2026-01-25 13:30:00", f"{number % 90}万", "测试台", f"wx_{number}",
    ]  # fmt: skip


@contextmanager
def servers(folder: Path) -> Iterator[tuple[str, str]]:
    """A durable PostgreSQL with the service's tables, and a NATS with its stream."""
    postgres, nats = PostgresServer(folder / "postgres", durable=True), NatsServer(folder / "nats")
    postgres.start()
    nats.start()
    try:
        migrations.upgrade(postgres.url(), "lead_intake")
        definitions = [each for each in load_definitions(STREAMS_FILE) if each.name == "INTAKE"]
        asyncio.run(apply_streams(nats.url, definitions))
        yield postgres.url(), nats.url
    finally:
        nats.stop()
        postgres.stop()


@dataclass(frozen=True, slots=True)
class Opened:
    """One file in the spool of a database."""

    database: Database
    desk: Desk
    import_id: ImportId


class Calm:
    """A door at which nobody waits."""

    is_pressed = False


@dataclass(slots=True)
class FromDisk:
    """A file on disk, as the spool would give it."""

    path: Path
    size: int

    @classmethod
    def at(cls, path: Path) -> FromDisk:
        """The file at a path."""
        return cls(path, path.stat().st_size)

    async def read(self, offset: int, count: int) -> bytes:
        """Bytes of it."""
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(count)


async def read(path: str) -> Figures:
    """Reads every row and keeps none."""
    source = FromDisk.at(Path(path))
    with Stopwatch() as watch:
        async for batch in read_table(source):
            watch.rows += len(batch.rows)
    return watch.figures()


async def preview(database_url: str, nats_url: str, path: str) -> Figures:
    """Looks through every row."""
    async with opened(database_url, nats_url, path) as one:
        asked = Preview(one.import_id, "", 0, all_rows=True)
        with Stopwatch() as watch:
            async for looked in preview_import(one.database, one.desk, load_templates(), asked):
                if looked.totals is not None:
                    watch.rows = looked.totals.done
    return watch.figures()


async def door(database_url: str, nats_url: str, path: str) -> Figures:
    """Uploads a file, lets its rows in, and waits until every event is on the bus."""
    with Stopwatch() as watch:
        async with opened(database_url, nats_url, path) as one:
            templates = load_templates()
            service = working(one, nats_url, templates)
            await service.start()
            async with one.database.unit_of_work() as uow:
                await commands.start_import(uow, one.import_id, "", templates=templates)
            watch.rows = await rows_when_done(one)
            await service.stop()
    return watch.figures()


def working(one: Opened, nats_url: str, templates: Mapping[str, Template]) -> Service:
    """The parts of lead-intake that imports need, set up as the service does."""
    bus = Bus(nats_url, database=one.database)
    calm: Any = Calm()
    importer = Importer(one.database, one.desk, templates, calm, rows_per_s_max=10**9)
    work = Poller("importer", importer.step, idle_s=IDLE_S)
    splitter = Splitter(one.database, one.desk.seals.ring, templates, on_chunks=work.wake)
    split = Poller("import splitter", splitter.step, idle_s=IDLE_S)
    relay = Relay(one.database, bus.client)
    return Service("bench", [one.database, bus, relay, work, split], grace_period_s=20)


async def rows_when_done(one: Opened) -> int:
    """How many rows were let in, when all are and none waits for the relay."""
    async with asyncio.timeout(ENDS_WITHIN_S):
        while True:
            standing = await get_import(one.database, one.desk.seals.ring, one.import_id)
            async with one.database.raw() as raw:
                waiting = await raw.fetchval(
                    "select exists (select from outbox where published_at is null)"
                )
            if standing.one.state is ImportState.FINISHED and not waiting:
                return standing.tally.counts.accepted
            await asyncio.sleep(0.1)  # the service has no event for it


async def copy(database_url: str) -> Figures:
    """Puts the same rows, with the same indexes, into fresh tables."""
    raw = await asyncpg.connect(database_url)
    kept = {name: io.BytesIO() for name in ("items", "outbox")}
    for name, out in kept.items():
        await raw.copy_from_table(name, output=out, format="binary")
        await raw.execute(f"create table {name}_copied (like {name} including all)")
        out.seek(0)
    rows = await raw.fetchval("select count(*) from items")
    started = time.perf_counter()
    for name, content in kept.items():
        await raw.copy_to_table(f"{name}_copied", source=content, format="binary")
    took_s = time.perf_counter() - started
    await raw.close()
    return {"rows_per_s": rows / took_s}


@asynccontextmanager
async def opened(database_url: str, nats_url: str, path: str) -> AsyncIterator[Opened]:
    """The file at `path`, uploaded."""
    settings = Settings(
        database_url=database_url,
        nats_url=nats_url,
        permissions_grpc="127.0.0.1:1",
        jwks_file=Path(os.devnull),
        field_keys=f"k1:{KEY}",
        index_key=KEY,
    )
    database, seals = Database(database_url, service="bench"), Seals.of(settings)
    nobody: Any = None
    try:
        import_id = await uploaded(database, seals, Path(path))
        people = People(Suppressions(database), seals)
        desk = Desk(nobody, seals, load_lexicons(), shapes=nobody, forms=nobody, people=people)
        yield Opened(database, desk, import_id)
    finally:
        await database.stop()


async def uploaded(database: Database, seals: Seals, path: Path) -> ImportId:
    """Uploads a file in parts; its import."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    async with database.unit_of_work() as uow:
        account_id = await uow.raw.fetchval(ACCOUNT)
        new = NewImport(account_id, path.name, FromDisk.at(path).size, digest, "bench")
        one = await commands.begin_import(uow, new, seals=seals, limits=NO_LIMITS)

    async def parts() -> AsyncIterator[Part]:
        with path.open("rb") as file:
            file.seek(one.part_count * PART_BYTES)
            number = one.part_count
            while content := file.read(PART_BYTES):
                yield Part(str(one.import_id), number, content)
                number += 1

    await commands.upload_parts(database, seals, one.import_id, parts())
    return one.import_id


@dataclass(slots=True)
class Stopwatch:
    """Wall and CPU time of a block, and the peak memory of the process."""

    rows: int = 0
    started_s: float = 0.0
    cpu_s: float = 0.0
    took_s: float = 0.0

    def __enter__(self) -> Self:
        self.started_s, self.cpu_s = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.took_s = time.perf_counter() - self.started_s
        self.cpu_s = time.process_time() - self.cpu_s

    def figures(self) -> Figures:
        """Rows a second, CPU time a row, and memory."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "rows": self.rows,
            "rows_per_s": self.rows / self.took_s,
            "cpu_us_per_row": self.cpu_s / max(self.rows, 1) * 1e6,
            "rss_mb": peak / (1024 if sys.platform != "darwin" else 1024**2),
        }


PARTS: dict[str, Callable[..., Awaitable[Figures]]] = {
    "read": read,
    "preview": preview,
    "door": door,
    "copy": copy,
}

if __name__ == "__main__":
    main()
