"""Checks over gRPC beside an empty servicer and an empty echo, measured in turns in the same run.

`python -m bench.checks [--runs N] [--seconds S]`. Server and load are a process each; every figure is a median.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from servicekit import migrations
from servicekit.auth import mint_token, new_signing_key
from servicekit.local.ports import free_port
from servicekit.local.postgres_server import PostgresServer

from bench.checks_server import AUDIENCE, ISSUER
from bench.programs import Figures, measured, medians, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN_LIFETIME_S = 3600
WAYS = (
    ("unary", 1, "p50_ms", "Check, 1 in flight, p50 ms", "<= 1.15 x raw"),
    ("unary", 32, "per_second", "Check/s, 32 in flight", ">= 0.85 x raw"),
    ("stream", 1, "p50_ms", "CheckStream, p50 ms", "<= 0.12"),
    ("stream", 1, "per_second", "CheckStream/s, one stream", ">= 4,000"),
    ("batch", 4, "per_second", "BatchCheck, checks/s", ">= 500,000"),
    ("batch", 1, "p50_ms", "BatchCheck of 2,000, p50 ms", "<= 8"),
    ("lookup", 1, "p50_ms", "Lookup of 9,000 ids, p50 ms", "<= 10"),
)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.checks", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    shown = Table("figure", "measured", "raw limit", "ratio", "target", title="medians")
    with _servers() as (ours, raw, token):
        for way, in_flight, key, name, target in WAYS:
            arguments = (options.seconds, way, in_flight)
            own, limit = _in_turns(
                (ours, token, *arguments), (raw, token, *arguments), options.runs
            )
            _row(shown, name, own[key], limit.get(key), target)
    Console().print(shown)


def _in_turns(
    ours: tuple[object, ...], raw: tuple[object, ...], runs: int
) -> tuple[Figures, Figures]:
    """The medians of both; one run of each at a time, so that a busy moment of the machine meets both."""
    has_raw = "lookup" not in raw
    found = [
        (
            measured("bench.checks_load", *ours),
            measured("bench.checks_load", *raw) if has_raw else {},
        )
        for _ in range(runs)
    ]
    own, limits = iter([pair[0] for pair in found]), iter([pair[1] for pair in found])
    return medians(lambda: next(own), runs), medians(lambda: next(limits), runs)


@contextmanager
def _servers() -> Iterator[tuple[str, str, str]]:
    """Address of permissions, address of the raw limit, and a token."""
    with tempfile.TemporaryDirectory() as folder:
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
        ours, raw = free_port(), free_port()
        with (
            _postgres(Path(folder) / "postgres") as url,
            serving("bench.checks_server", ours, url, jwks),
            serving("bench.empty_checks", raw),
        ):
            yield f"127.0.0.1:{ours}", f"127.0.0.1:{raw}", token


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


def _row(shown: Table, name: str, value: float, limit: float | None, target: str) -> None:
    ratio = f"{value / limit:.2f}" if limit else ""
    digits = 3 if value < 100 else 0
    raw = f"{limit:,.{digits}f}" if limit else ""
    shown.add_row(name, f"{value:,.{digits}f}", raw, ratio, target)


if __name__ == "__main__":
    main()
