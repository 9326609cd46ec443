"""Spans of synchronous calls, HTTP and gRPC, and the headers that carry the trace across them.

HTTP names are the stable OpenTelemetry conventions; the RPC ones are of schema 1.44, in
development. `url.path` and `url.full` are left out on purpose: paths hold account keys and queries
hold tokens; the route or template says what matters.
"""

from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanKind

from servicekit.telemetry.context import current, normalised
from servicekit.telemetry.spans import Span

if TYPE_CHECKING:
    from servicekit.telemetry.records import Attribute

_METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)
# Codes that are the server's fault; the others tell the caller about its own request.
_SERVER_FAULTS: Final = frozenset(
    ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
)


class HttpSpan(Span):
    """A served or made HTTP request; `status` is called once the answer is known."""

    __slots__ = ()

    def status(self, code: int) -> None:
        """Note the status code; from 500 (served) or 400 (made) the span ends in error."""
        if self.recorded:
            self.set_attribute("http.response.status_code", code)
            if code >= (500 if self._kind is SpanKind.SERVER else 400):
                self.fail(str(code))


class RpcSpan(Span):
    """A served or made gRPC call; `finish` is called once the code is known."""

    __slots__ = ()

    def finish(self, code: str) -> None:
        """Note the status code's name; the conventions say which are errors on which side."""
        if self.recorded:
            self.set_attribute("rpc.response.status_code", code)
            faults = code in _SERVER_FAULTS if self._kind is SpanKind.SERVER else code != "OK"
            if faults:
                self.fail(code)


def http_server_span(method: str, route: str, headers: Iterable[tuple[bytes, bytes]]) -> HttpSpan:
    """The span of a request being served: continues the caller's trace or starts one.

    `route` is the template (`/in/v1/{channel}/{account_key}`), `headers` the ASGI scope's.
    """
    known = method if method in _METHODS else "_OTHER"
    attributes: dict[str, Attribute] = {
        "http.request.method": known,
        "http.route": route,
        "url.scheme": "http",
    }
    parent = normalised(_header(headers))
    name = f"{'HTTP' if known == '_OTHER' else known} {route}"
    return HttpSpan(name, SpanKind.SERVER, parent=parent, attributes=attributes)


def http_client_span(method: str, url_template: str, host: str, port: int) -> HttpSpan:
    """The span of a request being made; `url_template` is the path without ids."""
    attributes: dict[str, Attribute] = {
        "http.request.method": method,
        "url.template": url_template,
        "server.address": host,
        "server.port": port,
    }
    name = f"{method} {url_template}"
    return HttpSpan(name, SpanKind.CLIENT, parent=current.get(), attributes=attributes)


def rpc_server_span(method: str, metadata: Iterable[tuple[str, str | bytes]]) -> RpcSpan:
    """The span of a gRPC call being served: continues the caller's trace or starts one."""
    found = next((value for key, value in metadata if key == "traceparent"), None)
    parent = normalised(found) if isinstance(found, str) else None
    return _rpc_span(method, SpanKind.SERVER, parent)


def rpc_client_span(method: str) -> RpcSpan:
    """The span of a gRPC call being made; `method` is the full name."""
    return _rpc_span(method, SpanKind.CLIENT, current.get())


def inject_headers(headers: MutableMapping[str, str]) -> None:
    """Add the current context to a request's headers; nothing outside any trace."""
    traceparent = current.get()
    if traceparent is not None:
        headers["traceparent"] = traceparent


def inject_metadata(metadata: list[tuple[str, str]]) -> None:
    """Add the current context to a call's metadata; nothing outside any trace."""
    traceparent = current.get()
    if traceparent is not None:
        metadata.append(("traceparent", traceparent))


def _rpc_span(method: str, kind: SpanKind, parent: str | None) -> RpcSpan:
    name = method.removeprefix("/")
    attributes: dict[str, Attribute] = {"rpc.system.name": "grpc", "rpc.method": name}
    return RpcSpan(name, kind, parent=parent, attributes=attributes)


def _header(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name == b"traceparent":
            return value.decode("latin-1")
    return None
