"""Customers and leads from before there were statements."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from alembic import command
from alembic.config import Config
from identity.commands.identifying import identify_leads
from identity.commands.resolving import Resolver
from identity.domain.customers import LeadId
from identity.domain.golden_ids import Factors
from identity.queries.customers import get_customer, get_identity
from servicekit.database import Database

LEAD_ID = UUID(int=7)
SEEN_AT = datetime(2026, 2, 1, 4, 30, tzinfo=UTC)
MASTER_ID = "CID-20260201-000009"


def migrate(database_url: str, step: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", "identity:migrations")
    config.set_main_option("path_separator", "newline")
    config.attributes["database_url"] = database_url
    step(config, revision)


async def test_customers_of_before_keep_their_ids_and_are_known_again(
    database_url: str, resolver: Resolver, reader: Any, received: Any
) -> None:
    golden_id = resolver.keys.mint(Factors("+8613800138001", "", "", ""))[0].golden_id
    await asyncio.to_thread(migrate, database_url, command.upgrade, "0002")
    raw = await asyncpg.connect(database_url)
    try:
        customer = (golden_id, MASTER_ID, 1, SEEN_AT)
        await raw.execute("insert into customers values ($1, $2, $3, $4)", *customer)
        lead = (LEAD_ID, golden_id, "website_form", SEEN_AT, 1)
        await raw.execute("insert into leads values ($1, $2, $3, $4, $5)", *lead)
        await asyncio.to_thread(migrate, database_url, command.upgrade, "head")
        database = Database(database_url, service="identity")

        async with database.unit_of_work() as uow:
            await identify_leads(uow, resolver, [reader.arrival(received())])
        known, leads = await get_customer(database, MASTER_ID)
        before, _ = await get_identity(database, LeadId(LEAD_ID))
        await database.stop()

        assert (known.golden_id, known.first_seen_at) == (golden_id, SEEN_AT)
        assert known.record_count == 1
        assert before == known
        assert len(leads) == 2
        await asyncio.to_thread(migrate, database_url, command.downgrade, "0002")
        assert tuple(await raw.fetchrow("select * from customers")) == customer
    finally:
        await raw.close()
