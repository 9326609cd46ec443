"""A stand-in for 飞鱼's list of clues: takes only what is signed as 飞鱼 wants it, and refuses with status 200."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from servicekit.http_host import Receive, Scope, Send, send_answer

PATH = "/crm/v2/openapi/pull-clues/"
PAGE_SIZE_MAX = 100
SPAN_S_MAX = 7 * 86400
TIMESTAMP_TOLERANCE_S = 300
JSON = (b"content-type", b"application/json")


@dataclass
class FakeFeiyuApi:
    """The API as an ASGI application.

    `clues` are what it lists, by their `create_time` in epoch seconds as text. `statuses` are the HTTP statuses with
    which the next questions are refused. It counts the pages it gave and the questions it refused.
    """

    signature_key: str
    token: str
    clues: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    clock_s: Callable[[], float] = time.time
    page_count: int = 0
    refused_count: int = 0

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answers one request."""
        if self.statuses:
            await send_answer(send, self.statuses.pop(0), b"", [(b"retry-after", b"1")])
            return
        if scope["method"] != "GET" or scope["path"] != PATH:
            await send_answer(send, 404, b"")
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        answer = self._answer(scope["query_string"].decode("latin-1"), headers)
        await send_answer(send, 200, json.dumps(answer, ensure_ascii=False).encode(), [JSON])

    def _answer(self, query: str, headers: dict[str, str]) -> dict[str, Any]:
        problem = self._problem(query, headers)
        if problem:
            self.refused_count += 1
            return {"status": -2, "msg": problem}
        asked = {name: int(value) for name, value in parse_qsl(query)}
        found = [
            clue
            for clue in self.clues
            if asked["start_time"] <= int(clue["create_time"]) <= asked["end_time"]
        ]
        size = asked["page_size"]
        first = (asked["page"] - 1) * size
        self.page_count += 1
        return {"status": 0, "count": len(found), "data": found[first : first + size]}

    def _problem(self, query: str, headers: dict[str, str]) -> str:
        """Why a question is refused; empty when it is not."""
        asked = dict(parse_qsl(query))
        if set(asked) != {"start_time", "end_time", "page", "page_size"}:
            return "parameters"
        if headers.get("access-token") != self.token:
            return "token"
        timestamp = headers.get("timestamp", "")
        if not timestamp.isdecimal() or (
            abs(self.clock_s() - int(timestamp)) > TIMESTAMP_TOLERANCE_S
        ):
            return "timestamp"
        signed = f"{PATH}?start_time={asked['start_time']}&end_time={asked['end_time']} {timestamp}"
        digest = hmac.new(self.signature_key.encode(), signed.encode(), hashlib.sha256)
        right = base64.b64encode(digest.hexdigest().encode()).decode()
        if not hmac.compare_digest(right, headers.get("signature", "")):
            return "signature"
        span_s = int(asked["end_time"]) - int(asked["start_time"])
        is_bounded = 0 <= span_s <= SPAN_S_MAX and 0 < int(asked["page_size"]) <= PAGE_SIZE_MAX
        return "" if is_bounded else "bounds"
