"""Senders with the vendors' habits, against our door: what is acked is kept, what is not is sent again or given up."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from leadctl.fakes.vendor_sender import HABITS, VendorSender
from servicekit.http_host import HttpHost, send_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SCALE = 1e-7


class Receiver:
    """Answers 503 so often, then with a body."""

    def __init__(self, refusals: int, body: bytes) -> None:
        self.refusals = refusals
        self.body = body
        self.asked = 0

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        """Answers one delivery."""
        self.asked += 1
        refused = self.asked <= self.refusals
        await send_answer(send, 503 if refused else 200, b"" if refused else self.body)


@asynccontextmanager
async def sender_to(receiver: Receiver, channel: str) -> AsyncIterator[VendorSender]:
    host = HttpHost("127.0.0.1", 0, receiver)
    await host.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{host.port}") as http:
            yield VendorSender(http, HABITS[channel], time_scale=SCALE)
    finally:
        await host.stop()


@pytest.mark.parametrize(
    ("channel", "total_s"),
    [
        ("website_form", 75 * 3600 + 35 * 60 + 5),
        ("wechat_pay", 24 * 3600 + 4 * 60),
        ("feishu_bitable", 7 * 3600 + 5 * 60 + 15),
        ("aliyun_sms", 16 * 60),
        ("facebook_leadgen", 36 * 3600),
    ],
)
def test_a_schedule_is_as_long_as_the_vendor_says(channel: str, total_s: float) -> None:
    assert sum(HABITS[channel].retries_s) == pytest.approx(total_s, rel=0.03)


async def test_a_vendor_sends_again_until_it_is_acked() -> None:
    receiver = Receiver(3, b"success")
    async with sender_to(receiver, "alipay") as sender:
        outcome = await sender.deliver("d1", "/in", b"{}", {})

    assert (outcome.is_acked, outcome.attempt_count) == (True, 4)
    assert sender.given_up == []


@pytest.mark.parametrize(
    ("channel", "wrong"),
    [
        ("alipay", b"SUCCESS"),
        ("baidu_jimuyu", b'{"ok":true}'),
        ("ocean_engine_feiyu", b'{"code":0}'),
        ("dingtalk_event", b"success"),
        ("aliyun_sms", b"{}"),
    ],
)
async def test_a_vendor_takes_only_its_own_ack_and_says_what_was_never_acked(
    channel: str, wrong: bytes
) -> None:
    receiver = Receiver(0, wrong)
    async with sender_to(receiver, channel) as sender:
        outcome = await sender.deliver("d1", "/in", b"{}", {})

    assert not outcome.is_acked
    assert sender.given_up == ["d1"]
    assert receiver.asked == outcome.attempt_count == 1 + len(HABITS[channel].retries_s)


async def test_our_door_acks_a_form_that_its_sender_repeats(intake: Any, samples: Any) -> None:
    raw = json.dumps(samples.form()).encode()
    sender = VendorSender(intake.http, HABITS["website_form"], time_scale=SCALE)
    headers = samples.sign_form(raw)

    first = await sender.deliver("d1", intake.paths["website_form"], raw, headers)
    again = await sender.deliver("d1", intake.paths["website_form"], raw, headers)

    assert first == again
    assert first.is_acked
    await intake.settled(1)
