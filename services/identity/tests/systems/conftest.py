"""Systems that say and are told things: identity's own code on a real database, and stand-ins for the systems."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from identity.commands.arbitration import Arbitration
from identity.commands.comparing import Comparing
from identity.commands.golden import GoldenRecords
from identity.commands.system_rows import Desk, take_in
from identity.commands.writing_back import WritingBack
from identity.connectors.json_http import JsonHttpConnector
from identity.domain.crosswalk import SourceRow
from identity.policies.systems import load_systems
from identity.store.golden_archive import Archive
from identity.store.golden_values import GoldenSeals
from identity.workers.asking import Asker
from identity.workers.comparing import NightlyComparison
from identity.workers.freshness import FreshnessWatch
from identity.workers.writing_back import BackWriter
from leadctl.fakes.erp import ErpRow, FakeErp
from servicekit.database import Database
from servicekit.http_host import HttpHost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from identity.commands.resolving import Resolver
    from servicekit.sealing import KeyRing

# By day in Shanghai: nothing is compared unless a test moves the clock to a night.
T0 = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)
SECRET = "made-up-secret"


@dataclass
class Clock:
    """The time of transactions and of systems, moved by hand."""

    now: datetime = T0

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def passes(self, **span: float) -> datetime:
        """Later; returns the time."""
        self.now += timedelta(**span)
        return self.now


@dataclass
class World:
    """identity and the systems around it. An ERP is asked and told as a real one would be."""

    database: Database
    clock: Clock
    desk: Desk
    records: GoldenRecords
    comparing: Comparing
    connectors: dict[str, JsonHttpConnector]
    erps: dict[str, FakeErp]
    _echoes: list[tuple[str, ErpRow]] = field(default_factory=list)

    async def hears(
        self,
        system: str,
        key: str,
        fields: Any,
        *,
        entity: str = "customer",
        at: datetime | None = None,
        is_deleted: bool = False,
    ) -> None:
        """A system says something of a row, modified at `at` or just now."""
        row = SourceRow(
            system, entity, key, fields, at or self.clock.now, self.clock.now, is_deleted
        )
        async with self.database.unit_of_work() as uow:
            await take_in(uow, [row], self.desk)

    async def changes(self, system: str, key: str, **fields: str) -> None:
        """Somebody changes a row in an ERP, and identity hears of it."""
        erp = self.erps[system]
        await self.hears(system, key, erp.shown(erp.change(key, **fields)))

    def listens(self, system: str) -> None:
        """From now on the writes to an ERP come back as its own changes, when `echoes` says so."""
        self.erps[system].on_write = lambda row: self._echoes.append((system, row))

    async def echoes(self) -> None:
        """What was written comes back."""
        while self._echoes:
            system, row = self._echoes.pop(0)
            await self.hears(system, row.key, self.erps[system].shown(row), at=row.modified_at)

    async def writes_back(self, *, steps: int = 8) -> None:
        """The worker writes until nothing is due."""
        writer = self.writer()
        for _ in range(steps):
            if not await writer.step():
                return
        raise AssertionError("writing back does not come to an end")

    def writer(self) -> BackWriter:
        """A replica's worker that writes back."""
        return BackWriter(self.database, self.writing(), self.connectors)

    def writing(self) -> WritingBack:
        """What becomes of writes."""
        return WritingBack(self.desk)

    def asker(self) -> Asker:
        """A replica's worker that asks."""
        return Asker(self.database, self.desk, self.connectors)

    def night(self) -> NightlyComparison:
        """A replica's worker that compares."""
        return NightlyComparison(self.database, self.comparing)

    def watch(self) -> FreshnessWatch:
        """A replica's worker that watches delays."""
        return FreshnessWatch(self.database, self.desk.systems)

    async def golden_ids(self) -> dict[tuple[str, str], str]:
        """The Golden ID of every row, by system and key."""
        rows = await self.rows(
            "select s.system, s.key_digest, s.sealed_key, c.golden_id from sources s"
            " join records using (record_id) join customers c using (customer_id)"
        )
        return {
            (system, self.desk.seals.open_key(digest, sealed)): golden_id
            for system, digest, sealed, golden_id in rows
        }

    async def says(self, system: str, key: str) -> dict[str, str]:
        """What a row says now, as identity knows it."""
        digest = self.desk.digests.of_source(system, key)
        rows = await self.rows(
            "select t.sealed_fields from sources s join statements t using (source_id)"
            " where s.system = $1 and s.key_digest = $2 and t.is_current",
            system,
            digest,
        )
        return self.desk.seals.open_fields(digest, rows[0][0])

    async def write_backs(self) -> list[tuple[Any, ...]]:
        """System, state, fields, reason of every write, oldest first."""
        return await self.rows(
            "select system, state, fields, reason from write_backs order by write_back_id"
        )

    async def stated(self, kind: Any) -> list[Any]:
        """The events of a kind, in order."""
        rows = await self.rows(
            "select payload from outbox where event_type = $1 order by id",
            kind.DESCRIPTOR.full_name,
        )
        return [kind.FromString(row[0]) for row in rows]

    async def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Whatever a test wants to see."""
        async with self.database.raw() as raw:
            return [tuple(row) for row in await raw.fetch(query, *arguments)]

    async def execute(self, query: str, *arguments: object) -> None:
        """Whatever a test has to bring about."""
        async with self.database.unit_of_work() as uow:
            await uow.raw.execute(query, *arguments)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(
    migrated_url: str, clock: Clock, ring: KeyRing, resolver: Resolver
) -> AsyncIterator[World]:
    """Nobody is known yet; Kingdee and U8 are connected, and the CRM is another such system."""
    database = Database(migrated_url, service="identity", clock=clock)
    async with AsyncExitStack() as stack:
        await database.start()
        stack.push_async_callback(database.stop)
        erps, connectors = {}, {}
        for system in ("kingdee", "u8", "crm"):
            erps[system] = FakeErp(SECRET, clock=clock)
            host = HttpHost("127.0.0.1", 0, erps[system])
            await host.start()
            stack.push_async_callback(host.stop)
            url = f"http://127.0.0.1:{host.port}"
            connectors[system] = JsonHttpConnector(system, url, SECRET)
            await connectors[system].start()
            stack.push_async_callback(connectors[system].stop)
        desk, arbitration, records = put_together(database, ring, resolver, list(connectors))
        zone = ZoneInfo("Asia/Shanghai")
        comparing = Comparing(desk, records.archive.golden_seals, arbitration, zone)
        yield World(database, clock, desk, records, comparing, connectors, erps)


def put_together(
    database: Database, ring: KeyRing, resolver: Resolver, told: list[str]
) -> tuple[Desk, Arbitration, GoldenRecords]:
    """The resolver with golden records and arbitration behind it."""
    golden_seals = GoldenSeals(ring)
    desk = Desk(ring, resolver.seals, resolver.digests, load_systems(), resolver)
    arbitration = Arbitration(desk, golden_seals, told=told)
    records = GoldenRecords(Archive.of(database, resolver.seals, ring))
    resolver.followers += [records.follow, arbitration.follow]
    records.listeners.append(arbitration.arbitrate)
    return desk, arbitration, records
