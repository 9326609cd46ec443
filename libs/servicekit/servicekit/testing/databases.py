"""Databases that live as long as one test."""

import asyncio

import asyncpg

TIMEOUT_S = 30.0


async def create_database(admin_url: str, name: str) -> None:
    """Make the empty database `name`."""
    # Copying the template's few files beats logging them while nothing is synced to disk.
    await _execute(admin_url, f'CREATE DATABASE "{name}" TEMPLATE template0 STRATEGY file_copy')


async def drop_database(admin_url: str, name: str) -> None:
    """Drop `name` and end whatever session is still in it."""
    await _execute(admin_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _execute(admin_url: str, statement: str) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        connection = await asyncpg.connect(admin_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
