"""The sender behaves as a channel does: right signatures, kept pace, another try after a 5xx."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from leadctl.demo.deliveries import FACEBOOK_LEADGEN, WEBSITE_FORM, Delivery, Kind, plan
from leadctl.demo.sender import Door, Receipt, send
from servicekit.http_host import HttpHost, Receive, Scope, Send, read_body, send_answer

KEY = b"0123456789abcdef0123456789abcdef"
AT = datetime(2026, 1, 25, tzinfo=UTC)


class Channel:
    """A door that checks signatures; it refuses the first `refusals` requests with 503."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.refusals = refusals
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        body = await read_body(receive, 65536)
        if self.refusals:
            self.refusals -= 1
            await send_answer(send, 503, b"")
        elif not self._is_signed(dict(scope["headers"]), body):
            await send_answer(send, 401, b"")
        else:
            self.bodies.append(body)
            await send_answer(send, 202, json.dumps({"id": f"lead-{len(self.bodies)}"}).encode())

    def _is_signed(self, headers: dict[bytes, bytes], body: bytes) -> bool:
        if b"x-hub-signature-256" in headers:
            wanted = b"sha256=" + hmac.new(KEY, body, "sha256").hexdigest().encode()
            return headers[b"x-hub-signature-256"] == wanted
        signed = b".".join((headers[b"webhook-id"], headers[b"webhook-timestamp"], body))
        wanted = b"v1," + base64.b64encode(hmac.new(KEY, signed, "sha256").digest())
        is_fresh = abs(time.time() - int(headers[b"webhook-timestamp"])) < 60
        return is_fresh and headers[b"webhook-signature"] == wanted


async def test_good_deliveries_are_taken_and_badly_signed_ones_are_not() -> None:
    planned = plan(60, seed=2, at=AT)
    channel = Channel()

    receipts = await _sent(channel, planned.deliveries)

    bad = [r.place for r in receipts if r.status == 401]
    assert [receipt.place for receipt in receipts] == list(range(60))
    assert [planned.deliveries[place].kind for place in bad] == [Kind.BAD_SIGNATURE]
    assert sum(receipt.is_accepted for receipt in receipts) == 59 == len(channel.bodies)


async def test_a_refusal_for_a_while_is_tried_again() -> None:
    channel = Channel(refusals=2)

    [receipt] = await _sent(channel, [_form()])

    assert (receipt.status, receipt.item_id) == (202, "lead-1")
    assert channel.bodies == [b"{}"]


async def test_the_pace_is_kept() -> None:
    started_s = time.monotonic()

    receipts = await _sent(Channel(), [_form()] * 30, rate_per_s=100)

    assert len(receipts) == 30
    assert time.monotonic() - started_s >= 29 / 100


async def test_each_receipt_is_told_as_it_arrives() -> None:
    told: list[Receipt] = []

    receipts = await _sent(Channel(), [_form()] * 5, told=told)

    assert sorted(told, key=lambda receipt: receipt.place) == receipts


async def _sent(channel, deliveries, *, rate_per_s=5000.0, told=None) -> list[Receipt]:
    async with _host(channel) as url, asyncio.timeout(30):
        doors = {name: Door(url, KEY) for name in (WEBSITE_FORM, FACEBOOK_LEADGEN)}
        return await send(
            deliveries,
            doors,
            rate_per_s=rate_per_s,
            connections=4,
            arrived=(told if told is not None else []).append,
        )


@asynccontextmanager
async def _host(channel: Channel) -> Iterator[str]:
    host = HttpHost("127.0.0.1", 0, channel)
    await host.start()
    try:
        yield f"http://127.0.0.1:{host.port}/in"
    finally:
        await host.stop()


def _form() -> Delivery:
    return Delivery(WEBSITE_FORM, Kind.NEW, b"{}", "msg_1")
