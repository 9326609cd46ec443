"""Customers made by the resolver with a small model, and a steward who decides about them."""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from identity.commands.resolving import Resolver
from identity.commands.stewardship import Stewardship
from identity.domain.golden_ids import GoldenIdKeys
from identity.domain.references import CustomerNamed, RecordNamed, SourceNamed
from identity.domain.statements import Statement
from identity.domain.stewardship import Act
from identity.seals import Digests, Seals
from matchkit.model import Field, Model, Weight
from servicekit.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from identity.domain.stewardship import Outcome
    from servicekit.sealing import KeyRing

MORNING = datetime(2026, 2, 7, 1, 0, tzinfo=UTC)
RING = f"test:{base64.b64encode(b'r' * 32).decode()}"
INDEX_KEY = base64.b64encode(b"i" * 32).decode()
SAME_NAME = 8.0
SAME_COMPANY = 8.0
SAME_PHONE = 20.0
PRIOR_BITS = -14.0


def weighted(kind: str, same: float, differs: float) -> dict[str, Weight]:
    """Weights whose first level weighs `same` bits and all others `differs` bits."""
    between = {"text": ("one_edit", "close", "similar"), "identifier": ()}[kind]
    rest = Weight(0.01, 0.01 * 2**-differs)
    return {"exact": Weight(0.9, 0.9 * 2**-same), **dict.fromkeys((*between, "differs"), rest)}


def a_model(*, size_max: int = 50) -> Model:
    """Two records of one phone and name are of one customer; of one name and company, perhaps."""
    return Model(
        version="test-1",
        fields=(
            Field(name="name", kind="text", weights=weighted("text", SAME_NAME, -5.0)),
            Field(
                name="phone",
                kind="identifier",
                identifier=True,
                weights=weighted("identifier", SAME_PHONE, -1.0),
            ),
            Field(name="company", kind="text", weights=weighted("text", SAME_COMPANY, -1.0)),
            Field(
                name="uscc",
                kind="identifier",
                exclusive=True,
                weights=weighted("identifier", 6.0, -6.0),
            ),
        ),
        keys=("phone", "name", "company"),
        prior_bits=PRIOR_BITS,
        records_max=40,
        names="name",
        names_max=30,
        customer_size_max=size_max,
    )


@dataclass
class Clock:
    """The time of transactions; a second passes at each look."""

    now: datetime = MORNING + timedelta(hours=4)

    def __call__(self) -> datetime:
        """The time."""
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class Office:
    """Where statements come in and stewards decide."""

    database: Database
    resolver: Resolver
    stewardship: Stewardship
    published: list[str] = field(default_factory=list)
    _number: count[int] = field(default_factory=lambda: count(1))

    async def states(self, key: str, **fields: str) -> int:
        """A row of the ERP says something; returns its record."""
        return await self._hear(key, fields)

    async def goes(self, key: str) -> None:
        """A row of the ERP is deleted."""
        await self._hear(key, {}, is_deleted=True)

    async def _hear(self, key: str, fields: Mapping[str, str], *, is_deleted: bool = False) -> int:
        statement = Statement(
            system="kingdee",
            source_key=key,
            fields=fields,
            modified_at=MORNING + timedelta(minutes=next(self._number)),
            received_at=self.database._clock(),  # noqa: SLF001 - the test's own clock
            is_deleted=is_deleted,
        )
        async with self.database.unit_of_work() as uow:
            [resolved] = await self.resolver.resolve(uow, [statement])
        return resolved.record_id

    async def person(self, key: str, *, rows: int = 1, name: str, phone: str) -> list[int]:
        """Rows of one person, each of another company; returns their records."""
        return [
            await self.states(f"{key}-{row}", name=name, phone=phone, company=f"{key} {row}")
            for row in range(1, rows + 1)
        ]

    def act(self, key: str = "", *, digest: bytes = b"d" * 16) -> Act:
        """A steward's request; each of its own key unless one is given."""
        return Act("steward-1", "seen it", key or f"key-{next(self._number)}", digest)

    async def merge(self, *records: int) -> Outcome:
        """Merges the customers of records."""
        named = [await self.golden_id(record) for record in records]
        return await self.stewardship.merge(self.act(), named)

    async def split(self, customer_of: int, *leaving: int) -> Outcome:
        """Splits records from a customer."""
        named = await self.golden_id(customer_of)
        wanted = [RecordNamed(record) for record in leaving]
        return await self.stewardship.split(self.act(), named, wanted)

    async def golden_id(self, record: int) -> str:
        """What a record's customer is called."""
        return (await self.called())[record]

    async def called(self) -> dict[int, str]:
        """What each record's customer is called."""
        rows = await self.rows(
            "select record_id, golden_id from records join customers using (customer_id)"
        )
        return dict(rows)  # type: ignore[arg-type]

    async def parts(self) -> list[list[int]]:
        """The customers, as lists of records."""
        found: dict[str, list[int]] = {}
        for record, golden_id in (await self.called()).items():
            found.setdefault(golden_id, []).append(record)
        return sorted(sorted(part) for part in found.values())

    async def customers(self) -> Mapping[str, tuple[object, ...]]:
        """Golden ID to master id, count and members, as they are now."""
        rows = await self.rows(
            "select c.golden_id, c.master_id, c.first_seen_at, c.record_count,"
            " array(select record_id from records r where r.customer_id = c.customer_id order by 1)"
            " from customers c"
        )
        return {str(row[0]): row[1:] for row in rows}

    async def rows(self, query: str, *arguments: object) -> list[tuple[object, ...]]:
        """Whatever a test wants to see."""
        async with self.database.raw() as raw:
            return [tuple(row) for row in await raw.fetch(query, *arguments)]

    async def events(self, name: str) -> int:
        """How many events of a type are in the outbox."""
        [(found,)] = await self.rows(
            "select count(*) from outbox where event_type like '%.' || $1", name
        )
        return int(str(found))


def kingdee(key: str) -> SourceNamed:
    """A row of the ERP."""
    return SourceNamed("kingdee", key)


def customer(golden_id: str) -> CustomerNamed:
    """A customer by an id."""
    return CustomerNamed(golden_id)


def a_resolver(ring: KeyRing, model: Model) -> Resolver:
    """A resolver without followers."""
    return Resolver(model, Seals(ring), Digests(INDEX_KEY), GoldenIdKeys({"k1": b"g" * 32}))


@pytest.fixture
def small_model() -> Model:
    return a_model()


@pytest.fixture
def open_office(
    migrated_url: str, ring: KeyRing, small_model: Model
) -> Callable[[], AbstractAsyncContextManager[Office]]:
    """Opens the office, also in a loop of the test's own."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Office]:
        database = Database(migrated_url, service="identity", clock=Clock())
        await database.start()
        resolver = a_resolver(ring, small_model)
        try:
            yield Office(database, resolver, Stewardship(database, resolver))
        finally:
            await database.stop()

    return opened


@pytest.fixture
async def office(
    open_office: Callable[[], AbstractAsyncContextManager[Office]],
) -> AsyncIterator[Office]:
    async with open_office() as opened:
        yield opened


@pytest.fixture
def program_arguments(migrated_url: str, small_model: Model, tmp_path: Path) -> list[str]:
    """What another process needs to work in the same office."""
    model = tmp_path / "model.yaml"
    model.write_text(small_model.dump(), encoding="utf-8")
    return [migrated_url, str(model), RING, INDEX_KEY]
