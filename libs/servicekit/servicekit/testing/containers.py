"""The servers of a test run in containers, for machines with a Docker engine and the images."""

from collections.abc import Iterator
from contextlib import contextmanager

from testcontainers.community.nats import NatsContainer
from testcontainers.community.postgres import PostgresContainer

POSTGRES_IMAGE = "postgres:18"
NATS_IMAGE = "nats:2.15"


@contextmanager
def postgres_container() -> Iterator[str]:
    """The superuser's URL of a PostgreSQL in a container."""
    container = PostgresContainer(POSTGRES_IMAGE, driver=None).with_command(
        "postgres -c fsync=off -c max_connections=200"
    )
    with container as running:
        yield running.get_connection_url()


@contextmanager
def nats_container() -> Iterator[str]:
    """The URL of a NATS with JetStream in a container."""
    with NatsContainer(NATS_IMAGE, jetstream=True) as running:
        yield running.nats_uri()
