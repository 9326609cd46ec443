"""Databases that live as long as one test."""

import asyncio
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg

from servicekit import migrations

if TYPE_CHECKING:
    from servicekit.testing.servers import TestPostgres

TIMEOUT_S = 30.0


async def create_database(admin_url: str, name: str) -> None:
    """Make the empty database `name`."""
    await _execute(admin_url, _creating(name))


async def drop_database(admin_url: str, name: str) -> None:
    """Drop `name` and end whatever session is still in it."""
    await _execute(admin_url, _dropping(name))


class Administrator:
    """Makes and drops databases over one connection, for tests each of which has a loop of its own.

    The connection lives on a thread's loop: opening one for every statement takes PostgreSQL and the client together
    as long as the copying of a small database.
    """

    def __init__(self, server: "TestPostgres") -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="administrator")
        self._connection: asyncpg.Connection | None = None

    def start(self) -> None:
        """Begins to take orders; the connection is opened with the first."""
        self._thread.start()

    def stop(self) -> None:
        """Closes the connection and ends the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)
        self._loop.close()

    async def create(self, name: str, *, template: str = "template0") -> None:
        """Make the database `name`, as a copy of `template`."""
        await self._order(_creating(name, template))

    async def drop(self, name: str) -> None:
        """Drop `name`, if there is one, and end whatever session is still in it."""
        await self._order(_dropping(name))

    async def _order(self, statement: str) -> None:
        done = asyncio.run_coroutine_threadsafe(self._execute(statement), self._loop)
        await asyncio.wrap_future(done)

    async def _execute(self, statement: str) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(self._server.admin_url)
            await self._connection.execute(statement)

    async def _close(self) -> None:
        if self._connection is not None:
            await self._connection.close(timeout=TIMEOUT_S)


class Migrated:
    """Databases with a package's tables. The migrations run once in a test run; each database is a copy of that one."""

    def __init__(self, server: "TestPostgres", administrator: Administrator) -> None:
        self._server = server
        self._administrator = administrator
        self._templates: dict[str, str] = {}

    async def migrate(self, url: str, package: str) -> None:
        """Make the database at `url` with the tables of `package`; one that is there is replaced."""
        template = self._templates.get(package)
        if template is None:
            template = f"migrated_{package}"
            await self._administrator.create(template)
            await asyncio.to_thread(migrations.upgrade, self._server.url(template), package)
            self._templates[package] = template
        name = urlsplit(url).path.lstrip("/")
        await self._administrator.drop(name)
        await self._administrator.create(name, template=template)


def _creating(name: str, template: str = "template0") -> str:
    # Copying the template's few files beats logging them while nothing is synced to disk.
    return f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy'


def _dropping(name: str) -> str:
    return f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'


async def _execute(admin_url: str, statement: str) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        connection = await asyncpg.connect(admin_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
