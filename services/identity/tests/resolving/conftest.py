"""Statements for the resolver's tests, and a door to it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from identity.commands.resolving import Resolver
from identity.domain.statements import Resolved, Statement
from servicekit.database import Database

TABLES = (
    "sources",
    "statements",
    "records",
    "record_keys",
    "links",
    "generic_keys",
    "customers",
    "aliases",
    "alias_supports",
    "moves",
    "regroupings",
)
NOON = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)


def a_statement(
    number: int = 1, *, minute: int = 0, system: str = "crm", **fields: str
) -> Statement:
    """What row `number` of a system says; a made-up person unless fields say otherwise."""
    return Statement(
        system=system,
        source_key=f"C-{number}",
        fields=fields or {"name": "张伟", "phone": "13800138001"},
        modified_at=NOON + timedelta(minutes=minute),
        received_at=NOON + timedelta(hours=1, minutes=minute),
        actor="erp",
    )


class Door:
    """The resolver, each call in a transaction of its own."""

    def __init__(self, database: Database, resolver: Resolver) -> None:
        self.database = database
        self.resolver = resolver
        self.published: list[str] = []

    async def state(self, *statements: Statement) -> list[Resolved]:
        """States together."""
        async with self.database.unit_of_work() as uow:
            resolved = await self.resolver.resolve(uow, statements)
        self.published += [event.event_type.rpartition(".")[2] for event in uow.outgoing]
        return resolved

    def deleted(self, statement: Statement, *, minute: int) -> Statement:
        """The word that a row is gone."""
        at = NOON + timedelta(minutes=minute)
        return replace(statement, fields={}, modified_at=at, received_at=at, is_deleted=True)

    async def golden_ids(self, *statements: Statement) -> list[str]:
        """What the customers of statements are called."""
        return [each.golden_id for each in await self.state(*statements)]

    async def empty(self) -> None:
        """Forgets everything that was ever resolved."""
        async with self.database.unit_of_work() as uow:
            await uow.raw.execute(f"truncate {', '.join(TABLES)}")

    async def count(self, table: str) -> int:
        """Rows of a table."""
        async with self.database.raw() as raw:
            return int(await raw.fetchval(f"select count(*) from {table}"))

    async def rows(self, query: str, *arguments: object) -> list[tuple[object, ...]]:
        """Whatever a test wants to see."""
        async with self.database.raw() as raw:
            return [tuple(row) for row in await raw.fetch(query, *arguments)]


@pytest.fixture
def door(database: Database, resolver: Resolver) -> Door:
    return Door(database, resolver)


@pytest.fixture
def statement() -> Callable[..., Statement]:
    return a_statement
