"""The tables that the migrations make are those of the models, and the audit log only grows."""

import asyncio

import asyncpg
import pytest
from servicekit import migrations

ENTRY = "insert into audit_entries values ($1, now(), '{}', decode(repeat('00', 32), 'hex'))"


async def test_the_migrations_leave_no_difference_to_the_models(migrated_url: str) -> None:
    await asyncio.to_thread(migrations.check, migrated_url, "permissions")


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_entries set fact = '{}'",
        "delete from audit_entries",
        "delete from audit_entries where seq = 99",
        "truncate audit_entries",
        "insert into audit_entries table audit_entries on conflict (seq) do update set fact = ''",
    ],
)
async def test_the_database_refuses_to_change_the_audit_log(
    migrated_url: str, statement: str
) -> None:
    connection = await asyncpg.connect(migrated_url)
    try:
        await connection.execute(ENTRY, 1)

        with pytest.raises(asyncpg.RestrictViolationError, match="only grows"):
            await connection.execute(statement)

        assert await connection.fetchval("select count(*) from audit_entries") == 1
    finally:
        await connection.close()
