"""The pytest plugin: fixtures with real servers for every package of the workspace, and long tests first.

A test that asks for no server starts none. See `servicekit.testing.servers` for where they come
from, and `servicekit.testing.thoroughness` for how long tests go on.
"""

import gc
import secrets
from collections.abc import AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from servicekit.testing import thoroughness

if TYPE_CHECKING:
    from servicekit.local.nats_server import NatsServer
    from servicekit.local.postgres_server import PostgresServer
    from servicekit.testing.databases import Administrator, Migrated
    from servicekit.testing.servers import TestNats, TestPostgres


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known that goes before others, and how examples are drawn."""
    config.addinivalue_line("markers", "soak: goes on longer in `make chaos`; its file comes first")
    thoroughness.draw_examples()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collects no garbage while tests are collected, and spares what was collected afterwards: it stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a `soak` come first: begun last, one would keep a single worker busy at the end."""
    files = {item.path for item in items if item.get_closest_marker("soak")}
    items.sort(key=lambda item: item.path not in files)
    if thoroughness.IS_THOROUGH:
        for item in items:
            item.add_marker(pytest.mark.timeout(thoroughness.PATIENCE_S), append=False)


@pytest.fixture(scope="session")
def postgres_server() -> "Iterator[TestPostgres]":
    """The PostgreSQL of this test run."""
    from servicekit.testing.servers import postgres_for_tests

    with postgres_for_tests() as server:
        yield server


@pytest.fixture(scope="session")
def nats_server() -> "Iterator[TestNats]":
    """The NATS of this test run."""
    from servicekit.testing.servers import nats_for_tests

    with nats_for_tests() as server:
        yield server


@pytest.fixture(scope="session")
def administrator(postgres_server: "TestPostgres") -> "Iterator[Administrator]":
    """Makes and drops databases of `postgres_server`."""
    from servicekit.testing.databases import Administrator

    administrator = Administrator(postgres_server)
    administrator.start()
    yield administrator
    administrator.stop()


@pytest_asyncio.fixture
async def database_url(
    request: pytest.FixtureRequest,
    postgres_server: "TestPostgres",
    administrator: "Administrator",
) -> AsyncIterator[str]:
    """The URL (`postgresql://...`) of an empty database of this test's own.

    Where the test asks for `migrated` too, that makes the database, and there is none before.
    """
    name = f"test_{secrets.token_hex(6)}"
    if "migrated" not in request.fixturenames:
        await administrator.create(name)
    yield postgres_server.url(name)
    await administrator.drop(name)


@pytest.fixture(scope="session")
def migrated(postgres_server: "TestPostgres", administrator: "Administrator") -> "Migrated":
    """Gives databases the tables of a package."""
    from servicekit.testing.databases import Migrated

    return Migrated(postgres_server, administrator)


@pytest_asyncio.fixture
async def nats_url(nats_server: "TestNats") -> str:
    """The URL, user included, of a NATS account without any stream or consumer."""
    from servicekit.testing.accounts import empty_account

    url = nats_server.next_url()
    await empty_account(url)
    return url


@pytest.fixture
def own_postgres_server() -> "Iterator[PostgresServer]":
    """A PostgreSQL for this test alone, which may stop, kill and restart it."""
    from servicekit.testing.servers import own_postgres

    with own_postgres() as server:
        yield server


@pytest.fixture
def own_nats_server() -> "Iterator[NatsServer]":
    """A NATS for this test alone, which may stop, kill and restart it."""
    from servicekit.testing.servers import own_nats

    with own_nats() as server:
        yield server
