"""The tables that the migrations make are those of the models."""

import asyncio

import asyncpg
from servicekit import migrations


async def test_the_migrations_leave_no_difference_to_the_models(migrated_url: str) -> None:
    await asyncio.to_thread(migrations.check, migrated_url, "identity")


async def test_the_database_refuses_two_aliases_with_one_master_id(migrated_url: str) -> None:
    insert = """
    insert into aliases values ($1, 'CID-20260207-000001', 1, 1, 'k1', now(), now())
    """
    connection = await asyncpg.connect(migrated_url)
    try:
        await connection.execute(insert, "a" * 64)

        refused = await asyncio.gather(connection.execute(insert, "b" * 64), return_exceptions=True)
    finally:
        await connection.close()

    assert isinstance(refused[0], asyncpg.UniqueViolationError)
