"""Bringing the system up on this machine, taking it down, and breaking it on purpose.

Everything is found again through files under one directory, so each command, test or benchmark
can make its own `Stack` of the same directory.
"""

import asyncio
import fcntl
import json
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import aiohttp
from servicekit.local.nats_server import NatsServer
from servicekit.local.ports import kept_port
from servicekit.local.postgres_server import PostgresServer
from servicekit.local.processes import KeptProcess, ProcessState, Running

from leadctl.identities import AUDIENCE, ISSUER, OPERATOR, Identities
from leadctl.stack.head_start import HeadStart, head_start
from leadctl.stack.migrating import Migration
from leadctl.stack.programs import SERVICES, Program
from leadctl.stack.readiness import readiness, wait_until_ready
from leadctl.stack.servers import Servers
from leadctl.stack.settings import DEPLOYED_NATS, caller_environment, passed_on, stack_dir
from leadctl.stack.steps import to_the_end, together

READY_TIMEOUT_S = 60.0
MIGRATION_TIMEOUT_S = 120.0
GRACE_S = 25.0  # more than the 20 s in which a service drains


@dataclass(frozen=True, slots=True)
class Target:
    """Where a program listens: `http` with its scheme, `grpc` as host:port."""

    http: str
    grpc: str


@dataclass(frozen=True, slots=True)
class ProgramStatus:
    """One program now. `problem` is None when it is ready, else why it is not."""

    name: str
    state: ProcessState
    address: str
    grpc: str
    problem: str | None
    last_log_line: str


