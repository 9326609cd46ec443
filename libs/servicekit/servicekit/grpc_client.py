"""Channels to other services: token, trace, deadline and retries on every call.

Hides grpc's interceptors and service config from `clients.py`.
"""

import json
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import grpc
from grpc.aio import ClientCallDetails, Metadata

from servicekit.telemetry import RpcSpan, inject_metadata, rpc_client_span
from servicekit.tls import TlsFiles

_ATTEMPTS_MAX: Final = 3


def connect(
    target: str,
    *,
    token: Callable[[], str] | None,
    tls: TlsFiles | None = None,
    default_deadline_s: float = 5.0,
    idempotent: Sequence[str] = (),
) -> grpc.aio.Channel:
    """A channel to `target` (`host:port` or a gRPC name such as `dns:///assignment:50051`).

    Nothing is dialled until the first call. A call without a timeout gets `default_deadline_s`.
    Services and methods named in `idempotent` (`package.Service` or `package.Service/Method`) are
    tried up to three times while the answer is UNAVAILABLE; the others once. `token` is asked
    before each call. The caller closes the channel.
    """
    outgoing = _Outgoing(token, default_deadline_s)
    interceptors = [kind(outgoing) for kind in (_Unary, _UnaryStream, _StreamUnary, _StreamStream)]
    options = _options(idempotent)
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options, interceptors=interceptors)
    credentials = tls.channel_credentials()
    return grpc.aio.secure_channel(target, credentials, options=options, interceptors=interceptors)


class TokenFile:
    """A bearer token kept in a file; read again whenever the file's modification time changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at_ns = -1
        self._token = ""

    def __call__(self) -> str:
        """The token now in the file, without surrounding space; OSError if it cannot be read."""
        modified_at_ns = self._path.stat().st_mtime_ns
        if modified_at_ns != self._read_at_ns:
            self._token = self._path.read_text(encoding="ascii").strip()
            self._read_at_ns = modified_at_ns
        return self._token


def _options(idempotent: Sequence[str]) -> list[tuple[str, str | int]]:
    return [
        ("grpc.service_config", json.dumps(_service_config(idempotent))),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
    ]


def _service_config(idempotent: Sequence[str]) -> dict[str, Any]:
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if idempotent:
        config["methodConfig"] = [
            {
                "name": [_method_name(name) for name in idempotent],
                "retryPolicy": {
                    "maxAttempts": _ATTEMPTS_MAX,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 3,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    return config


def _method_name(name: str) -> dict[str, str]:
    service, _, method = name.partition("/")
    return {"service": service, "method": method} if method else {"service": service}


class _Outgoing:
    """What every call of one channel is sent with."""

    def __init__(self, token: Callable[[], str] | None, default_deadline_s: float) -> None:
        self._token = token
        self._default_deadline_s = default_deadline_s

    def span(self, details: ClientCallDetails) -> AbstractContextManager[RpcSpan]:
        """The client span of a call."""
        return rpc_client_span(_text(details.method).lstrip("/"))

    def prepared(self, details: ClientCallDetails) -> ClientCallDetails:
        """The same call with token, trace context and deadline."""
        metadata: list[tuple[str, Any]] = list(details.metadata or ())
        if self._token is not None:
            metadata.append(("authorization", f"Bearer {self._token()}"))
        inject_metadata(metadata)
        return ClientCallDetails(
            details.method,
            self._default_deadline_s if details.timeout is None else details.timeout,
            Metadata(*metadata),
            details.credentials,
            details.wait_for_ready,
        )


def _text(method: str | bytes) -> str:
    return method.decode() if isinstance(method, bytes) else method


class _Unary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, outgoing: _Outgoing) -> None:
        self._outgoing = outgoing

    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: ClientCallDetails, request: Any
    ) -> Any:
        with self._outgoing.span(client_call_details) as span:
            call = await continuation(self._outgoing.prepared(client_call_details), request)
            return await _finished(call, span)


class _StreamUnary(grpc.aio.StreamUnaryClientInterceptor):
    def __init__(self, outgoing: _Outgoing) -> None:
        self._outgoing = outgoing

    async def intercept_stream_unary(
        self,
        continuation: Callable[..., Any],
        client_call_details: ClientCallDetails,
        request_iterator: AsyncIterable[Any] | Iterable[Any],
    ) -> Any:
        prepared = self._outgoing.prepared(client_call_details)
        return await continuation(prepared, request_iterator)


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, outgoing: _Outgoing) -> None:
        self._outgoing = outgoing

    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self._outgoing.prepared(client_call_details), request)


class _StreamStream(grpc.aio.StreamStreamClientInterceptor):
    def __init__(self, outgoing: _Outgoing) -> None:
        self._outgoing = outgoing

    async def intercept_stream_stream(
        self,
        continuation: Callable[..., Any],
        client_call_details: ClientCallDetails,
        request_iterator: AsyncIterable[Any] | Iterable[Any],
    ) -> Any:
        prepared = self._outgoing.prepared(client_call_details)
        return await continuation(prepared, request_iterator)


async def _finished(call: Any, span: RpcSpan) -> Any:
    """The call once it has ended, its code on the span; a cancelled waiter cancels the call."""
    try:
        span.finish((await call.code()).name)
    except BaseException:
        call.cancel()
        span.finish("CANCELLED")
        raise
    return call
