"""The HTTP host: one bounded ASGI server in the running loop, and what its routes share.

Hides uvicorn. Routes are plain ASGI callables; the operations page (alive, ready, metrics) is one.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final, TypeAlias, cast

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from servicekit.errors import TooLarge, Unavailable, new_error_id, outcome_of

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

_BODY_TIMEOUT_S: Final = 10.0
_HEAD_BYTES_MAX: Final = 64 * 1024
_JSON: Final = (b"content-type", b"application/json")
_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_METRICS: Final = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds of a host; over `connections_max` connections the answer is 503.

    `keep_alive_s` is how long an idle connection is kept, `head_timeout_s` how long a request's
    head may take to arrive (checked once a second), `grace_s` how long requests under way get when
    the host stops.
    """

    connections_max: int = 2048
    backlog: int = 2048
    keep_alive_s: int = 30
    head_timeout_s: float = 10.0
    grace_s: int = 10


_USUAL_LIMITS: Final = HttpLimits()


class HttpHost:
    """A part that serves an ASGI application.

    The socket is bound when the host is made, so that `port` is known at once (0 asks for a free
    one) and a taken address is an OSError there; several processes may share an address. Signals
    stay with the process: only `stop` ends the host.
    """

    name = "http"

    def __init__(
        self, host: str, port: int, app: AsgiApp, *, limits: HttpLimits = _USUAL_LIMITS
    ) -> None:
        self._socket = _bound_socket(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(_config(app, limits))
        self._head_timeout_s = limits.head_timeout_s
        self._beat: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Accept connections."""
        config = self._server.config
        config.load()
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets=[self._socket])
        self._keep_house()

    async def stop(self) -> None:
        """Accept no more, answer the requests under way within the grace, cut what is left."""
        if self._beat is None:
            self._socket.close()
            return
        self._beat.cancel()
        self._beat = None
        if not self._server.server_state.connections:
            self._close_doors()  # the server's own way gives clients time, also when there are none
            return
        await self._server.shutdown(sockets=[self._socket])
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()

    def _close_doors(self) -> None:
        for server in self._server.servers:
            server.close()
        self._socket.close()

    def problem(self) -> str | None:
        """Why no requests are served; None when they are."""
        return None if self._beat is not None else "not serving"

    def _keep_house(self) -> None:
        """Once a second: refresh the date header, drop clients that never finish their head."""
        loop = asyncio.get_running_loop()
        state = self._server.server_state
        state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        for connection in list(state.connections):
            if isinstance(connection, _BoundedHttp):
                connection.drop_head_begun_before(loop.time() - self._head_timeout_s)
        self._beat = loop.call_later(1.0, self._keep_house)


def _bound_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.settimeout(0.0)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _config(app: AsgiApp, limits: HttpLimits) -> uvicorn.Config:
    return uvicorn.Config(
        cast("Any", app),
        http=_BoundedHttp,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections_max,
        backlog=limits.backlog,
        timeout_keep_alive=limits.keep_alive_s,
        timeout_graceful_shutdown=limits.grace_s,
        h11_max_incomplete_event_size=_HEAD_BYTES_MAX,
    )


class _BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 with a limit on the bytes and on the seconds that a request's head may take."""

    _head_since_s: float | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_since_s = self.loop.time()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_since_s is None:
            return
        self._head_bytes += len(data)
        if self._head_bytes > _HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("Request head too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_since_s = self.loop.time()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._head_since_s = None

    def drop_head_begun_before(self, moment_s: float) -> None:
        """Close a connection that waits for the rest of a head begun before `moment_s`."""
        if self._head_since_s is not None and self._head_since_s < moment_s:
            self.transport.close()


def operations_app(
    readiness: Callable[[], Mapping[str, str | None]], metrics: Callable[[], bytes]
) -> AsgiApp:
    """The routes of an operator: `/livez`, `/readyz`, `/metrics`.

    `/livez` answers as long as the loop turns and asks nothing of any dependency. `readiness`
    names each part and why it is not ready (None: it is); `/readyz` answers 503 with those.
    """

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        match scope["path"]:
            case "/livez":
                await send_answer(send, 200, b"alive\n", [_TEXT])
            case "/readyz":
                await _send_readiness(send, readiness())
            case "/metrics":
                await send_answer(send, 200, metrics(), [_METRICS])
            case _:
                await send_answer(send, 404, b"not found\n", [_TEXT])

    return app


async def _send_readiness(send: Send, parts: Mapping[str, str | None]) -> None:
    unready = {name: problem for name, problem in parts.items() if problem is not None}
    body = json.dumps({"ready": not unready, "unready": unready}).encode()
    await send_answer(send, 503 if unready else 200, body, [_JSON])


async def read_body(
    receive: Receive, max_bytes: int, *, timeout_s: float = _BODY_TIMEOUT_S
) -> bytes:
    """The whole body of a request.

    Raises TooLarge as soon as it passes `max_bytes`, Unavailable when it is not complete after
    `timeout_s` or its sender hangs up.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _joined(receive, max_bytes)
    except TimeoutError:
        raise Unavailable("the body did not arrive in time") from None


async def _joined(receive: Receive, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Unavailable("the sender hung up")
        body = message.get("body", b"")
        size += len(body)
        if size > max_bytes:
            raise TooLarge(f"the body exceeds {max_bytes} bytes")
        parts.append(body)
        if not message.get("more_body", False):
            return b"".join(parts)


async def send_answer(send: Send, status: int, body: bytes, headers: Headers = ()) -> None:
    """Send a complete answer; the content length is added."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, error: Exception) -> None:
    """Answer `error` by the table of `servicekit.errors`; an unexpected one is logged by id."""
    outcome = outcome_of(error)
    answer = {"error": outcome.text}
    if not outcome.expected:
        answer["error_id"] = new_error_id()
        _log.error(
            "request_failed",
            status=outcome.http_status,
            error_id=answer["error_id"],
            error_type=type(error).__name__,
            exc_info=error,
        )
    headers = [_JSON]
    if outcome.retry_after_s is not None:
        headers.append((b"retry-after", str(max(1, round(outcome.retry_after_s))).encode()))
    await send_answer(send, outcome.http_status, json.dumps(answer).encode(), headers)
