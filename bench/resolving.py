"""`python -m bench.resolving`: how long a Resolve over gRPC takes at a steady rate, until it is durably stored.

One caller sends made-up rows at their time, whether or not earlier ones were answered, to a server that is a process
of its own, on a PostgreSQL with fsync. A time counts from when the row was due.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import uvloop
from leadchain.identity.v1 import resolution_service_pb2 as pb
from leadchain.identity.v1.resolution_service_pb2_grpc import ResolutionServiceStub
from rich.console import Console
from rich.table import Table
from servicekit import migrations
from servicekit.auth import mint_token, new_signing_key
from servicekit.local.ports import free_port
from servicekit.local.postgres_server import PostgresServer

from bench.identity import statements
from bench.programs import serving
from bench.resolving_server import AUDIENCE, ISSUER, WARM_UP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from identity.domain.statements import Statement

RATES = (100, 500, 1_000)
TIMEOUT_S = 30.0
TOKEN_LIFETIME_S = 3600
REFUSALS = {
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""How a server says that it cannot keep up; they are counted, and have no time."""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.resolving", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each rate")
    parser.add_argument("--rates", type=int, nargs="+", default=RATES, help="rows a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadchain-bench-") as folder:
        private, public = new_signing_key(ISSUER)
        jwks = Path(folder) / "jwks.json"
        jwks.write_text(json.dumps(public))
        with _postgres(Path(folder) / "postgres") as url:
            port = free_port()
            with serving("bench.resolving_server", port, url, jwks):
                uvloop.run(_measure(f"127.0.0.1:{port}", _token(private), options))


async def _measure(address: str, token: str, options: argparse.Namespace) -> None:
    counts = [int(rate * options.seconds) for rate in options.rates]
    rows = iter(statements(WARM_UP + sum(counts))[WARM_UP:])
    table = Table("rows/s asked", "answered/s", "refused", "p50 ms", "p99 ms", "p99.9 ms")
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = ResolutionServiceStub(channel)
        for rate, count in zip(options.rates, counts, strict=True):
            requests = [_request(row) for _, row in zip(range(count), rows, strict=False)]
            table.add_row(f"{rate:,}", *await _at_rate(stub, token, requests, rate))
    Console(highlight=False).print(table)


async def _at_rate(
    stub: Any, token: str, requests: Sequence[pb.ResolveRequest], rate: int
) -> list[str]:
    """Sends the requests at a steady rate; answers a second, refusals, and what the answers' times were."""
    took: list[float] = []
    refused = 0
    began = time.perf_counter()

    async def ask(request: pb.ResolveRequest, due: float) -> None:
        nonlocal refused
        try:
            await stub.Resolve(
                request, timeout=TIMEOUT_S, metadata=(("authorization", f"Bearer {token}"),)
            )
        except grpc.aio.AioRpcError as error:
            if error.code() not in REFUSALS:
                raise
            refused += 1
        else:
            took.append(time.perf_counter() - due)

    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(requests):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(ask(request, due))
    elapsed_s = time.perf_counter() - began
    took.sort()
    shares = [took[int(len(took) * share)] * 1e3 for share in (0.5, 0.99, 0.999)]
    return [f"{len(took) / elapsed_s:,.0f}", f"{refused}", *(f"{each:,.1f}" for each in shares)]


def _request(row: Statement) -> pb.ResolveRequest:
    stated = pb.RowStatement(system=row.system, source_key=row.source_key, fields=row.fields)
    stated.modified_at.FromDatetime(row.modified_at)
    return pb.ResolveRequest(statement=stated)


def _token(private: Any) -> str:
    return mint_token(
        private,
        subject="bench",
        scopes=[],
        audience=AUDIENCE,
        lifetime_s=TOKEN_LIFETIME_S,
        now=datetime.now(UTC),
    )


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    server = PostgresServer(folder, durable=True)
    server.start()
    try:
        migrations.upgrade(server.url(), "identity")
        yield server.url()
    finally:
        server.stop()
        server.remove()


if __name__ == "__main__":
    main()
