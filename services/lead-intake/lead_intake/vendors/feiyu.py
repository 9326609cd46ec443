"""飞鱼 CRM of Ocean Engine: the list of clues. Signature, paging and codes as three public clients agree on them."""

from __future__ import annotations

import base64
import hmac
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from lead_intake.vendors.calls import PAGE, VendorCalls, VendorFailed, decoded
from lead_intake.vendors.pulling import PAGES_MAX, PulledLead, Window

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from lead_intake.accounts import Secrets

PATH = "/crm/v2/openapi/pull-clues/"
PAGE_SIZE = 100
CONNECTIONS_MAX = 4


class FeiyuApi:
    """The API at `base_url`; `clock_s` gives Unix time. A part of a service: `start` opens the connection pool."""

    name = "feiyu api"
    window_max = timedelta(days=7)

    def __init__(self, base_url: str, *, clock_s: Callable[[], float] = time.time) -> None:
        self._calls = VendorCalls(base_url, connections_max=CONNECTIONS_MAX)
        self._clock_s = clock_s

    async def start(self) -> None:
        """Opens the pool."""
        await self._calls.start()

    async def stop(self) -> None:
        """Closes the pool."""
        await self._calls.stop()

    def problem(self) -> str | None:
        """Why nothing can be asked."""
        return None if self._calls.is_open else "not started"

    def can_pull(self, secrets: Secrets) -> bool:
        """Whether an account holds the signature key and the token of its clues."""
        return bool(secrets.access_token and secrets.signing)

    async def pages(self, secrets: Secrets, window: Window) -> AsyncIterator[list[PulledLead]]:
        """The clues of a window, 100 at a time; raises `VendorFailed`."""
        for number in range(1, PAGES_MAX + 1):
            rows, total = await self._page(secrets, window, number)
            yield [_as_pushed(row) for row in rows]
            if len(rows) < PAGE_SIZE or number * PAGE_SIZE >= total:
                return
        raise VendorFailed("feiyu_endless")

    async def _page(self, secrets: Secrets, window: Window, number: int) -> tuple[list[Any], int]:
        span = (
            f"start_time={int(window.since.timestamp())}&end_time={int(window.until.timestamp())}"
        )
        answer = await self._calls.get(
            f"{PATH}?{span}&page={number}&page_size={PAGE_SIZE}",
            PATH,
            headers=signed_headers(
                span, key=secrets.signing[0], token=secrets.access_token, now_s=self._clock_s()
            ),
            bounds=PAGE,
        )
        return _rows(decoded(answer))


def signed_headers(span: str, *, key: str, token: str, now_s: float) -> dict[str, str]:
    """The headers that prove a question about `span` (`start_time=..&end_time=..`); the page is not signed."""
    timestamp = str(int(now_s))
    digest = hmac.digest(key.encode(), f"{PATH}?{span} {timestamp}".encode(), "sha256")
    return {
        "Signature": base64.b64encode(digest.hex().encode()).decode(),
        "Timestamp": timestamp,
        "Access-Token": token,
    }


def _rows(document: Any) -> tuple[list[Any], int]:
    """The rows of a page and the count of all; raises `VendorFailed` for a refusal, which comes with status 200."""
    if not isinstance(document, dict):
        raise VendorFailed("feiyu_shape")
    rows, status = document.get("data"), str(document.get("status", ""))
    if status not in {"0", "success"}:
        raise VendorFailed(f"feiyu_{status[:20] if status.lstrip('-').isalnum() else 'failed'}")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise VendorFailed("feiyu_shape")
    count = document.get("count")
    return rows, count if isinstance(count, int) else len(rows)


def _as_pushed(row: dict[str, Any]) -> PulledLead:
    """A clue with its id under the name that pushes give it."""
    clue_id = str(row.get("clue_id") or row.get("id") or "")
    return PulledLead(clue_id, msgspec.json.encode({**row, "id": clue_id}))
