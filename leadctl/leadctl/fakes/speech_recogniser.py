"""A stand-in for a recogniser of speech: it knows what was said in recordings, and takes its time."""

import asyncio
import json
from dataclasses import dataclass, field

from servicekit.http_host import Receive, Scope, Send, read_body, send_answer

PATH = "/v1/transcriptions"
BODY_BYTES_MAX = 64 * 1024
JSON = (b"content-type", b"application/json")
AT_WORK, UNKNOWN, UNAUTHORIZED = 202, 422, 401


@dataclass
class FakeSpeechRecogniser:
    """The recogniser as an ASGI application.

    `said` is what was said by the recording's address: speakers and words. `statuses` are those of the next answers,
    `retry_after_s` what refusals ask for. Every answer waits `delay_s`. `asked` are keys and addresses, in order.
    """

    token: str = "speech-token"  # noqa: S105 - of a stand-in
    delay_s: float = 0.0
    retry_after_s: int = 0
    statuses: list[int] = field(default_factory=list)
    said: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one question."""
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        question = json.loads(await read_body(receive, BODY_BYTES_MAX))
        url = question["recording_url"]
        self.asked.append((headers["idempotency-key"], url))
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        status = self._status(headers, url)
        lines = [
            {"speaker": speaker, "text": text, "at_s": 2 * number}
            for number, (speaker, text) in enumerate(self.said.get(url, []))
        ]
        body = json.dumps({"lines": lines} if status == 200 else {}).encode()
        retry_after = (b"retry-after", str(self.retry_after_s).encode())
        await send_answer(
            send, status, body, [JSON, *([retry_after] if self.retry_after_s else [])]
        )

    def _status(self, headers: dict[str, str], url: str) -> int:
        if headers.get("authorization") != f"Bearer {self.token}":
            return UNAUTHORIZED
        if self.statuses:
            return self.statuses.pop(0)
        return 200 if url in self.said else UNKNOWN
