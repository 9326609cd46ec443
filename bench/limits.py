"""The raw limits, and the kit's consumer beside its own: on servers of their own, as durable as the stack's."""

from __future__ import annotations

import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from servicekit.local.nats_server import NatsServer
from servicekit.local.ports import free_port
from servicekit.local.postgres_server import PostgresServer

from bench.programs import Figures, measured, medians, request_file, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY_BYTES = 640
EVENTS = 20_000


def bare_route(requests: int, connections: int, runs: int) -> Figures:
    """Durable answers a second of a route with nothing but the row."""
    with _postgres() as url:
        port = free_port()
        with serving("bench.bare_route", port, url):

            def run() -> Figures:
                with request_file([_bare_request() for _ in range(requests)]) as file:
                    return measured("bench.load", "127.0.0.1", port, file, connections)

            return medians(run, runs)


def consumers(runs: int) -> tuple[Figures, Figures]:
    """Events a second of the kit's consumer with a claim and a write each, and of fetch and acknowledge alone."""
    with _postgres() as database_url, tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        server.start()
        try:
            kit = medians(
                lambda: measured("bench.consumer", "kit", server.url, database_url, EVENTS), runs
            )
            raw = medians(
                lambda: measured("bench.consumer", "raw", server.url, database_url, EVENTS), runs
            )
        finally:
            server.stop()
    return kit, raw


def _bare_request() -> bytes:
    head = (
        f"POST / HTTP/1.1\r\nHost: bench\r\nContent-Length: {BODY_BYTES}\r\n"
        f"webhook-id: {uuid.uuid4()}\r\n\r\n"
    )
    return head.encode() + b"x" * BODY_BYTES


@contextmanager
def _postgres() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder), durable=True)
        server.start()
        try:
            yield server.url()
        finally:
            server.stop()
            server.remove()
