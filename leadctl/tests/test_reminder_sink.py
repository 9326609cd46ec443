"""The reminder sink takes what notification sends, and shows it."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import aiohttp
import pytest
from leadctl.fakes.reminder_sink import Inbox, ReminderSink, parsed_secrets
from notification.senders.webhook import signature
from servicekit.events import new_id
from servicekit.http_host import HttpHost

SECRET = b"k" * 32
LEAD = "0197b3a0-0000-7000-8000-000000000001"


async def posted(
    url: str, content: bytes, *, key: bytes = SECRET, webhook_id: str = "", late_s: float = 0
) -> int:
    """The status that a webhook is answered with, signed as notification signs."""
    webhook_id, at = webhook_id or new_id(), int(time.time() + late_s)
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(key, webhook_id, at, content),
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=content, headers=headers) as response,
    ):
        return response.status


@asynccontextmanager
async def serving(sink: ReminderSink) -> AsyncIterator[str]:
    host = HttpHost("127.0.0.1", 0, sink)
    await host.start()
    try:
        yield f"http://127.0.0.1:{host.port}"
    finally:
        await host.stop()


def body(*reminder_ids: str) -> bytes:
    reminders = [
        {"reminder_id": each, "lead_id": LEAD, "text_zh": "新线索"} for each in reminder_ids
    ]
    return json.dumps({"type": "reminders", "reminders": reminders}).encode()


async def test_a_signed_webhook_is_taken_logged_and_shown(tmp_path: Path) -> None:
    log = tmp_path / "reminders.jsonl"
    with log.open("a", encoding="utf-8") as file:
        sink = ReminderSink(Inbox(file), [b"x" * 32, SECRET])
        async with serving(sink) as url, aiohttp.ClientSession() as session:
            status = await posted(f"{url}/rep-01", body("a", "b"))
            async with session.get(f"{url}/reminders", params={"lead_id": LEAD}) as response:
                shown = await response.json()
            async with session.get(f"{url}/stats") as response:
                stats = await response.json()

    assert status < 300
    assert [reminder["reminder_id"] for reminder in shown["reminders"]] == ["a", "b"]
    assert (stats["webhooks"], stats["reminders"], stats["most_in_one_webhook"]) == (1, 2, 2)
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [line["reminder_id"] for line in lines] == ["a", "b"]
    assert all(datetime.fromisoformat(line["arrived_at"]).tzinfo for line in lines)


async def test_a_repeated_reminder_is_kept_once() -> None:
    sink = ReminderSink(Inbox(), [SECRET])
    async with serving(sink) as url:
        webhook_id = new_id()
        await posted(url, body("a"), webhook_id=webhook_id)
        await posted(url, body("a", "b"), webhook_id=webhook_id)

    assert (sink.inbox.stats.reminders, sink.inbox.stats.repeated_reminders) == (2, 1)


@pytest.mark.parametrize("late_s", [-600, 600])
async def test_a_webhook_with_a_stale_or_future_time_is_refused(late_s: float) -> None:
    sink = ReminderSink(Inbox(), [SECRET])
    async with serving(sink) as url:
        assert await posted(url, body("a"), late_s=late_s) == 401


async def test_a_webhook_signed_with_another_secret_is_refused() -> None:
    sink = ReminderSink(Inbox(), [SECRET])
    async with serving(sink) as url:
        assert await posted(url, body("a"), key=b"z" * 32) == 401

    assert sink.inbox.stats.bad_signatures == 1
    assert sink.inbox.stats.reminders == 0


async def test_the_sink_fails_as_often_as_it_is_told_to() -> None:
    sink = ReminderSink(Inbox(), [SECRET], fail_rate=1.0)
    async with serving(sink) as url:
        assert await posted(url, body("a")) == 503


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"reminders":[{}]}', b'{"reminders":5}', b"\xff"]
)
async def test_a_signed_webhook_that_holds_no_reminders_is_a_bad_request(content: bytes) -> None:
    sink = ReminderSink(Inbox(), [SECRET])
    async with serving(sink) as url:
        assert await posted(url, content) == 400


def test_secrets_are_read_with_and_without_their_prefix() -> None:
    assert parsed_secrets("whsec_a2tr, a2tr,") == [b"kkk", b"kkk"]
    with pytest.raises(ValueError, match="base64"):
        parsed_secrets("whsec_%")
