"""The gRPC host: one port with the RPCs of a service, its health and its reflection.

Every method of an added servicer is guarded (`servicekit.grpc_passage`); health and reflection are
open to all, because they are registered beside the guard and not through it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import grpc
from grpc_health.v1 import (
    health,
    health_pb2,
    health_pb2_grpc,
)
from grpc_reflection.v1alpha import reflection

from servicekit.access import Guard, Need, needs_of
from servicekit.auth import TokenVerifier
from servicekit.grpc_passage import Method, RpcLimits, Rules, behaviour_of, guarded
from servicekit.tls import TlsFiles

__all__ = ["GrpcServer", "RpcLimits"]

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
_USUAL_LIMITS: Final = RpcLimits()


class GrpcServer:
    """A part that serves RPCs, health and reflection on one port.

    Every added servicer demands a bearer token accepted by `verifier`; a host without a verifier
    has to be asked for with `insecure=True`. Port 0 means a free port, read from `port` after
    `start`. With an authority in `tls`, clients show a certificate too.
    """

    name = "grpc"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        verifier: TokenVerifier | None,
        tls: TlsFiles | None = None,
        limits: RpcLimits = _USUAL_LIMITS,
        insecure: bool = False,
    ) -> None:
        if verifier is None and not insecure:
            raise ValueError("a gRPC host without a token verifier must be asked for: insecure")
        self.port = port
        self._host = host
        self._rules = Rules(verifier, limits)
        self._needless: list[str] = []
        self._tls = tls
        self._methods: dict[str, dict[str, Method]] = {}
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._is_serving = False

    def add(
        self, add_servicer: Callable[[Any, Any], None], servicer: object, full_service_name: str
    ) -> None:
        """Serve `servicer`, registered by the generated function `add_servicer`.

        Call before `start`. Raises TypeError for a method that is not async, ValueError when the
        generated code belongs to another service than `full_service_name`.
        """
        needs = needs_of(full_service_name)
        registrar = _Registrar(self._rules, needs)
        add_servicer(servicer, registrar)
        if set(registrar.methods) != {full_service_name}:
            raise ValueError(f"{add_servicer.__name__} does not register {full_service_name}")
        self._methods.update(registrar.methods)
        self._needless += [
            f"{full_service_name}/{name}"
            for name in registrar.methods[full_service_name]
            if needs.get(name) is None
        ]

    def guard_with(self, guard: Guard) -> None:
        """Let `guard` decide about every call whose contract does not let any caller in."""
        self._rules.guard = guard

    @property
    def is_guarded(self) -> bool:
        """Whether somebody decides about calls."""
        return self._rules.guard is not None

    async def start(self) -> None:
        """Listen and report SERVING; Unavailable without signing keys, RuntimeError if taken.

        Raises ValueError on a guarded host for RPCs whose contract does not say what a caller needs.
        """
        if self.is_guarded and self._needless:
            raise ValueError(f"no access option: {', '.join(self._needless)}")
        if self._rules.verifier is not None:
            await self._rules.verifier.load()
        self._server = grpc.aio.server(
            maximum_concurrent_rpcs=self._rules.limits.max_concurrent_rpcs,
            options=_options(self._rules.limits),
        )
        await self._register(self._server)
        self.port = self._listen(self._server)
        await self._server.start()
        await self.announce(serving=True)

    async def announce(self, *, serving: bool) -> None:
        """Tell health checks, for the host and each of its services, whether to send calls."""
        self._is_serving = serving
        for name in ("", *self._methods):
            await self._health.set(name, _SERVING if serving else _NOT_SERVING)

    async def stop(self) -> None:
        """Report NOT_SERVING, refuse new calls, let those under way end within the grace."""
        self._is_serving = False
        await self._health.enter_graceful_shutdown()
        if self._server is not None:
            await self._server.stop(self._rules.limits.grace_s)
            self._server = None

    def problem(self) -> str | None:
        """Why no calls are served; None when they are."""
        return None if self._is_serving else "not serving"

    async def _register(self, server: grpc.aio.Server) -> None:
        await self.announce(serving=False)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        for service, methods in self._methods.items():
            server.add_registered_method_handlers(service, methods)
        names = [*self._methods, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, server)

    def _listen(self, server: grpc.aio.Server) -> int:
        address = f"{self._host}:{self.port}"
        if self._tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, self._tls.server_credentials())


def _options(limits: RpcLimits) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.message_bytes_max),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        # Clients reconnect now and then, and so find replicas that were added since.
        ("grpc.max_connection_age_ms", 600_000),
        ("grpc.max_connection_age_grace_ms", 60_000),
    ]


class _Registrar:
    """Stands where generated code expects a server, and wraps each method it is given."""

    def __init__(self, rules: Rules, needs: Mapping[str, Need | None]) -> None:
        self.methods: dict[str, dict[str, Method]] = {}
        self._rules = rules
        self._needs = needs

    def add_generic_rpc_handlers(self, handlers: Iterable[object]) -> None:
        """Nothing: generated code registers the same methods by name as well."""

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, Method]
    ) -> None:
        """Keep the wrapped methods; one the servicer leaves out is answered UNIMPLEMENTED."""
        self.methods[service_name] = {
            name: guarded(handler, f"{service_name}/{name}", self._rules, self._needs.get(name))
            for name, handler in method_handlers.items()
            if not _is_left_out(handler)
        }


def _is_left_out(method: Method) -> bool:
    """Whether the servicer inherits the method unwritten from its generated class."""
    return str(getattr(behaviour_of(method), "__module__", "")).endswith("_pb2_grpc")
