"""What every connector can do, and how it says that it could not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from identity.domain.crosswalk import SourceRow


class ConnectorFailed(Exception):  # noqa: N818 - errors are named by what is wrong
    """A system did not do what was asked; `code` is short and holds nothing of the request.

    `retry_after_s` where the system asks to be left alone.
    """

    def __init__(self, code: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after_s = retry_after_s


class SystemAway(ConnectorFailed):
    """It may work later: no answer, too many questions, a fault of the system's own."""


class VersionChanged(ConnectorFailed):
    """The row is no longer what we know of it; what it says now is on its way to us."""


class FieldsLocked(ConnectorFailed):
    """Nobody may write these fields there, by the system's names."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__("locked")
        self.fields = tuple(fields)


class WriteRefused(ConnectorFailed):
    """The system will never take it as it is."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows that changed, oldest first, and the word with which to ask for those behind them."""

    rows: Sequence[SourceRow]
    asked_until: str
    has_more: bool


@dataclass(frozen=True, slots=True)
class Write:
    """What a row has to say, by the system's names.

    A repetition with the same idempotency key changes nothing. `expected_version` is empty when none is known.
    """

    key: str
    fields: Mapping[str, str]
    idempotency_key: UUID
    expected_version: str


class Connector(Protocol):
    """A system that can be asked what changed and told what should. Also a part of a service."""

    name: str

    async def start(self) -> None:
        """Opens the connection pool."""

    async def stop(self) -> None:
        """Closes it."""

    def problem(self) -> str | None:
        """Why nothing can be asked; None when it can."""

    async def changed_since(self, asked_until: str) -> Page:
        """The next page of rows that changed; from the beginning when empty. Raises `ConnectorFailed`."""

    async def write(self, write: Write) -> str:
        """Writes fields of a row; returns its version afterwards, empty when it has none. Raises `ConnectorFailed`."""
