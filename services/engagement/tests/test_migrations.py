"""The tables that the migrations make are those of the models."""

import asyncio

from servicekit import migrations


async def test_the_migrations_leave_no_difference_to_the_models(migrated_url: str) -> None:
    await asyncio.to_thread(migrations.check, migrated_url, "engagement")
