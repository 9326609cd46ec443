"""Ownerships turn into leases when the database is migrated, and back."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from alembic import command
from alembic.config import Config

LEAD_ID = UUID(int=7)
GRANTED_AT = datetime(2026, 2, 7, 4, 30, 0, 250_000, tzinfo=UTC)


def migrate(database_url: str, step, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", "permissions:migrations")
    config.set_main_option("path_separator", "newline")
    config.attributes["database_url"] = database_url
    step(config, revision)


async def test_an_ownership_becomes_a_lease_that_no_entry_states_yet_and_comes_back(
    database_url: str,
) -> None:
    await asyncio.to_thread(migrate, database_url, command.upgrade, "0002")
    raw = await asyncpg.connect(database_url)
    try:
        row = (LEAD_ID, "rep-ana", 3, 17, GRANTED_AT)
        await raw.execute("insert into ownerships values ($1, $2, $3, $4, $5)", *row)

        await asyncio.to_thread(migrate, database_url, command.upgrade, "0003")
        lease = await raw.fetchrow("select * from leases")
        await asyncio.to_thread(migrate, database_url, command.downgrade, "0002")
        ownership = await raw.fetchrow("select * from ownerships")
    finally:
        await raw.close()

    assert (lease["resource_type"], lease["resource_id"]) == ("lead", str(LEAD_ID))
    assert (lease["owner_id"], lease["assignment_no"], lease["seq"]) == ("rep-ana", 3, 17)
    assert lease["touched_at_s"] == lease["clock_s"] == GRANTED_AT.timestamp()
    assert lease["version"] == 0
    assert tuple(ownership) == row
