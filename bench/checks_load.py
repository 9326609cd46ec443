"""How fast a server answers checks, asked in one of four ways.

`python -m bench.checks_load TARGET TOKEN SECONDS unary|stream|batch|lookup IN_FLIGHT`; prints one JSON line.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import time
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import uvloop
from leadchain.permissions.v1 import permissions_service_pb2 as pb
from leadchain.permissions.v1 import permissions_service_pb2_grpc as rpc
from leadchain.permissions.v1.changes_pb2 import Entity

from bench.checks_server import LEADS, is_locked, lead_id, rep_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

Options: TypeAlias = dict[str, Any]
"""Token and timeout of each call."""

TIMEOUT_S = 30.0
BATCH = 2000
WARM_UP_S = 0.5


class StreamEndedError(Exception):
    """The server ended the call, with this code and text."""


@cache
def requests() -> Iterator[pb.CheckRequest]:
    """Owners, their leaders and heads, who edit and see leads that are not read-only; the same in every run."""
    chance = random.Random(7)
    prepared: list[pb.CheckRequest] = []
    while len(prepared) < 5000:
        number = chance.randrange(LEADS)
        if is_locked(number):
            continue
        leader = int(rep_of(number).removeprefix("rep-")) % 90
        subject_id, action = chance.choice(
            [
                (rep_of(number), "edit"),
                (f"leader-{leader}", "read"),
                (f"head-{leader % 10}", "read"),
            ]
        )
        resource = Entity(type="lead", id=lead_id(number))
        prepared.append(pb.CheckRequest(subject_id=subject_id, action=action, resource=resource))
    return itertools.cycle(prepared)


@cache
def batches() -> Iterator[pb.BatchCheckRequest]:
    """Heads who read any 2,000 leads."""
    chance = random.Random(7)
    prepared = [
        pb.BatchCheckRequest(
            subject_id=f"head-{number % 10}",
            action="read",
            resource_type="lead",
            resource_ids=[lead_id(chance.randrange(LEADS)) for _ in range(BATCH)],
        )
        for number in range(20)
    ]
    return itertools.cycle(prepared)


async def unary(stub: Any, options: Options, stop_at: float) -> list[float]:
    """Seconds of each call."""
    asked = requests()
    took: list[float] = []
    while (started := time.perf_counter()) < stop_at:
        await stub.Check(next(asked), **options)
        took.append(time.perf_counter() - started)
    return took


async def stream(stub: Any, options: Options, stop_at: float) -> list[float]:
    """Seconds from each question to its answer, one at a time on one call."""
    asked = requests()
    took: list[float] = []
    call = stub.CheckStream(**options)
    while (started := time.perf_counter()) < stop_at:
        await call.write(pb.CheckStreamRequest(id=len(took), check=next(asked)))
        if await call.read() is grpc.aio.EOF:
            raise StreamEndedError(await call.code(), await call.details())
        took.append(time.perf_counter() - started)
    await call.done_writing()
    await call.read()
    return took


async def batch(stub: Any, options: Options, stop_at: float) -> list[float]:
    """Seconds of each batch."""
    asked = batches()
    took: list[float] = []
    while (started := time.perf_counter()) < stop_at:
        await stub.BatchCheck(next(asked), **options)
        took.append(time.perf_counter() - started)
    return took


async def lookup(stub: Any, options: Options, stop_at: float) -> list[float]:
    """Seconds until all that a head may read, about 10,000 ids, has arrived."""
    took: list[float] = []
    while (started := time.perf_counter()) < stop_at:
        request = pb.LookupRequest(subject_id="head-1", action="read", resource_type="lead")
        async for _ in stub.Lookup(request, **options):
            pass
        took.append(time.perf_counter() - started)
    return took


WAYS: dict[str, Callable[[Any, Options, float], Awaitable[list[float]]]] = {
    "unary": unary,
    "stream": stream,
    "batch": batch,
    "lookup": lookup,
}


async def main() -> None:
    """Warms up, asks for a while, and prints."""
    target, token, seconds, way, in_flight = sys.argv[1:]
    options = {"metadata": (("authorization", f"Bearer {token}"),), "timeout": TIMEOUT_S}
    async with grpc.aio.insecure_channel(target) as channel:
        stub = rpc.PermissionsServiceStub(channel)
        warm_up = await WAYS[way](stub, options, time.perf_counter() + WARM_UP_S)
        began = time.perf_counter()
        stop_at = began + float(seconds)
        runs = [WAYS[way](stub, options, stop_at) for _ in range(int(in_flight))]
        took = sorted(itertools.chain.from_iterable(await asyncio.gather(*runs)))
        elapsed_s = time.perf_counter() - began
    each = BATCH if way == "batch" else 1
    figures = {
        "answers": (len(warm_up) + len(took)) * each,
        "per_second": len(took) * each / elapsed_s,
        "p50_ms": took[len(took) // 2] * 1e3,
        "p99_ms": took[int(len(took) * 0.99)] * 1e3,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    uvloop.run(main())
