"""What surrounds one RPC: trace, deadline, caller, errors, duration.

Each method is wrapped once, when its servicer is added, so that no interceptor chain is walked per
call. Order: the span opens, the deadline starts, the caller is known, only then is a single request
parsed; whatever the servicer raises is answered by the table of `servicekit.errors`.
"""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, cast

import grpc
import structlog
from google.protobuf.message import DecodeError

from servicekit.access import CONSISTENCY_METADATA, Guard, Need
from servicekit.auth import TokenVerifier, become, current_caller
from servicekit.errors import (
    Ack,
    Invalid,
    Outcome,
    ServiceError,
    Unauthenticated,
    new_error_id,
    outcome_of,
)
from servicekit.metrics import RPC_DURATION_S
from servicekit.telemetry import rpc_server_span

Method: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Behaviour: TypeAlias = Callable[[Any, _Context], Any]

_TOO_LATE: Final = Outcome("DEADLINE_EXCEEDED", 504, Ack.RETRY, "deadline exceeded")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RpcLimits:
    """Bounds of a host; calls over `max_concurrent_rpcs` are refused with RESOURCE_EXHAUSTED.

    A call that states no deadline gets `default_deadline_s`, a longer one is cut to
    `max_deadline_s`; a call that streams in either direction gets, or is cut to, `max_stream_s`,
    the age at which its connection ends anyway. `grace_s` is what calls under way get when the
    host stops.
    """

    max_concurrent_rpcs: int = 512
    default_deadline_s: float = 10.0
    max_deadline_s: float = 60.0
    max_stream_s: float = 600.0
    message_bytes_max: int = 4 * 1024 * 1024
    grace_s: float = 10.0


@dataclass(slots=True)
class Rules:
    """What every call of a host has to pass. Without a guard, whoever has a good token may call."""

    verifier: TokenVerifier | None
    limits: RpcLimits
    guard: Guard | None = None


def guarded(method: Method, name: str, rules: Rules, need: Need | None = None) -> Method:
    """`method` behind the guard; `name` is its full name, `package.Service/Method`, `need` what a caller needs.

    Raises TypeError for a method that is not async, and for a stream whose need is in a field: who may open a stream is
    decided before its first message.
    """
    behaviour = behaviour_of(method)
    if not (inspect.iscoroutinefunction(behaviour) or inspect.isasyncgenfunction(behaviour)):
        raise TypeError(f"{name} must be async")
    if method.request_streaming and need and (need.resource_field or need.subject_field):
        raise TypeError(f"{name} takes a stream; its need cannot be in a field of a message")
    parse = _parser(method.request_deserializer)
    early, late = (parse, _as_is) if method.request_streaming else (None, parse)
    guard = _streaming if method.response_streaming else _unary
    return _FACTORIES[method.request_streaming, method.response_streaming](
        guard(behaviour, late, _Route(name, rules, need, method)), early, method.response_serializer
    )


