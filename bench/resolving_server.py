"""ResolutionService on a database of its own, with the keys of the measurement.

`python -m bench.resolving_server PORT DATABASE_URL JWKS_FILE`.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path

import uvloop
from identity.rpc.resolution import IDLE_S, SERVICE, ResolutionServicer
from identity.workers.gathering import Gathering
from leadchain.identity.v1.resolution_service_pb2_grpc import (
    add_ResolutionServiceServicer_to_server,
)
from servicekit.auth import TokenVerifier
from servicekit.database import Database
from servicekit.grpc_server import GrpcServer
from servicekit.polling import Poller

from bench.identity import COLLECT_AFTER_OBJECTS, resolver_on, statements

ISSUER = AUDIENCE = "leadchain"
WARM_UP = 2_000
"""Statements that are resolved before anybody asks: a base that is not empty, and warm tables of characters."""


async def main() -> None:
    """Serves until killed."""
    port, url, jwks = sys.argv[1:]
    database = Database(url, service="identity")
    await database.start()
    resolver = resolver_on(database)
    async with database.unit_of_work() as uow:
        await resolver.resolve(uow, statements(WARM_UP, seed=3))
    gathering = Gathering(database, resolver)
    worker = Poller("resolving", gathering.step, idle_s=IDLE_S)
    gathering.wake = worker.wake
    verifier = TokenVerifier(Path(jwks), issuer=ISSUER, audience=AUDIENCE)
    grpc = GrpcServer("127.0.0.1", int(port), verifier=verifier)
    servicer = ResolutionServicer(database, resolver, gathering)
    grpc.add(add_ResolutionServiceServicer_to_server, servicer, SERVICE)
    await worker.start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 50)
    await grpc.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
