"""The migrations make what the models say."""

import asyncio

from servicekit import migrations


async def test_an_upgrade_from_empty_leaves_no_difference_to_the_models(database_url: str) -> None:
    await asyncio.to_thread(migrations.upgrade, database_url, "lead_intake")

    await asyncio.to_thread(migrations.check, database_url, "lead_intake")
