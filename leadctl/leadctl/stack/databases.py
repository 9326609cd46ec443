"""One database and one role for each service; a role reaches its own database only."""

import asyncio
from collections.abc import Mapping

import asyncpg

TIMEOUT_S = 60.0


async def create_databases(admin_url: str, passwords: Mapping[str, str]) -> None:
    """For each name of `passwords` a role with that password and a database that it owns.

    What exists stays as it is, but for the password.
    """
    async with asyncio.timeout(TIMEOUT_S):
        connection = await asyncpg.connect(admin_url)
        try:
            await _lock_out_strangers(connection, "postgres")
            for name, password in passwords.items():
                await _create_role(connection, name, password)
                await _create_database(connection, name)
        finally:
            await connection.close()


async def _create_role(connection: asyncpg.Connection, name: str, password: str) -> None:
    exists = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name)
    statement = "ALTER" if exists else "CREATE"
    # A role statement takes no parameters; the server itself quotes name and password.
    quoted = await connection.fetchval(
        "SELECT format('%I LOGIN PASSWORD %L', $1::text, $2::text)", name, password
    )
    await connection.execute(f"{statement} ROLE {quoted}")


async def _create_database(connection: asyncpg.Connection, name: str) -> None:
    exists = await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name)
    if not exists:
        await connection.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
        await _lock_out_strangers(connection, name)


async def _lock_out_strangers(connection: asyncpg.Connection, database: str) -> None:
    await connection.execute(f'REVOKE CONNECT, TEMPORARY ON DATABASE "{database}" FROM PUBLIC')
