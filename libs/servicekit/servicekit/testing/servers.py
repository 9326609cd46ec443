"""Where the servers of a test run come from.

`TEST_POSTGRES_URL` and `TEST_NATS_URL` name servers that are there; without them the wheels start
one of each, or testcontainers does with `TEST_SERVERS=containers`. All are the same real servers.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servicekit.local.nats_server import NatsServer
from servicekit.local.postgres_server import PostgresServer

# A test gets the next account, so what an earlier test left running cannot meet it.
ACCOUNTS = [f"test{number:02}" for number in range(16)]
MEMORY = Path("/dev/shm")  # noqa: S108 - only for folders made by mkdtemp
MEMORY_BYTES_MIN = 2**30
PASSWORD = "test"  # noqa: S105 - a server of this test run only, on the loopback


class TestPostgres:
    """A PostgreSQL in which tests make databases; `admin_url` may create and drop them."""

    __test__ = False

    def __init__(self, admin_url: str) -> None:
        self.admin_url = admin_url

    def url(self, database: str) -> str:
        """Where to reach `database`."""
        return f"{self.admin_url.rpartition('/')[0]}/{database}"


class TestNats:
    """A NATS with JetStream; each call of `next_url` gives the next isolated account, in turn."""

    __test__ = False

    def __init__(self, urls: list[str]) -> None:
        self._urls = itertools.cycle(urls)

    def next_url(self) -> str:
        """Where the next test connects; one and the same if the server has a single account."""
        return next(self._urls)


@contextmanager
def postgres_for_tests() -> Iterator[TestPostgres]:
    """The PostgreSQL of this run, running while the context is open."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield TestPostgres(given)
    elif os.environ.get("TEST_SERVERS") == "containers":
        from servicekit.testing.containers import postgres_container

        with postgres_container() as url:
            yield TestPostgres(url)
    else:
        with own_postgres() as server:
            yield TestPostgres(server.url())


@contextmanager
def nats_for_tests() -> Iterator[TestNats]:
    """The NATS of this run, running while the context is open."""
    given = os.environ.get("TEST_NATS_URL")
    if given:
        yield TestNats([given])
    elif os.environ.get("TEST_SERVERS") == "containers":
        from servicekit.testing.containers import nats_container

        with nats_container() as url:
            yield TestNats([url])
    else:
        with own_nats(authorization=_accounts()) as server:
            yield TestNats([server.url_for(name, PASSWORD) for name in ACCOUNTS])


@contextmanager
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that one test may stop and kill; its data go with it."""
    with _temporary_directory() as directory:
        server = PostgresServer(directory / "postgres", durable=False, orphan_signal="INT")
        server.start()
        try:
            yield server
        finally:
            server.remove()


@contextmanager
def own_nats(*, authorization: str = "") -> Iterator[NatsServer]:
    """A NATS that one test may stop and kill; its data go with it."""
    with _temporary_directory() as directory:
        server = NatsServer(directory / "nats", authorization=authorization, orphan_signal="KILL")
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def _temporary_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="leadchain-test-", dir=_fastest_place()))
    # PostgreSQL may run as another user, who must reach its data in here.
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _fastest_place() -> Path | None:
    """Memory, where a fresh database takes 15 ms instead of 100; None (a disk) if it is scarce."""
    writable = os.access(MEMORY, os.W_OK | os.X_OK)
    roomy = writable and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN
    return MEMORY if roomy else None


def _accounts() -> str:
    entries = [
        f'{name}: {{jetstream: enabled, users: [{{user: {name}, password: "{PASSWORD}"}}]}}'
        for name in ACCOUNTS
    ]
    return "accounts {\n" + "\n".join(entries) + "\n}"
