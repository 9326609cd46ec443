"""The generic door: JSON over HTTP, signed by HMAC; what a small adapter in front of an ERP has to speak.

    GET   /changes?since=WORD&limit=N  ->  {"rows": [{"entity", "key", "modified_at", "deleted", "fields"}],
                                            "next": WORD, "has_more": bool}
    PATCH /customers/KEY  {"fields": {...}}  with idempotency-key and, when a version is known, if-match
                                       ->  200 {"version": "..."} | 409, 412 changed meanwhile
                                           | 423 {"locked": [...]} | other 4xx never

Each request carries `x-leadchain-timestamp` and `x-leadchain-signature`: hex HMAC-SHA256 over method, path with query,
timestamp and body, separated by newlines.
"""

from __future__ import annotations

import hmac
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec

from identity.connectors.calls import SystemCalls, field_of
from identity.connectors.protocol import (
    FieldsLocked,
    Page,
    SystemAway,
    VersionChanged,
    Write,
    WriteRefused,
)
from identity.domain.crosswalk import SourceRow
from identity.domain.field_maps import MAIN_ENTITY

if TYPE_CHECKING:
    from collections.abc import Callable

    from identity.connectors.calls import Answer

PAGE_SIZE = 500


class JsonHttpConnector:
    """A system behind the generic door; `clock_s` gives Unix time."""

    def __init__(
        self,
        system: str,
        base_url: str,
        secret: str,
        *,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self.name = f"connector {system}"
        self._system = system
        self._secret = secret.encode()
        self._clock_s = clock_s
        self._calls = SystemCalls(base_url)

    async def start(self) -> None:
        """Opens the connection pool."""
        await self._calls.start()

    async def stop(self) -> None:
        """Closes it."""
        await self._calls.stop()

    def problem(self) -> str | None:
        """Why nothing can be asked."""
        return self._calls.problem()

    async def changed_since(self, asked_until: str) -> Page:
        """The next page of rows that changed; raises `ConnectorFailed`."""
        query = urlencode({"since": asked_until, "limit": PAGE_SIZE})
        answer = await self._ask("GET", f"/changes?{query}", "/changes")
        if answer.status != 200:
            raise SystemAway(f"status_{answer.status}")
        rows = field_of(answer.document, "rows")
        received_at = datetime.fromtimestamp(self._clock_s(), UTC)
        if not isinstance(rows, list) or len(rows) > PAGE_SIZE:
            raise SystemAway("unexpected_answer")
        return Page(
            [_row(self._system, row, received_at) for row in rows],
            str(field_of(answer.document, "next")),
            bool(answer.document.get("has_more")),
        )

    async def write(self, write: Write) -> str:
        """Writes fields of a customer; raises `ConnectorFailed`."""
        headers = {"idempotency-key": str(write.idempotency_key)}
        if write.expected_version:
            headers["if-match"] = write.expected_version
        body = msgspec.json.encode({"fields": dict(write.fields)})
        path = f"/customers/{quote(write.key, safe='')}"
        answer = await self._ask("PATCH", path, "/customers/{key}", body, headers)
        if answer.status != 200:
            raise _refusal(answer)
        version = answer.document.get("version", "") if isinstance(answer.document, dict) else ""
        return str(version)[:100]

    async def _ask(
        self,
        method: str,
        path: str,
        template: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        timestamp = str(int(self._clock_s()))
        signed = {
            **(headers or {}),
            "x-leadchain-timestamp": timestamp,
            "x-leadchain-signature": signature(self._secret, method, path, timestamp, body),
        }
        return await self._calls.ask(method, path, template=template, body=body, headers=signed)


def signature(secret: bytes, method: str, path: str, timestamp: str, body: bytes) -> str:
    """The hex HMAC-SHA256 that proves a request."""
    content = f"{method}\n{path}\n{timestamp}\n".encode() + body
    return hmac.digest(secret, content, "sha256").hex()


def _row(system: str, row: Any, received_at: datetime) -> SourceRow:
    """A row of a page; raises `SystemAway` for a page of another shape."""
    try:
        fields = row.get("fields") or {}
        modified_at = datetime.fromisoformat(row["modified_at"])
        return SourceRow(
            system,
            str(row.get("entity") or MAIN_ENTITY),
            str(row["key"]),
            fields if isinstance(fields, dict) else None,
            modified_at if modified_at.tzinfo else modified_at.replace(tzinfo=UTC),
            received_at,
            bool(row.get("deleted")),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise SystemAway("unexpected_answer") from None


def _refusal(answer: Answer) -> Exception:
    """What an answer other than 200 means."""
    if answer.status in {409, 412}:
        return VersionChanged("version_conflict")
    if answer.status == 423:
        locked = answer.document.get("locked") if isinstance(answer.document, dict) else None
        return FieldsLocked([str(each) for each in locked] if isinstance(locked, list) else [])
    if answer.status in {401, 403, 408, 425}:
        return SystemAway(f"status_{answer.status}")
    return WriteRefused(f"status_{answer.status}")
