"""The chassis: what every service has in common, put together from its settings.

A service's `app.py` makes one, registers its subscribers, servicers and workers on it, and returns it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit import metrics
from servicekit.announcements import Announcements
from servicekit.auth import TokenVerifier
from servicekit.book import BookServicer
from servicekit.bus import Bus
from servicekit.database import Database
from servicekit.grpc_server import GrpcServer
from servicekit.housekeeping import housekeeping
from servicekit.http_host import HttpHost, operations_app
from servicekit.operations import OperationsServicer
from servicekit.polling import Poller
from servicekit.relay import Relay
from servicekit.service import Service
from servicekit.telemetry import configure_telemetry
from servicekit.v1.book_service_pb2_grpc import add_BookServiceServicer_to_server
from servicekit.v1.operations_service_pb2_grpc import add_OperationsServiceServicer_to_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from servicekit.http_host import AsgiApp, Receive, Scope, Send
    from servicekit.service import Part
    from servicekit.settings import ServiceSettings

OPERATIONS_PATHS = frozenset({"/livez", "/readyz", "/metrics"})


class Chassis:
    """A service's database, bus, relay, gRPC and HTTP hosts.

    `workers` are parts of the service's own, started after the relay and before anything is let in. `routes` is the
    ASGI application for paths other than the operations ones; None where a service has no HTTP door.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.name = settings.service
        self._settings = settings
        self.database = Database(
            settings.database_url.get_secret_value(),
            service=self.name,
            pool_size=settings.database_pool_size,
        )
        password = settings.nats_password
        self.bus = Bus(
            settings.nats_url,
            database=self.database,
            user=settings.nats_user,
            password=password.get_secret_value() if password else None,
        )
        self.announcements = Announcements(self.bus.client, source=self.name)
        self.database.on_announce.append(self.announcements.send)
        self.relay = Relay(self.database, self.bus.client)
        self.verifier = TokenVerifier(
            settings.jwks_file, issuer=settings.token_issuer, audience=settings.token_audience
        )
        self.grpc = GrpcServer(
            settings.bind_host, settings.grpc_port, verifier=self.verifier, tls=settings.tls()
        )
        self.workers: list[Part] = []
        self.routes: AsgiApp | None = None
        self._serve_operations()

    def work(self, name: str, step: Callable[[], Awaitable[bool]], *, idle_s: float) -> Poller:
        """Adds a worker that runs `step` in a loop; returns it, to be woken."""
        poller = Poller(name, step, idle_s=idle_s)
        self.workers.append(poller)
        return poller

    def keep_book(self) -> None:
        """Answers what is on this service's book, from its `book` view."""
        servicer = BookServicer(self.database)
        self.grpc.add(add_BookServiceServicer_to_server, servicer, "servicekit.v1.BookService")

    def service(self) -> Service:
        """The service, ready to run."""
        telemetry = configure_telemetry(self.name, spans_dir=self._settings.spans_dir)
        http = HttpHost(self._settings.bind_host, self._settings.http_port, self._app)
        parts: list[Part] = [
            telemetry,
            self.database,
            self.bus,
            self.announcements,
            self.relay,
            housekeeping(self.database, self._settings),
            *self.workers,
            self.grpc,
            self.bus.reading,
            http,
        ]
        service = Service(self.name, parts, grace_period_s=self._settings.grace_period_s)
        self._operations = operations_app(service.readiness, metrics.render)
        return service

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.routes is None or scope.get("path") in OPERATIONS_PATHS:
            await self._operations(scope, receive, send)
        else:
            await self.routes(scope, receive, send)

    def _serve_operations(self) -> None:
        self.grpc.add(
            add_OperationsServiceServicer_to_server,
            OperationsServicer(self.database, self.bus),
            "servicekit.v1.OperationsService",
        )
