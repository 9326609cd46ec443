"""PermissionsService on a state of 1,000 users, three manager levels and 100,000 leads, a tenth of them read-only.

`python -m bench.checks_server PORT DATABASE_URL JWKS_FILE`. The state is put into memory; decisions are recorded in
the database as ever.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from accesskit.changes import FactPut, LeasePut, PolicyPut, PrincipalPut
from accesskit.facts import Fact
from leadchain.permissions.v1.permissions_service_pb2_grpc import (
    add_PermissionsServiceServicer_to_server,
)
from permissions.commands.checks import Checks
from permissions.commands.decisions import Recorder
from permissions.policies import default_policy
from permissions.queries.decisions import nobody_approves
from permissions.queries.live import Live
from permissions.rpc.decisions import SERVICE, PermissionsServicer
from servicekit.auth import TokenVerifier
from servicekit.database import Database
from servicekit.grpc_server import GrpcServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accesskit.changes import Change

HEADS, LEADERS, REPS = 10, 90, 900
LEADS = 100_000
DAY_S = 86_400.0
ISSUER = AUDIENCE = "leadchain"


def lead_id(number: int) -> str:
    """A UUID for each number."""
    return f"0199c0de-0000-7000-8000-{number:012d}"


def rep_of(number: int) -> str:
    """Whose lead it is."""
    return f"rep-{number % REPS}"


def is_locked(number: int) -> bool:
    """Whether its lease has turned read-only; each owner has some of these."""
    return number // REPS % 10 == 0


def world(now_s: float) -> Iterator[Change]:
    """The state."""
    yield PolicyPut(1, default_policy(), "live")
    yield PrincipalPut("engagement", "service", "active", 1)
    for count, name, role in (
        (HEADS, "head", "supervisor"),
        (LEADERS, "leader", "supervisor"),
        (REPS, "rep", "salesperson"),
    ):
        for number in range(count):
            yield PrincipalPut(f"{name}-{number}", "user", "active", 1)
            yield FactPut(Fact("role", role, "member", "user", f"{name}-{number}", seq=1))
    for number in range(LEADERS):
        yield FactPut(
            Fact("user", f"leader-{number}", "manager", "user", f"head-{number % HEADS}", seq=1)
        )
    for number in range(REPS):
        yield FactPut(
            Fact("user", f"rep-{number}", "manager", "user", f"leader-{number % LEADERS}", seq=1)
        )
    for number in range(LEADS):
        touched_at_s = now_s - (31 if is_locked(number) else 1) * DAY_S
        yield LeasePut("lead", lead_id(number), rep_of(number), touched_at_s, 1, seq=number + 2)


async def main() -> None:
    """Serves until killed."""
    port, url, jwks = sys.argv[1:]
    database = Database(url, service="permissions")
    live = Live(database)
    recorder = Recorder(database, clock=time.time)
    verifier = TokenVerifier(Path(jwks), issuer=ISSUER, audience=AUDIENCE)
    grpc = GrpcServer("127.0.0.1", int(port), verifier=verifier)
    servicer = PermissionsServicer(database, live, Checks(live, recorder, nobody_approves))
    grpc.add(add_PermissionsServiceServicer_to_server, servicer, SERVICE)
    for part in (database, live, recorder):
        await part.start()
    live.engine.apply(world(time.time()), revision=live.engine.revision)
    # As every service does once it has started.
    gc.collect()
    gc.freeze()
    await grpc.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
