"""A stand-in for the systems that people get reminders in: takes signed webhooks and shows what came.

`POST` to any path takes a Standard Webhooks delivery of reminders. `GET /reminders?lead_id=...` lists those about a
lead, `GET /stats` counts, `GET /readyz` answers 200. Every option can also be given as an environment variable.
"""

import argparse
import asyncio
import base64
import binascii
import hmac
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import parse_qs

import uvloop
from servicekit.errors import ServiceError
from servicekit.http_host import HttpHost, Receive, Scope, Send, read_body, send_answer, send_error

BODY_BYTES_MAX = 1024 * 1024
TOLERANCE_S = 300
JSON = (b"content-type", b"application/json")


@dataclass
class Stats:
    """What the sink has seen."""

    webhooks: int = 0
    reminders: int = 0
    repeated_reminders: int = 0
    bad_signatures: int = 0
    failed_on_purpose: int = 0
    most_in_one_webhook: int = 0


@dataclass
class Inbox:
    """Every reminder once, in memory and, a JSON line each, in `log` if there is one."""

    log: TextIO | None = None
    stats: Stats = field(default_factory=Stats)
    _seen: set[str] = field(default_factory=set)
    _by_lead: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def take(self, reminders: Sequence[dict[str, Any]], *, webhook_id: str, at: datetime) -> None:
        """Keeps the reminders that are new; `at` is when they arrived."""
        self.stats.webhooks += 1
        self.stats.most_in_one_webhook = max(self.stats.most_in_one_webhook, len(reminders))
        lines = [
            self._keep({"arrived_at": at.isoformat(), "webhook_id": webhook_id, **reminder})
            for reminder in reminders
            if reminder["reminder_id"] not in self._seen
        ]
        self.stats.repeated_reminders += len(reminders) - len(lines)
        if self.log is not None and lines:
            self.log.write("".join(lines))
            self.log.flush()

    def about(self, lead_id: str) -> list[dict[str, Any]]:
        """The reminders about a lead, in order of arrival."""
        return self._by_lead.get(lead_id, [])

    def _keep(self, reminder: dict[str, Any]) -> str:
        self._seen.add(reminder["reminder_id"])
        self._by_lead.setdefault(reminder["lead_id"], []).append(reminder)
        self.stats.reminders += 1
        return json.dumps(reminder, ensure_ascii=False) + "\n"


class ReminderSink:
    """The sink as an ASGI application.

    `secrets` are those of the recipients it stands for. It answers 503 to the share `fail_rate` (0 to 1) of good
    deliveries. `clock_s` gives Unix time.
    """

    def __init__(
        self,
        inbox: Inbox,
        secrets: Sequence[bytes],
        *,
        fail_rate: float = 0.0,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self.inbox = inbox
        self._secrets = secrets
        self._fail_rate = fail_rate
        self._clock_s = clock_s
        self._random = random.Random(0)  # noqa: S311 - failures in the same places at every run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["method"] == "POST":
            await self._deliver(scope, receive, send)
            return
        match scope["path"]:
            case "/reminders":
                lead_id = parse_qs(scope["query_string"].decode("latin-1")).get("lead_id", [""])[0]
                await _send_json(send, {"reminders": self.inbox.about(lead_id)})
            case "/stats":
                await _send_json(send, vars(self.inbox.stats))
            case "/readyz" | "/livez":
                await _send_json(send, {"ready": True})
            case _:
                await send_answer(send, 404, b"")

    async def _deliver(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(receive, BODY_BYTES_MAX)
        except ServiceError as error:
            await send_error(send, error)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        await send_answer(send, self._answer(headers, body), b"")

    def _answer(self, headers: Mapping[bytes, str], body: bytes) -> int:
        """The HTTP status for one delivery, which is kept when it is good."""
        webhook_id = headers.get(b"webhook-id", "")
        timestamp = headers.get(b"webhook-timestamp", "")
        signatures = headers.get(b"webhook-signature", "")
        if not self._is_signed(f"{webhook_id}.{timestamp}.".encode() + body, signatures, timestamp):
            self.inbox.stats.bad_signatures += 1
            return 401
        if self._random.random() < self._fail_rate:
            self.inbox.stats.failed_on_purpose += 1
            return 503
        try:
            reminders = json.loads(body)["reminders"]
            at = datetime.fromtimestamp(self._clock_s(), UTC)
            self.inbox.take(reminders, webhook_id=webhook_id, at=at)
        except (ValueError, KeyError, TypeError):
            return 400
        return 204

    def _is_signed(self, signed: bytes, signatures: str, timestamp: str) -> bool:
        if not timestamp.isdecimal() or abs(self._clock_s() - int(timestamp)) > TOLERANCE_S:
            return False
        given = [entry.removeprefix("v1,") for entry in signatures.split() if entry[:3] == "v1,"]
        return any(
            hmac.compare_digest(_signature(secret, signed), entry.encode())
            for secret in self._secrets
            for entry in given
        )


def parsed_secrets(text: str) -> list[bytes]:
    """Keys from a comma-separated list of `whsec_` secrets; raises `ValueError` for one that is not base64."""
    entries = [entry.strip().removeprefix("whsec_") for entry in text.split(",") if entry.strip()]
    try:
        return [base64.b64decode(entry, validate=True) for entry in entries]
    except binascii.Error:
        raise ValueError("a secret is whsec_ and base64") from None


def main() -> None:
    """Serves until SIGTERM."""
    arguments = _parser(os.environ).parse_args()
    if not arguments.secrets:
        sys.exit("reminder_sink: no secret given (--secrets or REMINDER_SINK_SECRETS)")
    uvloop.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> None:
    told_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_end.set)
    async with AsyncExitStack() as stack:
        log = (
            stack.enter_context(arguments.log.open("a", encoding="utf-8"))
            if arguments.log
            else None
        )
        sink = ReminderSink(Inbox(log), arguments.secrets, fail_rate=arguments.fail_rate)
        host = HttpHost(arguments.host, arguments.port, sink)
        stack.push_async_callback(host.stop)
        await host.start()
        await told_to_end.wait()


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m leadctl.fakes.reminder_sink")
    parser.add_argument("--host", default=environment.get("BIND_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=environment.get("HTTP_PORT", "8090"))
    parser.add_argument("--log", type=Path, default=environment.get("REMINDER_SINK_LOG"))
    parser.add_argument(
        "--fail-rate", type=float, default=environment.get("REMINDER_SINK_FAIL_RATE", "0")
    )
    parser.add_argument(
        "--secrets", type=parsed_secrets, default=environment.get("REMINDER_SINK_SECRETS", "")
    )
    return parser


def _signature(secret: bytes, signed: bytes) -> bytes:
    return base64.b64encode(hmac.digest(secret, signed, "sha256"))


async def _send_json(send: Send, answer: Mapping[str, Any]) -> None:
    await send_answer(send, 200, json.dumps(answer, ensure_ascii=False).encode(), [JSON])


if __name__ == "__main__":
    main()
