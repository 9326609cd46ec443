"""The running chain under load: how fast it accepts, and how long leads take to their owner's reminder."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
from leadctl.clients import Services
from leadctl.demo.deliveries import WEBSITE_FORM, simple_deliveries
from leadctl.demo.environment import demo_stack, introduce_people, open_doors
from leadctl.demo.people import PEOPLE_MAX
from leadctl.demo.sender import signed_headers
from leadctl.ledger import current_funnel, current_latency, current_ledger
from leadctl.stack.programs import SERVICES

from bench.programs import Figures, measured, request_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from leadctl.demo.deliveries import Delivery
    from leadctl.demo.sender import Door
    from leadctl.stack.stack import Stack

CONNECTIONS = 64
SETTLES_WITHIN_S = 240.0
ASK_EVERY_S = 0.5
TRACED_SHARE = "0.01"
USUAL_SLA = Path(__file__).parents[1] / "services/assignment/assignment/policies/sla.yaml"


@dataclass(slots=True)
class Chain:
    """A running stack with its website account, and deliveries of people who have never asked before."""

    stack: Stack
    known: Services
    door: Door
    deliveries: Iterator[Delivery]

    def requests(self, count: int) -> list[bytes]:
        """Signed requests, ready to be written to a socket."""
        return [_request(self.door, delivery) for delivery in islice(self.deliveries, count)]

    async def load(self, count: int, *, rate: float | None = None) -> Figures:
        """Sends `count` deliveries and waits until each lead's report row says reminded and granted.

        Figures: accepts and latency as the sender saw them, leads a second and accept-to-reminded latency as reporting
        did, and CPU time a lead of each process.
        """
        since = datetime.now(UTC)
        cpu_before = self._cpu_s()
        with request_file(self.requests(count)) as file:
            started = time.perf_counter()
            sent = await asyncio.to_thread(self._send, file, rate)
        await self._all_reported(count, since)
        took_s = time.perf_counter() - started
        latency = await current_latency(self.known, since=since)
        cpu_after = self._cpu_s()
        return {
            "accepts_per_s": sent["per_second"],
            "accept_p50_ms": sent["p50_ms"],
            "accept_p99_ms": sent["p99_ms"],
            "statuses": sent["statuses"],
            "leads_per_s": count / took_s,
            "reminded_p50_ms": latency.p50_ms,
            "reminded_p99_ms": latency.p99_ms,
            "cpu_us_per_lead": {
                name: round((cpu_after[name] - cpu_before[name]) / count * 1e6)
                for name in cpu_after
            },
        }

    async def missing(self) -> int:
        """Leads that some book lacks; the measurement is worth nothing unless it is 0."""
        return (await current_ledger(self.known)).total.missing_count

    def _send(self, file: Path, rate: float | None) -> Figures:
        address = urlsplit(self.door.url)
        paced = [] if rate is None else [rate]
        return measured("bench.load", address.hostname, address.port, file, CONNECTIONS, *paced)

    async def _all_reported(self, count: int, since: datetime) -> None:
        async with asyncio.timeout(SETTLES_WITHIN_S):
            while True:
                funnel = await current_funnel(self.known, since=since)
                reminded = sum(line.reminded_count for line in funnel.lines)
                granted = sum(line.granted_count for line in funnel.lines)
                if min(reminded, granted) >= count:
                    return
                await asyncio.sleep(ASK_EVERY_S)

    def _cpu_s(self) -> dict[str, float]:
        return {name: _tree_cpu_s(pid) for name, pid in self.stack.pids().items()}


@asynccontextmanager
async def running_chain(folder: Path) -> AsyncIterator[Chain]:
    """A fresh chain whose reps have the usual 15 minutes; 1 % of its traces are kept."""
    sampler = {
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": TRACED_SHARE,
        "LOG_LEVEL": "WARNING",
    }
    settings = {program.name: dict(sampler) for program in SERVICES}
    settings["assignment"]["SLA_POLICY_FILE"] = str(USUAL_SLA)
    stack = demo_stack(folder, settings=settings)
    await stack.down(purge=True)
    try:
        await stack.up()
        targets = {name: target.grpc for name, target in stack.targets().items()}
        async with Services(targets, stack.operator_token_file()) as known:
            doors = await open_doors(known, stack)
            await introduce_people(known, stack)
            deliveries = simple_deliveries(PEOPLE_MAX, seed=1, at=datetime.now(UTC))
            yield Chain(stack, known, doors[WEBSITE_FORM], deliveries)
    finally:
        await stack.down(purge=True)


def _request(door: Door, delivery: Delivery) -> bytes:
    address = urlsplit(door.url)
    headers = signed_headers(delivery, door.key, now_s=time.time())
    lines = [f"POST {address.path} HTTP/1.1", f"host: {address.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {len(delivery.body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + delivery.body


def _tree_cpu_s(pid: int) -> float:
    """User and system time of a process and its children, such as PostgreSQL's backends."""
    process = psutil.Process(pid)
    times = [
        process.cpu_times(),
        *(child.cpu_times() for child in process.children(recursive=True)),
    ]
    return float(
        sum(t.user + t.system for t in times) + times[0].children_user + times[0].children_system
    )


def _ignore(_: object) -> None:
    """Nobody watches."""
