"""What tests of commands share: services that say what a test wants, served over real gRPC while a command runs."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicekit.auth import TokenVerifier
from servicekit.grpc_server import GrpcServer
from typer.testing import CliRunner, Result

from leadctl.identities import AUDIENCE, ISSUER, Identities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import typer

SERVED_FOR_S = 120
STARTS_WITHIN_S = 20


@dataclass(frozen=True)
class Served:
    """Servicers on one port, and a token that they take."""

    identities: Identities
    port: int

    def options(self, *services: str, token_file: Path | None = None) -> list[str]:
        """The options that lead a command to these services."""
        targets = [f"--target={service}=127.0.0.1:{self.port}" for service in services]
        token = token_file or self.identities.token_file("leadctl")
        return [*targets, f"--token-file={token}"]

    def run(self, app: typer.Typer, *command: str, typed: str | None = None) -> Result:
        """The end of a command that asks lead-intake, with what somebody typed when asked."""
        return CliRunner().invoke(app, [*command, *self.options("lead-intake")], input=typed)


@contextmanager
def serving(folder: Path, *servicers: tuple[Callable[..., None], object, str]) -> Iterator[Served]:
    """Serves servicers, each given with the function that adds it and its full name, inside of the context.

    `folder` takes the keys.
    """
    identities = Identities(folder / "secrets")
    identities.mint("leadctl", scopes=["operator"])
    ready, done = threading.Event(), threading.Event()
    ports: list[int] = []

    async def until_done() -> None:
        verifier = TokenVerifier(identities.jwks_file, issuer=ISSUER, audience=AUDIENCE)
        server = GrpcServer("127.0.0.1", 0, verifier=verifier)
        for add, servicer, name in servicers:
            server.add(add, servicer, name)
        await server.start()
        ports.append(server.port)
        ready.set()
        await asyncio.to_thread(done.wait, SERVED_FOR_S)
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(until_done()))
    thread.start()
    try:
        if not ready.wait(STARTS_WITHIN_S):
            raise TimeoutError("the services did not start")
        yield Served(identities, ports[0])
    finally:
        done.set()
        thread.join(STARTS_WITHIN_S)
