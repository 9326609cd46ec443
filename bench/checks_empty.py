"""What the kit's host costs: the empty servicer behind it, with tokens verified as in front of every service.

`python -m bench.checks_empty PORT JWKS_FILE`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop
from leadchain.permissions.v1.permissions_service_pb2_grpc import (
    add_PermissionsServiceServicer_to_server,
)
from permissions.rpc.decisions import SERVICE
from servicekit.auth import TokenVerifier
from servicekit.grpc_server import GrpcServer

from bench.checks_server import AUDIENCE, ISSUER
from bench.empty_checks import EchoServicer


async def main() -> None:
    """Serves until killed."""
    port, jwks = sys.argv[1:]
    verifier = TokenVerifier(Path(jwks), issuer=ISSUER, audience=AUDIENCE)
    grpc = GrpcServer("127.0.0.1", int(port), verifier=verifier)
    grpc.add(add_PermissionsServiceServicer_to_server, EchoServicer(), SERVICE)  # type: ignore[abstract]  # only these are called
    await grpc.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
