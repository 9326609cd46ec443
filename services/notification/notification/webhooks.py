"""The HTTP door: links that people open and pictures that mails load, both proof that a reminder was seen (AS-10)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from servicekit.http_host import send_answer, send_error

from notification.commands.receipts import take_receipts
from notification.domain.receipts import Receipt, ReceiptKind
from notification.store import receipts as store

if TYPE_CHECKING:
    from uuid import UUID

    from servicekit.database import Database
    from servicekit.http_host import Receive, Scope, Send

    from notification.domain.receipts import Beacons

CLICK_PREFIX, PIXEL_PREFIX = "/r/", "/o/"
TOKEN_CHARS = 43
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
        if scope["method"] == "GET" and path.startswith((CLICK_PREFIX, PIXEL_PREFIX)):
            token = path[len(CLICK_PREFIX) :]
            send_id = self._beacons.opened(token) if len(token) == TOKEN_CHARS else None
        if send_id is None:
            await send_answer(send, 404, b"")
            return
        try:
            if path.startswith(PIXEL_PREFIX):
                await self._note(send_id, ReceiptKind.READ)
                await send_answer(send, 200, _PIXEL, [(b"content-type", b"image/gif"), *_HEADERS])
            else:
                await self._note(send_id, ReceiptKind.CLICKED)
                await self._lead_on(send_id, send)
        except Exception as error:  # noqa: BLE001 - the table of errors says what the reader is told
            await send_error(send, error)

    async def _note(self, send_id: UUID, kind: ReceiptKind) -> None:
        async with self._database.unit_of_work() as uow:
            await take_receipts(uow, [Receipt(send_id, kind, datetime.now(UTC), "beacon")])

    async def _lead_on(self, send_id: UUID, send: Send) -> None:
        """To the lead's record, where there is one; else to a page of thanks."""
        async with self._database.raw() as raw:
            lead_id = await store.lead_of(raw, send_id)
        if lead_id is None or not self._record_url:
            headers = [(b"content-type", b"text/html; charset=utf-8"), *_HEADERS]
            await send_answer(send, 200, _PAGE, headers)
            return
        place = self._record_url.replace("{lead_id}", str(lead_id)).encode()
        await send_answer(send, 302, b"", [(b"location", place), *_HEADERS])
