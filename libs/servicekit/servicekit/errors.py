# ruff: noqa: N818
"""Business errors as types, and the one table that says what each means at every edge.

A domain module subclasses a family and adds its data; it never chooses a status code. The gRPC
host, the HTTP host and the bus ask `outcome_of` and do what it says. Only the standard library is
imported here, so that a domain stays pure; errors of libraries are known by their qualified name.

The families carry no `Error` suffix: a raise site reads `raise NotFound(...)`.
"""

import secrets
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Ack(Enum):
    """What becomes of a message whose handling failed."""

    RETRY = "retry"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an error means outside: gRPC code name, HTTP status, ack decision, words for the caller.

    `text` is safe to send. `expected` is false for a defect of ours, whose cause belongs in the
    log under an error id and nowhere else. `retry_after_s` is None when waiting does not help.
    """

    grpc_code: str
    http_status: int
    ack: Ack
    text: str = ""
    retry_after_s: float | None = None
    expected: bool = True


class ServiceError(Exception):
    """A refusal with a reason that the caller may read; never holds personal data."""


class Invalid(ServiceError):
    """The request can never be accepted as it is."""


class NotFound(ServiceError):
    """The thing named does not exist, or the caller may not know that it does."""


class Conflict(ServiceError):
    """The request is well formed but the present state forbids it."""


class AlreadyExists(ServiceError):
    """The thing to create is already there."""


class Unauthenticated(ServiceError):
    """Nobody knows who is calling; the text is a short code such as `expired`."""


class Forbidden(ServiceError):
    """The caller is known and may not do this."""


class TooLarge(ServiceError):
    """The request exceeds a size limit."""


class TooMany(ServiceError):
    """The caller exceeds a rate or a quota."""

    def __init__(self, message: str = "", *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(ServiceError):
    """Something this service needs is away; the same request may succeed in `retry_after_s`."""

    def __init__(self, message: str = "", *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class InvalidMessage(Exception):
    """A bus message that can never be handled; it is quarantined at its first delivery."""


_FAMILIES: Final[dict[type[BaseException], tuple[str, int, Ack]]] = {
    Invalid: ("INVALID_ARGUMENT", 422, Ack.QUARANTINE),
    InvalidMessage: ("INVALID_ARGUMENT", 422, Ack.QUARANTINE),
    NotFound: ("NOT_FOUND", 404, Ack.RETRY),
    Conflict: ("FAILED_PRECONDITION", 409, Ack.RETRY),
    AlreadyExists: ("ALREADY_EXISTS", 409, Ack.RETRY),
    Unauthenticated: ("UNAUTHENTICATED", 401, Ack.RETRY),
    Forbidden: ("PERMISSION_DENIED", 403, Ack.RETRY),
    TooLarge: ("RESOURCE_EXHAUSTED", 413, Ack.QUARANTINE),
    TooMany: ("RESOURCE_EXHAUSTED", 429, Ack.RETRY),
    Unavailable: ("UNAVAILABLE", 503, Ack.RETRY),
}

# ConnectionError and TimeoutError are kinds of OSError.
_LOST_DEPENDENCIES: Final = frozenset(
    {
        "builtins.OSError",
        "asyncpg.exceptions.PostgresConnectionError",
        "asyncpg.exceptions.OperatorInterventionError",
        "asyncpg.exceptions.InsufficientResourcesError",
        "asyncpg.exceptions._base.InterfaceError",
        "sqlalchemy.exc.InterfaceError",
        "sqlalchemy.exc.TimeoutError",
    }
)
_LOST_RPC_CODES: Final = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"})

_AWAY: Final = Outcome(
    "UNAVAILABLE", 503, Ack.RETRY, "temporarily unavailable", retry_after_s=1.0, expected=False
)
_DEFECT: Final = Outcome("INTERNAL", 500, Ack.RETRY, "internal error", expected=False)


def outcome_of(error: BaseException) -> Outcome:
    """What `error` means at the edges; an error of no family is INTERNAL and tells nothing.

    Lost connections (database, network, time outs, a remote procedure that did not answer) are
    UNAVAILABLE. A failed message is retried unless its family says that no retry can help.
    """
    for kind in type(error).__mro__:
        if kind in _FAMILIES:
            code, status, ack = _FAMILIES[kind]
            retry_after_s: float | None = getattr(error, "retry_after_s", None)
            return Outcome(code, status, ack, str(error), retry_after_s)
    return _AWAY if _is_lost_dependency(error) else _DEFECT


def new_error_id() -> str:
    """An id that joins the answer a caller got to the log line that says why (16 hex digits)."""
    return secrets.token_hex(8)


def _is_lost_dependency(error: BaseException) -> bool:
    if isinstance(error, ValueError):
        # The driver's word for an argument it cannot encode is a kind of its word for a lost connection.
        return False
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if kinds & _LOST_DEPENDENCIES or getattr(error, "connection_invalidated", False):
        return True
    return "grpc.RpcError" in kinds and _rpc_code_name(error) in _LOST_RPC_CODES


def _rpc_code_name(error: BaseException) -> str:
    code = getattr(error, "code", None)
    return str(getattr(code(), "name", "")) if callable(code) else ""
