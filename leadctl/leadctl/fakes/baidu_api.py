"""A stand-in for Baidu's list of lead notices: bounded windows and pages, refusals with status 200 in the header."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from servicekit.http_host import Receive, Scope, Send, read_body, send_answer

PATH = "/json/sms/service/LeadsNoticeService/getNoticeList"
BODY_BYTES_MAX = 64 * 1024
PAGE_SIZE_MAX = 5000
SPAN_MAX = timedelta(days=30)
JSON = (b"content-type", b"application/json")
FORMAT = "%Y-%m-%d %H:%M:%S"
REFUSED, THROTTLED, BAD_REQUEST = 8001, 8904, 8501
"""Codes of this stand-in; Baidu's own for these are not public."""


@dataclass
class FakeBaiduApi:
    """The API as an ASGI application.

    `notices` are what it lists, by kind, with `commitTime` in Shanghai's time as text. `codes` are the codes with which
    the next questions are refused.
    """

    user_name: str
    access_token: str
    notices: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    codes: list[int] = field(default_factory=list)
    page_count: int = 0
    refused_count: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["method"] != "POST" or scope["path"] != PATH:
            await send_answer(send, 404, b"")
            return
        answer = self._answer(json.loads(await read_body(receive, BODY_BYTES_MAX)))
        await send_answer(send, 200, json.dumps(answer, ensure_ascii=False).encode(), [JSON])

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        code = self.codes.pop(0) if self.codes else self._problem(question)
        if code:
            self.refused_count += 1
            failures = [{"code": code, "message": "refused"}]
            return {"header": {"desc": "fail", "status": 2, "failures": failures}, "body": {}}
        body = question["body"]
        since, until = body["startDate"], body["endDate"]
        of_kind = self.notices.get(body["solutionType"], [])
        found = [each for each in of_kind if since <= str(each["commitTime"]) <= until]
        first = (body["pageNo"] - 1) * body["pageSize"]
        page = found[first : first + body["pageSize"]]
        self.page_count += 1
        return {
            "header": {"desc": "success", "status": 0, "failures": []},
            "body": {"data": [{"noticeDetailList": page, "totalNum": len(found)}]},
        }

    def _problem(self, question: dict[str, Any]) -> int:
        """Why a question is refused; 0 when it is not."""
        header, body = question["header"], question["body"]
        if (header["userName"], header["accessToken"]) != (self.user_name, self.access_token):
            return REFUSED
        span = _moment(body["endDate"]) - _moment(body["startDate"])
        is_bounded = timedelta(0) <= span <= SPAN_MAX and 0 < body["pageSize"] <= PAGE_SIZE_MAX
        return 0 if is_bounded else BAD_REQUEST


def _moment(text: str) -> datetime:
    return datetime.strptime(text, FORMAT)  # noqa: DTZ007 - only differences are taken
