"""Whoever turns speech into text, over HTTP.

The API is our own, for a small relay before a vendor's: `POST /v1/transcriptions` with where a recording can be
fetched. 200 has the lines, 202 says that it is being listened to and is asked again with the same `idempotency-key`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engagement.clients.calls import Call, NotAnswered
from engagement.domain.behaviours import Line
from engagement.domain.recordings import Heard, NotHeard, StillAtWork

if TYPE_CHECKING:
    from engagement.clients.calls import HttpCalls
    from engagement.domain.recordings import Outcome, Recording

PATH = "/v1/transcriptions"
TIMEOUT_S = 60.0
LINES_MAX = 2_000
CHARS_MAX = 200_000
AT_S_MAX = 7 * 24 * 3600
ACCEPTED = 202
_CUSTOMER, _OURS = "customer", "agent"
_UNEXPECTED = NotHeard("unexpected_answer", is_permanent=True)


class Recogniser:
    """Asks a recogniser; `token` proves who asks."""

    def __init__(self, calls: HttpCalls, token: str, *, language: str = "zh-CN") -> None:
        self._calls = calls
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._language = language

    async def listen(self, recording: Recording) -> Outcome:
        """What was said, or why that is not known; the same recording may be asked for any number of times."""
        headers = {**self._headers, "idempotency-key": str(recording.contact_id)}
        document = {"recording_url": recording.url, "language": self._language}
        call = Call("POST", PATH, PATH, headers=headers, document=document)
        try:
            answer = await self._calls.ask(call)
        except NotAnswered as failure:
            return NotHeard(failure.code, failure.is_permanent, failure.retry_after_s)
        if answer.status == ACCEPTED:
            return StillAtWork(answer.retry_after_s)
        return _heard(answer.document.get("lines"))


def _heard(told: object) -> Heard | NotHeard:
    if not isinstance(told, list) or len(told) > LINES_MAX:
        return _UNEXPECTED
    lines = [line for each in told if (line := _line(each)) is not None]
    if len(lines) < len(told) or sum(len(line.text) for line in lines) > CHARS_MAX:
        return _UNEXPECTED
    return Heard(tuple(lines))


def _line(told: Any) -> Line | None:
    """One utterance; None for what is none."""
    if not isinstance(told, dict) or told.get("speaker") not in (_CUSTOMER, _OURS):
        return None
    text, at_s = told.get("text"), told.get("at_s")
    if not isinstance(text, str) or not (at_s is None or _is_moment(at_s)):
        return None
    return Line(told["speaker"] == _CUSTOMER, text, at_s)


def _is_moment(at_s: object) -> bool:
    return isinstance(at_s, int) and not isinstance(at_s, bool) and 0 <= at_s <= AT_S_MAX
