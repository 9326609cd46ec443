"""What tests of commands share: services that say what a test wants, served over real gRPC while a command runs."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import typer
from servicekit.auth import TokenVerifier
from servicekit.grpc_server import GrpcServer
from typer import testing

from leadctl.identities import AUDIENCE, ISSUER, Identities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

SERVED_FOR_S = 120
STARTS_WITHIN_S = 20


class CliRunner:
    """Runs commands as Typer's runner does, but reads a command line's functions once in a test run, not at each call.

    For all of leadctl's commands that takes longer than most of them run. What a command raises is raised.
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._terminal = testing.CliRunner(env=env)

    def invoke(
        self,
        app: typer.Typer,
        args: Sequence[str],
        input: str | None = None,  # noqa: A002 - Typer's name for what somebody types
        env: Mapping[str, str] | None = None,
    ) -> testing.Result:
        """The end of the command that `args` name."""
        command = _command_line(app)
        with self._terminal.isolation(input=input, env=env) as streams:
            exit_code = _exit_code(command, args, self._terminal.get_default_prog_name(command))
            sys.stdout.flush()
            sys.stderr.flush()
            stdout, stderr, output = (stream.getvalue() for stream in streams)
        return testing.Result(
            self._terminal, stdout, stderr, output, None, exit_code=exit_code, exception=None
        )


@cache
def _command_line(app: typer.Typer) -> Any:
    return typer.main.get_command(app)


def _exit_code(command: Any, words: Sequence[str], name: str) -> int:
    try:
        command.main(args=list(words), prog_name=name)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


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

    def run(self, app: typer.Typer, *command: str, typed: str | None = None) -> testing.Result:
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
