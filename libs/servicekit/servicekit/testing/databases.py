"""Databases that live as long as one test."""

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg

from servicekit import migrations

if TYPE_CHECKING:
    from servicekit.testing.servers import TestPostgres

TIMEOUT_S = 30.0


async def create_database(admin_url: str, name: str) -> None:
    """Make the empty database `name`."""
    # Copying the template's few files beats logging them while nothing is synced to disk.
    await _execute(admin_url, f'CREATE DATABASE "{name}" TEMPLATE template0 STRATEGY file_copy')


async def drop_database(admin_url: str, name: str) -> None:
    """Drop `name` and end whatever session is still in it."""
    await _execute(admin_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class Migrated:
    """Databases with a package's tables. The migrations run once in a test run; each database is a copy of that one."""

    def __init__(self, server: "TestPostgres") -> None:
        self._server = server
        self._templates: dict[str, str] = {}

    async def migrate(self, url: str, package: str) -> None:
        """Make the database at `url` with the tables of `package`; one that is there is replaced."""
        template = self._templates.get(package)
        if template is None:
            template = f"migrated_{package}"
            await create_database(self._server.admin_url, template)
            await asyncio.to_thread(migrations.upgrade, self._server.url(template), package)
            self._templates[package] = template
        name = urlsplit(url).path.lstrip("/")
        await _execute(
            self._server.admin_url,
            f'DROP DATABASE IF EXISTS "{name}"',
            f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy',
        )


async def _execute(admin_url: str, *statements: str) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        connection = await asyncpg.connect(admin_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()
