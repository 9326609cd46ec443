"""Checks over gRPC beside an empty servicer and an empty echo, measured in turns in the same run.

`python -m bench.checks [--runs N] [--seconds S]`. Server and load are a process each; every figure is a median. The
empty servicer is served twice: bare, by grpc.aio alone, which is the raw limit, and on the kit's host, which verifies
tokens. So the difference of bare and kit is what the host costs, and of kit and measured what deciding costs. CPU is
what the server's process took, in microseconds per call, or per check in a batch.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.table import Table
from servicekit import migrations
from servicekit.auth import mint_token, new_signing_key
from servicekit.local.ports import free_port
from servicekit.local.postgres_server import PostgresServer

from bench.checks_server import AUDIENCE, ISSUER
from bench.programs import Figures, measured, medians, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TOKEN_LIFETIME_S = 3600
WIDTH = 150
COLUMNS = (
    "figure",
    "measured",
    "kit, empty",
    "bare",
    "of kit / of bare",
    "CPU µs: measured / kit / bare",
    "target",
)
WAYS = (
    ("unary", 1, "p50_ms", "Check, 1 in flight, p50 ms", "<= 1.15 of bare"),
    ("unary", 32, "per_second", "Check/s, 32 in flight", ">= 0.85 of bare"),
    ("stream", 1, "p50_ms", "CheckStream, p50 ms", "<= 0.12"),
    ("stream", 1, "per_second", "CheckStream/s, one stream", ">= 4,000"),
    ("batch", 4, "per_second", "BatchCheck, checks/s", ">= 500,000"),
    ("batch", 1, "p50_ms", "BatchCheck of 2,000, p50 ms", "<= 8"),
    ("lookup", 1, "p50_ms", "Lookup of 9,000 ids, p50 ms", "<= 10"),
)


class Server(NamedTuple):
    """Where it listens, and its process."""

    address: str
    pid: int


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.checks", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    shown = Table(*COLUMNS, title="medians")
    with _servers() as (servers, token):
        for way, in_flight, key, name, target in WAYS:
            arguments = (token, options.seconds, way, in_flight)
            compared = servers[:1] if way == "lookup" else servers
            found = _in_turns(compared, arguments, options.runs)
            shown.add_row(name, *_cells(found, key), target)
    Console(width=WIDTH).print(shown)


def _in_turns(servers: Sequence[Server], arguments: tuple[object, ...], runs: int) -> list[Figures]:
    """Each server's medians; one run of each at a time, so that a busy moment of the machine meets all."""
    rounds = [[_run(server, arguments) for server in servers] for _ in range(runs)]
    return [
        medians(partial(next, iter([each[place] for each in rounds])), runs)
        for place in range(len(servers))
    ]


def _run(server: Server, arguments: tuple[object, ...]) -> Figures:
    before_s = _cpu_s(server.pid)
    figures = measured("bench.checks_load", server.address, *arguments)
    took_s = _cpu_s(server.pid) - before_s
    return figures | {"cpu_us": took_s / figures["answers"] * 1e6}


def _cpu_s(pid: int) -> float:
    """Seconds that a process has spent, its own and the system's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cells(found: Sequence[Figures], key: str) -> Iterator[str]:
    """Ours and the limits, ours as a share of each limit, and processor time."""
    values = [figures[key] for figures in found]
    padding = [""] * (3 - len(found))
    yield from [f"{value:,.{3 if value < 100 else 0}f}" for value in values] + padding
    yield " / ".join(f"{values[0] / limit:.2f}" for limit in values[1:])
    yield " / ".join(f"{figures['cpu_us']:,.1f}" for figures in found)


@contextmanager
def _servers() -> Iterator[tuple[list[Server], str]]:
    """Permissions, the empty servicer on the kit's host, the bare one; and a token."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        private, public = new_signing_key(ISSUER)
        jwks = Path(folder) / "jwks.json"
        jwks.write_text(json.dumps(public))
        token = mint_token(
            private,
            subject="engagement",
            scopes=[],
            audience=AUDIENCE,
            lifetime_s=TOKEN_LIFETIME_S,
            now=datetime.now(UTC),
        )
        url = stack.enter_context(_postgres(Path(folder) / "postgres"))
        programs: list[tuple[object, ...]] = [
            ("bench.checks_server", url, jwks),
            ("bench.checks_empty", jwks),
            ("bench.empty_checks",),
        ]
        yield [_server(stack, str(module), *rest) for module, *rest in programs], token


def _server(stack: ExitStack, module: str, *arguments: object) -> Server:
    port = free_port()
    stack.enter_context(serving(module, port, *arguments))
    newest = Path("/proc/thread-self/children").read_text().split()[-1]
    return Server(f"127.0.0.1:{port}", int(newest))


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    folder.mkdir()
    server = PostgresServer(folder, durable=True)
    server.start()
    try:
        asyncio.run(asyncio.to_thread(migrations.upgrade, server.url(), "permissions"))
        yield server.url()
    finally:
        server.stop()
        server.remove()


if __name__ == "__main__":
    main()
