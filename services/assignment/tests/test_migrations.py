"""The migrations make what the models say."""

import asyncio

import asyncpg
from servicekit import migrations


async def test_an_empty_database_is_brought_to_what_the_models_say(database_url: str) -> None:
    await asyncio.to_thread(migrations.upgrade, database_url, "assignment")

    await asyncio.to_thread(migrations.check, database_url, "assignment")
    async with asyncio.timeout(10):
        connection = await asyncpg.connect(database_url)
        try:
            assert (
                await connection.fetch("select item_id, channel, received_at, state from book")
                == []
            )
            assert await connection.fetchval("select version from roster") == 0
        finally:
            await connection.close()
