"""A stand-in for an ERP behind the generic door: takes only what is signed, and can be as difficult as a real one.

`GET /changes` lists what changed in the order of its changes, its own writes and ours alike; `PATCH /customers/{key}`
writes fields of a row, once for each idempotency key.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from servicekit.http_host import Receive, Scope, Send, read_body, send_answer

BODY_BYTES_MAX = 256 * 1024
TIMESTAMP_TOLERANCE_S = 300
JSON = (b"content-type", b"application/json")
CHANGES, CUSTOMERS = "/changes", "/customers/"

Answer = tuple[int, dict[str, Any]]


@dataclass
class ErpRow:
    """A customer in the ERP; `version` grows with every change of it."""

    key: str
    fields: dict[str, str]
    modified_at: datetime
    version: int = 1


@dataclass
class FakeErp:
    """The ERP as an ASGI application.

    `statuses` are the statuses with which the next requests are refused, `delay_s` is waited before each answer, or
    until `gate` opens if there is one. Fields in `locked` cannot be written. A name in `version_field` shows a row's
    version among its fields. With `forgets_answers` a write is done and its answer lost. `on_write` hears of every row
    that was written, as a change feed does; `changed_keys` are all changes in their order. Counted are the writes that
    changed something, and refused requests.
    """

    secret: str
    rows: dict[str, ErpRow] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    locked: set[str] = field(default_factory=set)
    version_field: str = ""
    delay_s: float = 0.0
    gate: asyncio.Event | None = None
    forgets_answers: bool = False
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    on_write: Callable[[ErpRow], None] | None = None
    written_count: int = 0
    request_count: int = 0
    refused_count: int = 0
    changed_keys: list[str] = field(default_factory=list)
    _answers: dict[str, Answer] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        body = await read_body(receive, BODY_BYTES_MAX)
        self.request_count += 1
        await self._wait()
        if self.statuses:
            self.refused_count += 1
            await send_answer(send, self.statuses.pop(0), b"", [(b"retry-after", b"1")])
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        status, document = self._answer(scope, headers, body)
        self.refused_count += status >= 400
        if self.forgets_answers and scope["method"] == "PATCH":
            status, document = 502, {}
        content = json.dumps(document, ensure_ascii=False).encode()
        await send_answer(send, status, content, [JSON])

    def change(self, key: str, **fields: str) -> ErpRow:
        """Somebody in the ERP changes a row, or makes it."""
        row = self.rows.setdefault(key, ErpRow(key, {}, self.clock(), version=0))
        row.fields |= fields
        row.modified_at = self.clock()
        row.version += 1
        self.changed_keys.append(key)
        return row

    def shown(self, row: ErpRow) -> dict[str, str]:
        """The fields of a row as the ERP gives them out."""
        version = {self.version_field: str(row.version)} if self.version_field else {}
        return {**row.fields, **version}

    async def _wait(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.delay_s:
            await asyncio.sleep(self.delay_s)

    def _answer(self, scope: Scope, headers: dict[str, str], body: bytes) -> Answer:
        if not self._is_signed(scope, headers, body):
            return 401, {"problem": "signature"}
        path = scope["path"]
        if scope["method"] == "GET" and path == CHANGES:
            return 200, self._changes(scope["query_string"].decode())
        if scope["method"] == "PATCH" and path.startswith(CUSTOMERS):
            return self._write(unquote(path.removeprefix(CUSTOMERS)), headers, json.loads(body))
        return 404, {}

    def _is_signed(self, scope: Scope, headers: dict[str, str], body: bytes) -> bool:
        timestamp = headers.get("x-leadchain-timestamp", "")
        if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > TIMESTAMP_TOLERANCE_S:
            return False
        query = scope["query_string"].decode()
        raw_path = scope.get("raw_path", scope["path"].encode()).decode().partition("?")[0]
        target = f"{raw_path}?{query}" if query else raw_path
        signed = f"{scope['method']}\n{target}\n{timestamp}\n".encode() + body
        right = hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(right, headers.get("x-leadchain-signature", ""))

    def _changes(self, query: str) -> dict[str, Any]:
        asked = parse_qs(query, keep_blank_values=True)
        first, limit = int(asked["since"][0] or 0), int(asked["limit"][0])
        keys = self.changed_keys[first : first + limit]
        rows = [
            {
                "entity": "customer",
                "key": key,
                "modified_at": self.rows[key].modified_at.isoformat(),
                "fields": self.shown(self.rows[key]),
            }
            for key in dict.fromkeys(keys)
        ]
        end = first + len(keys)
        return {"rows": rows, "next": str(end), "has_more": end < len(self.changed_keys)}

    def _write(self, key: str, headers: dict[str, str], document: dict[str, Any]) -> Answer:
        idempotency_key = headers.get("idempotency-key", "")
        if idempotency_key in self._answers:
            return self._answers[idempotency_key]
        row, fields = self.rows.get(key), document.get("fields", {})
        if row is None:
            return 404, {}
        if locked := sorted(self.locked & fields.keys()):
            return 423, {"locked": locked}
        if headers.get("if-match", str(row.version)) != str(row.version):
            return 412, {}
        self.written_count += 1
        row = self.change(key, **fields)
        self._answers[idempotency_key] = 200, {"version": str(row.version)}
        if self.on_write is not None:
            self.on_write(row)
        return self._answers[idempotency_key]