_FACTORIES: Final[dict[tuple[bool, bool], Callable[..., Method]]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def _unary(behaviour: _Behaviour, parse: Callable[[Any], Any], route: "_Route") -> _Behaviour:
    async def answer(request: Any, context: _Context) -> Any:
        async with _Passage(route, context) as passage:
            await passage.admit()
            message = parse(request)
            if route.need is not None:
                await route.permit(message, context)
            if route.takes_stream:
                message = _Vouched(message, passage)
            return await behaviour(message, context)

    return answer


def _streaming(behaviour: _Behaviour, parse: Callable[[Any], Any], route: "_Route") -> _Behaviour:
    async def stream(request: Any, context: _Context) -> None:
        async with _Passage(route, context) as passage:
            await passage.admit()
            message = parse(request)
            if route.need is not None:
                await route.permit(message, context)
            if route.takes_stream:
                message = _Vouched(message, passage)
            await _write_all(behaviour(message, context), context, route)

    return stream


async def _write_all(answers: Any, context: _Context, route: "_Route") -> None:
    if isinstance(answers, Awaitable):
        await answers
        return
    async with aclosing(answers):
        async for answer in answers:
            route.refuse_revoked()
            await context.write(answer)


class _Vouched:
    """The messages of an open call; for each, the caller's token is looked at again.

    A token that is revoked or runs out meanwhile ends the call with Unauthenticated.
    """

    __slots__ = ("_messages", "_passage")

    def __init__(self, messages: AsyncIterator[Any], passage: "_Passage") -> None:
        self._messages = aiter(messages)
        self._passage = passage

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        message = await anext(self._messages)
        await self._passage.identify()
        return message


def _parser(deserialize: Callable[[bytes], Any] | None) -> Callable[[Any], Any]:
    if deserialize is None:
        return _as_is

    def parse(content: bytes) -> Any:
        try:
            return deserialize(content)
        except (DecodeError, ValueError):
            raise Invalid("malformed request") from None

    return parse


def _as_is(request: Any) -> Any:
    return request


def behaviour_of(method: Method) -> _Behaviour:
    """The function behind a method, of whichever of the four kinds it is."""
    kinds = (method.unary_unary, method.unary_stream, method.stream_unary, method.stream_stream)
    return cast("_Behaviour", next(kind for kind in kinds if kind is not None))


class _Route:
    """One method of a host, with what is looked up once instead of per call."""

    __slots__ = ("_is_stream", "_rules", "finished_ok", "method", "need", "takes_stream")

    def __init__(self, name: str, rules: Rules, need: Need | None, method: Method) -> None:
        self.method = name
        self.takes_stream = method.request_streaming
        self._is_stream = method.request_streaming or method.response_streaming
        self.need = need if need is not None and not need.any_caller else None
        self._rules = rules
        self.finished_ok = RPC_DURATION_S.labels(method=name, code="OK").observe

    def cut_s(self, remaining_s: float | None) -> float | None:
        """Seconds after which the host ends the call; None when the caller's deadline is first."""
        limits = self._rules.limits
        longest_s = limits.max_stream_s if self._is_stream else limits.max_deadline_s
        if remaining_s is None:
            return longest_s if self._is_stream else limits.default_deadline_s
        return longest_s if remaining_s > longest_s else None

    async def identify(self, metadata: Iterable[tuple[str, str]]) -> None:
        """Make the bearer of the call's token the current caller, or raise Unauthenticated."""
        verifier = self._rules.verifier
        if verifier is None:
            return
        token = _bearer(metadata)
        become(verifier.remembered(token) or await verifier.verify(token), token=token)

    def refuse_revoked(self) -> None:
        """Raise Unauthenticated once the caller's token has been revoked."""
        verifier, caller = self._rules.verifier, current_caller()
        if verifier is None or verifier.is_revoked is None or caller is None:
            return
        if verifier.is_revoked(caller):
            raise Unauthenticated("revoked")

    async def permit(self, message: Any, context: _Context) -> None:
        """Raise Forbidden unless the guard lets the caller do what the method stands for."""
        guard, need, caller = self._rules.guard, self.need, current_caller()
        if guard is not None and need is not None and caller is not None:
            metadata: Any = context.invocation_metadata() or ()
            token = _consistency_token(metadata)
            await guard.permit(caller, need, message, consistency_token=token)


def _consistency_token(metadata: Iterable[tuple[str, Any]]) -> str:
    return next((value for key, value in metadata if key == CONSISTENCY_METADATA), "")


def _bearer(metadata: Iterable[tuple[str, str]]) -> str:
    for key, value in metadata:
        if key == "authorization":
            scheme, _, token = value.partition(" ")
            if scheme.lower() == "bearer" and token:
                return token
            raise Unauthenticated("malformed")
    raise Unauthenticated("missing")


class _Passage:
    """One call on its way: its span, its deadline, its caller, and the answer to what it raises."""

    __slots__ = ("_context", "_deadline", "_metadata", "_route", "_scope", "_span", "_started_s")

    def __init__(self, route: _Route, context: _Context) -> None:
        self._route = route
        self._context = context
        self._deadline: asyncio.Timeout | None = None

    async def __aenter__(self) -> Self:
        self._started_s = time.perf_counter()
        self._metadata: Any = self._context.invocation_metadata() or ()
        self._scope = rpc_server_span(self._route.method, self._metadata)
        self._span = self._scope.__enter__()
        return self

    async def admit(self) -> None:
        """Start the host's deadline where the caller's is missing or too far, and identify it."""
        cut_s = self._route.cut_s(self._context.time_remaining())
        if cut_s is not None:
            self._deadline = await asyncio.timeout(cut_s).__aenter__()
        await self.identify()

    async def identify(self) -> None:
        """Make the bearer of the call's token the current caller, or raise Unauthenticated."""
        await self._route.identify(self._metadata)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._deadline is None:
            self._finish(self._code(None))
            return
        code = "CANCELLED"
        try:
            is_late = await self._is_past_deadline(kind, error, trace)
            outcome = _TOO_LATE if is_late else self._outcome(error)
            code = outcome.grpc_code if outcome is not None else self._code(error)
            if outcome is not None:
                await self._refuse(outcome, error)
        finally:
            self._finish(code)

    async def _is_past_deadline(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if self._deadline is None:
            return False
        try:
            await self._deadline.__aexit__(kind, error, trace)
        except TimeoutError:
            return True
        return False

    def _outcome(self, error: BaseException | None) -> Outcome | None:
        if not isinstance(error, Exception) or isinstance(error, grpc.aio.AbortError):
            return None
        return outcome_of(error)

    def _code(self, error: BaseException | None) -> str:
        if error is None or isinstance(error, grpc.aio.AbortError):
            return str(getattr(self._context.code(), "name", "OK"))
        return "DEADLINE_EXCEEDED" if self._context.time_remaining() == 0 else "CANCELLED"

    async def _refuse(self, outcome: Outcome, error: BaseException | None) -> None:
        text, trailers = outcome.text, []
        if not outcome.expected:
            error_id = self._report(outcome, error)
            text = f"{text} (error id {error_id})"
            trailers.append(("error-id", error_id))
        if isinstance(error, ServiceError):
            trailers.append(("error-type", type(error).__name__))
        if outcome.retry_after_s is not None:
            trailers.append(("grpc-retry-pushback-ms", str(round(outcome.retry_after_s * 1000))))
        await self._context.abort(grpc.StatusCode[outcome.grpc_code], text, tuple(trailers))

    def _report(self, outcome: Outcome, error: BaseException | None) -> str:
        error_id = new_error_id()
        _log.error(
            "rpc_failed",
            rpc_method=self._route.method,
            code=outcome.grpc_code,
            error_id=error_id,
            error_type=type(error).__name__,
            exc_info=error,
        )
        return error_id

    def _finish(self, code: str) -> None:
        self._span.finish(code)
        self._scope.__exit__(None, None, None)
        duration_s = time.perf_counter() - self._started_s
        if code == "OK":
            self._route.finished_ok(duration_s)
        else:
            RPC_DURATION_S.labels(method=self._route.method, code=code).observe(duration_s)
