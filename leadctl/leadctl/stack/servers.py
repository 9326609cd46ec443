"""The stack's NATS and PostgreSQL: its own, unless the caller's environment names real clusters."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from servicekit.local.nats_permissions import load_users, render_authorization
from servicekit.local.nats_server import NatsServer
from servicekit.local.postgres_server import PostgresServer
from servicekit.streams import Login, apply_streams, load_definitions

from leadctl.identities import Identities
from leadctl.stack.databases import create_databases
from leadctl.stack.programs import Program
from leadctl.stack.settings import DEPLOYED_NATS
from leadctl.stack.steps import together

OPERATOR_USER = "operator"


@dataclass(frozen=True, slots=True)
class BusAddress:
    """Where and as whom somebody connects to the bus."""

    url: str
    login: Login | None

    def env(self) -> dict[str, str]:
        """The variables from which a service learns it."""
        if self.login is None:
            return {"NATS_URL": self.url}
        return {
            "NATS_URL": self.url,
            "NATS_USER": self.login.user,
            "NATS_PASSWORD": self.login.password,
        }


class Servers:
    """`nats` and `postgres` are None where the caller's environment points elsewhere."""

    def __init__(
        self,
        directory: Path,
        *,
        services: Sequence[Program],
        identities: Identities,
        environment: Mapping[str, str],
        nats_files: Path = DEPLOYED_NATS,
    ) -> None:
        self._services = services
        self._identities = identities
        self._environment = environment
        self._nats_files = nats_files
        self.nats = None if environment.get("NATS_URL") else self._own_nats(directory / "nats")
        self.postgres = self._own_postgres(directory / "postgres") if self._homeless() else None

    async def start(self, report: Callable[[str], None]) -> None:
        """Start what is ours, make the databases, apply the streams."""
        await together(self._start_nats(report), self._start_postgres(report))

    def stop(self) -> None:
        """Stop what is ours; the data stay."""
        for server in (self.nats, self.postgres):
            if server is not None:
                server.stop()

    def remove(self) -> None:
        """Stop what is ours and delete PostgreSQL's data, which may be outside of the stack."""
        if self.nats is not None:
            self.nats.stop()
        if self.postgres is not None:
            self.postgres.remove()

    def bus_address(self, user: str) -> BusAddress:
        """Where `user` reaches the bus. On a given cluster all share the caller's own user."""
        if self.nats is not None:
            return BusAddress(self.nats.url, self._login(user))
        given = self._environment
        login = Login(given.get("NATS_USER", ""), given.get("NATS_PASSWORD", ""))
        return BusAddress(given["NATS_URL"], login if login.user else None)

    def database_url(self, service: Program) -> str:
        """Where `service` keeps its rows."""
        given = self._environment.get(service.database_variable)
        if given:
            return given
        assert self.postgres is not None
        password = self._identities.password(f"postgres-{service.name}")
        return (
            f"postgresql://{service.module}:{password}"
            f"@127.0.0.1:{self.postgres.port}/{service.module}"
        )

    def _homeless(self) -> list[Program]:
        return [s for s in self._services if not self._environment.get(s.database_variable)]

    def _own_postgres(self, directory: Path) -> PostgresServer:
        password = self._identities.password("postgres-superuser")
        return PostgresServer(directory, durable=True, password=password)

    def _own_nats(self, directory: Path) -> NatsServer:
        users = load_users(self._nats_files / "permissions.yaml")
        authorization = render_authorization(
            users,
            load_definitions(self._nats_files / "streams.yaml"),
            passwords={name: self._login(name).password for name in users.names()},
        )
        return NatsServer(directory, authorization=authorization)

    def _login(self, user: str) -> Login:
        return Login(user, self._identities.password(f"nats-{user}"))

    async def _start_nats(self, report: Callable[[str], None]) -> None:
        if self.nats is not None:
            await asyncio.to_thread(self.nats.start)
            report(f"nats listens on {self.nats.url}")
        operator = self.bus_address(OPERATOR_USER)
        definitions = load_definitions(self._nats_files / "streams.yaml")
        changes = await apply_streams(operator.url, definitions, login=operator.login)
        changed = [f"{c.name} {c.action}" for c in changes if c.action != "unchanged"]
        report(f"{len(changes)} streams: " + (", ".join(changed) or "no change"))

    async def _start_postgres(self, report: Callable[[str], None]) -> None:
        if self.postgres is None:
            return
        await asyncio.to_thread(self.postgres.start)
        passwords = {
            service.module: self._identities.password(f"postgres-{service.name}")
            for service in self._homeless()
        }
        await create_databases(self.postgres.url(), passwords)
        report(f"postgres listens on 127.0.0.1:{self.postgres.port}, {len(passwords)} databases")
