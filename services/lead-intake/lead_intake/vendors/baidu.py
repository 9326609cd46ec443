"""Baidu's 基木鱼: the list of lead notices. Request and answer as a public client has them.

Which of Baidu's codes mean that a token expired is not public, so every failure it names is one to try again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from lead_intake.vendors.calls import PAGE, VendorCalls, VendorFailed, decoded
from lead_intake.vendors.pulling import PAGES_MAX, PulledLead, Window

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lead_intake.accounts import Secrets

PATH = "/json/sms/service/LeadsNoticeService/getNoticeList"
PAGE_SIZE = 1000
CONNECTIONS_MAX = 4
ZONE = ZoneInfo("Asia/Shanghai")


class BaiduApi:
    """The API at `base_url`. A part of a service: `start` opens the connection pool."""

    name = "baidu api"
    window_max = timedelta(days=29)

    def __init__(self, base_url: str) -> None:
        self._calls = VendorCalls(base_url, connections_max=CONNECTIONS_MAX)

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
        """Whether an account holds a token and its user's name."""
        return bool(secrets.access_token and secrets.settings.get("user_name"))

    async def pages(self, secrets: Secrets, window: Window) -> AsyncIterator[list[PulledLead]]:
        """The notices of a window, 1,000 at a time, for each kind of page; raises `VendorFailed`."""
        for kind in secrets.settings.get("solution_types", "form").split(","):
            async for page in self._kind_pages(kind.strip(), secrets, window):
                yield page

    async def _kind_pages(
        self, kind: str, secrets: Secrets, window: Window
    ) -> AsyncIterator[list[PulledLead]]:
        for number in range(1, PAGES_MAX + 1):
            question = _question(kind, secrets, window, number)
            answer = await self._calls.post(PATH, PATH, document=question, bounds=PAGE)
            rows, total = _rows(decoded(answer))
            yield [PulledLead(str(row.get("clueId", "")), msgspec.json.encode(row)) for row in rows]
            if len(rows) < PAGE_SIZE or number * PAGE_SIZE >= total:
                return
        raise VendorFailed("baidu_endless")


def _question(kind: str, secrets: Secrets, window: Window, number: int) -> dict[str, Any]:
    return {
        "header": {
            "userName": secrets.settings["user_name"],
            "accessToken": secrets.access_token,
        },
        "body": {
            "solutionType": kind,
            "startDate": _local(window.since),
            "endDate": _local(window.until),
            "pageNo": number,
            "pageSize": PAGE_SIZE,
        },
    }


def _local(moment: datetime) -> str:
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def _rows(document: Any) -> tuple[list[Any], int]:
    """The rows of a page and the count of all; raises `VendorFailed` for a refusal, which comes with status 200."""
    try:
        header = document["header"]
        if header["status"] != 0:
            raise VendorFailed(_code(header))
        (data,) = document["body"]["data"]
        rows, total = data["noticeDetailList"], int(data["totalNum"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise VendorFailed("baidu_shape") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise VendorFailed("baidu_shape")
    return rows, total


def _code(header: dict[str, Any]) -> str:
    failures = header.get("failures") or [{}]
    code = str(failures[0].get("code", header["status"]))
    return f"baidu_{code}" if code.isalnum() and len(code) <= 20 else "baidu_failed"