class StackIsBusy(RuntimeError):  # noqa: N818 - errors are named by what is wrong
    """Another command is bringing this stack up or down."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"another command is changing the stack in {directory}")


def _silently(_: str) -> None:
    """Nobody watches."""


class Stack:
    """The stack in `directory`. `settings` adds variables to single programs, by program name.

    Settings last until the next `up`; `start` gives a program what the last `up` gave it.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        programs: Sequence[Program] = SERVICES,
        settings: Mapping[str, Mapping[str, str]] | None = None,
        environment: Mapping[str, str] | None = None,
        nats_files: Path = DEPLOYED_NATS,
    ) -> None:
        self._environment = caller_environment() if environment is None else environment
        self.directory = directory.absolute() if directory else stack_dir(self._environment)
        self._programs = {program.name: program for program in programs}
        self._settings = settings or {}
        self._nats_files = nats_files
        self._kept: dict[str, KeptProcess] = {}

    async def up(self, report: Callable[[str], None] = _silently) -> None:
        """Start what does not run yet, in order: servers, streams, migrations, programs.

        Returns when all are ready; `report` gets a sentence for each step done. Raises
        `DidNotStart` with the last words of what did not come up, and leaves the rest running.
        """
        with self._locked():
            idle = [p for p in self._programs.values() if not self._runs(p)]
            with self._ahead(idle) as ahead:
                await self.servers.start(report)
                self._write_tokens()
                await self._prepare(idle, ahead, report)
                await to_the_end(self._start_all, idle, ahead)
            await together(*(self._ready(name, report) for name in self._programs))

    async def down(self, *, purge: bool = False) -> None:
        """Stop the programs (SIGTERM, then SIGKILL after the grace period), then the servers.

        `purge` also deletes data, logs and keys. Nothing happens where there is no stack.
        """
        if not self.directory.exists():
            return
        with self._locked():
            stops = [self.process(name).stop for name in self._programs]
            await together(*(asyncio.to_thread(stop, grace_s=GRACE_S) for stop in stops))
            await asyncio.to_thread(self.servers.remove if purge else self.servers.stop)
            if purge:
                shutil.rmtree(self.directory)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a program or a server, and wait until it has ended if it is SIGKILL."""
        process = self.process(name)
        process.send(number)
        if number is signal.SIGKILL:
            process.wait(10)

    async def start(self, name: str) -> None:
        """Start a program or server that is not running, as the last `up` did; wait for it."""
        server = self._server(name)
        if server is not None:
            await asyncio.to_thread(server.start)
            return
        self._start_process(name, json.loads(self._env_file(name).read_text()))
        await self._ready(name, _silently)

    async def status(self) -> list[ProgramStatus]:
        """Every server and program as it is now; nothing is started."""
        async with aiohttp.ClientSession() as session:
            programs = [await self._program_status(name, session) for name in self._programs]
        return [*self._server_statuses(), *programs]

    def targets(self) -> dict[str, Target]:
        """Where each program listens."""
        return {
            name: Target(
                http=f"http://{self._address(name, 'http')}", grpc=self._address(name, "grpc")
            )
            for name in self._programs
        }

    def names(self) -> list[str]:
        """Everything that may run: the servers, then the programs."""
        return ["nats", "postgres", *self._programs]

    def pids(self) -> dict[str, int]:
        """The process ids of what runs, servers included."""
        states = {name: self.process(name).state() for name in self.names()}
        return {name: state.pid for name, state in states.items() if isinstance(state, Running)}

    def env(self, name: str) -> dict[str, str]:
        """The whole environment that `up` gives a program."""
        program = self._programs[name]
        given = {
            "BIND_HOST": "127.0.0.1",
            "HTTP_PORT": str(self._port(name, "http")),
            "GRPC_PORT": str(self._port(name, "grpc")),
        }
        if program.is_service:
            given |= self._service_env(program)
        given |= {variable: self.identities.key(f"{name}-{variable}") for variable in program.keys}
        own = program.resolved_env(self._address) | dict(self._settings.get(name, {}))
        return passed_on(self._environment) | given | own

    def operator_token_file(self) -> Path:
        """The token with which operators (and tests) ask services."""
        return self.identities.token_file(OPERATOR)

    def log_file(self, name: str) -> Path:
        """What a program has written."""
        return self._folder("logs") / f"{name}.log"

    def process(self, name: str) -> KeptProcess:
        """The process of a program or of a server."""
        server = self._server(name)
        if server is not None:
            return server.process
        if name not in self._kept:
            self._kept[name] = self._kept_process(name)
        return self._kept[name]

    @cached_property
    def identities(self) -> Identities:
        """The stack's passwords, keys and tokens."""
        return Identities(self.directory / "secrets")

    @cached_property
    def servers(self) -> Servers:
        """The stack's NATS and PostgreSQL."""
        return Servers(
            self._folder("."),
            services=[p for p in self._programs.values() if p.is_service],
            identities=self.identities,
            environment=self._environment,
            nats_files=self._nats_files,
        )

    def _ahead(self, idle: Sequence[Program]) -> AbstractContextManager[HeadStart | None]:
        """Processes that import for what does not run, while the servers come up; None when all runs."""
        if not idle:
            return nullcontext()
        services = sum(program.is_service for program in idle)
        return head_start(passed_on(self._environment), self._folder("logs"), services=services)

    async def _prepare(
        self, idle: Sequence[Program], ahead: HeadStart | None, report: Callable[[str], None]
    ) -> None:
        """Keep the environment of what does not run yet, and give its services their tables."""
        for program in idle:
            _write_privately(self._env_file(program.name), json.dumps(self.env(program.name)))
        services = [program for program in idle if program.is_service]
        if services and ahead is not None:
            await self._migrate(services, ahead)
        for service in services:
            report(f"{service.name} has its tables")

    async def _migrate(self, services: Sequence[Program], ahead: HeadStart) -> None:
        steps = [
            Migration(each.module, self.env(each.name), str(self.log_file(each.name)))
            for each in services
        ]
        match await ahead.migrate(steps, timeout_s=MIGRATION_TIMEOUT_S):
            case 0:
                return
            case int(number) if 0 < number <= len(services):
                raise self.process(services[number - 1].name).did_not_start("was not migrated")
            case code:
                said = self.process("leadctl.stack.migrating")
                raise said.did_not_start(f"failed: {code}")

    def _start_all(self, idle: Sequence[Program], ahead: HeadStart | None) -> None:
        for program in idle:
            env = self.env(program.name)
            if ahead is not None and ahead.can_run(env):
                ahead.run(self.process(program.name), program.module, env)
            else:
                self._start_process(program.name, env)

    def _runs(self, program: Program) -> bool:
        return isinstance(self.process(program.name).state(), Running)

    def _start_process(self, name: str, env: Mapping[str, str]) -> None:
        self.process(name).start(_python(self._programs[name].module), env=env)

    async def _ready(self, name: str, report: Callable[[str], None]) -> None:
        url = f"http://{self._address(name, 'http')}"
        await wait_until_ready(self.process(name), url, timeout_s=READY_TIMEOUT_S, report=report)

    def _service_env(self, program: Program) -> dict[str, str]:
        keys = self.identities.field_keys()
        return self.servers.bus_address(program.name).env() | {
            program.database_variable: self.servers.database_url(program),
            "JWKS_FILE": str(self.identities.jwks_file),
            "TOKEN_ISSUER": ISSUER,
            "TOKEN_AUDIENCE": AUDIENCE,
            "SERVICE_TOKEN_FILE": str(self.identities.token_file(program.name)),
            "FIELD_KEYS": keys.ring,
            "INDEX_KEY": keys.index,
            "SPANS_DIR": str(self._folder("spans")),
        }

    def _write_tokens(self) -> None:
        for program in self._programs.values():
            if program.is_service:
                self.identities.mint(program.name, scopes=[f"service:{program.name}"])
        self.identities.mint(OPERATOR, scopes=["operator"])

    def _kept_process(self, name: str) -> KeptProcess:
        return KeptProcess(name, run_dir=self._folder("run"), log_path=self.log_file(name))

    def _server(self, name: str) -> NatsServer | PostgresServer | None:
        match name:
            case "nats":
                return self.servers.nats
            case "postgres":
                return self.servers.postgres
            case _:
                return None

    def _server_statuses(self) -> Iterator[ProgramStatus]:
        for name in ("nats", "postgres"):
            server = self._server(name)
            if server is not None:
                process = server.process
                running = isinstance(process.state(), Running)
                yield ProgramStatus(
                    name=name,
                    state=process.state(),
                    address=f"127.0.0.1:{server.port}",
                    grpc="",
                    problem=None if running else "does not run",
                    last_log_line=process.log_tail(1),
                )

    async def _program_status(self, name: str, session: aiohttp.ClientSession) -> ProgramStatus:
        process, target = self.process(name), self.targets()[name]
        running = isinstance(process.state(), Running)
        return ProgramStatus(
            name=name,
            state=process.state(),
            address=target.http,
            grpc=target.grpc,
            problem=await readiness(session, target.http) if running else "does not run",
            last_log_line=process.log_tail(1),
        )

    def _address(self, name: str, protocol: str) -> str:
        return f"127.0.0.1:{self._port(name, protocol)}"

    def _port(self, name: str, protocol: str) -> int:
        return kept_port(self._folder("ports"), f"{name}.{protocol}")

    def _env_file(self, name: str) -> Path:
        return self.directory / "secrets" / f"{name}.env.json"

    def _folder(self, name: str) -> Path:
        folder = self.directory / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder(".") / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackIsBusy(self.directory) from None
            yield


def _python(module: str) -> list[str]:
    # -P: no folder that the command happens to be called from can shadow a module.
    return [sys.executable, "-P", "-m", module]


def _write_privately(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)
