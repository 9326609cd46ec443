"""The HTTP door: links that people open and pictures that mails load, both proof that a reminder was seen (AS-10).

What fetches ahead of people, such as mail filters and previews, is kept as such and proves nothing.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from servicekit.http_host import send_answer, send_error

from notification.commands.receipts import take_receipts
from notification.domain.media import Medium
from notification.domain.receipts import Receipt, ReceiptKind, Visit, proved_by
from notification.store import receipts as store

if TYPE_CHECKING:
    from uuid import UUID

    from servicekit.database import Database
    from servicekit.http_host import Receive, Scope, Send

    from notification.domain.receipts import Beacons

CLICK_PREFIX, PIXEL_PREFIX = "/r/", "/o/"
TOKEN_CHARS = 43
METHODS = ("GET", "HEAD")
PURPOSE_HEADERS = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")
AHEAD_WORDS = ("prefetch", "prerender", "preview")
_HEADERS = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]
_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_PAGE = (
    '<!doctype html><html lang="zh"><meta charset="utf-8"><title>已收到</title>'
    "<p>已收到，谢谢。</p></html>"  # noqa: RUF001 - Chinese
).encode()


class BeaconDoor:
    """An ASGI application. `record_url` is where a lead's record is, with `{lead_id}` in it; empty for nowhere.

    The answer to a click is given after its receipt is stored. A token that is not ours gets 404 and nothing else.
    """

    def __init__(self, database: Database, beacons: Beacons, *, record_url: str) -> None:
        self._database = database
        self._beacons = beacons
        self._record_url = record_url

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answers one request."""
        path: str = scope["path"]
        send_id = None
        if scope["method"] in METHODS and path.startswith((CLICK_PREFIX, PIXEL_PREFIX)):
            token = path[len(CLICK_PREFIX) :]
            send_id = self._beacons.opened(token) if len(token) == TOKEN_CHARS else None
        if send_id is None:
            await send_answer(send, 404, b"")
            return
        is_click = path.startswith(CLICK_PREFIX)
        try:
            lead_id = await self._note(send_id, scope, is_click=is_click)
            if is_click:
                await self._lead_on(lead_id, send)
            else:
                await send_answer(send, 200, _PIXEL, [(b"content-type", b"image/gif"), *_HEADERS])
        except Exception as error:  # noqa: BLE001 - the table of errors says what the reader is told
            await send_error(send, error)

    async def _note(self, send_id: UUID, scope: Scope, *, is_click: bool) -> UUID | None:
        """Keeps what a visit proves; the lead that its message is about."""
        async with self._database.unit_of_work() as uow:
            row = await store.opened(uow.raw, send_id)
            if row is None:
                return None
            visit = _visit(scope, row, ReceiptKind.CLICKED if is_click else ReceiptKind.READ)
            await take_receipts(uow, [Receipt(send_id, proved_by(visit), visit.at, "beacon")])
            lead_id: UUID | None = row["lead_id"]
            return lead_id

    async def _lead_on(self, lead_id: UUID | None, send: Send) -> None:
        """To the lead's record, where there is one; else to a page of thanks."""
        if lead_id is None or not self._record_url:
            headers = [(b"content-type", b"text/html; charset=utf-8"), *_HEADERS]
            await send_answer(send, 200, _PAGE, headers)
            return
        place = self._record_url.replace("{lead_id}", str(lead_id)).encode()
        await send_answer(send, 302, b"", [(b"location", place), *_HEADERS])


def _visit(scope: Scope, row: Any, kind: ReceiptKind) -> Visit:
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    purposes = " ".join(headers.get(name, "") for name in PURPOSE_HEADERS).lower()
    return Visit(
        kind=kind,
        at=datetime.now(UTC),
        is_prefetch=scope["method"] == "HEAD" or any(word in purposes for word in AHEAD_WORDS),
        user_agent=headers.get(b"user-agent", ""),
        medium=Medium(row["medium"]),
        accepted_at=row["accepted_at"],
    )
