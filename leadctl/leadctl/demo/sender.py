"""Delivers a plan over HTTP as the channels do: signed, on kept-alive connections, at a pace, trying again on 5xx."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from leadctl.demo.deliveries import WEBSITE_FORM, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from leadctl.demo.deliveries import Delivery

REQUEST_TIMEOUT_S = 10.0
TRIES_MAX = 12
FIRST_DELAY_S = 0.1
DELAY_MAX_S = 6.4
"""Together 38 s: whoever answers again within half a minute has lost nothing. Channels try for hours."""

NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Door:
    """Where a channel's account posts, and the key with which it signs."""

    url: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the delivery at `place` in the plan.

    `status` is `NO_ANSWER` when nobody answered. `item_id` is the id in the answer, empty where the channel answers
    without one. `answered_at_s` is Unix time.
    """

    place: int
    status: int
    item_id: str
    answered_at_s: float

    @property
    def is_accepted(self) -> bool:
        """Whether the delivery was taken."""
        return 200 <= self.status < 300


async def send(
    deliveries: Sequence[Delivery],
    doors: Mapping[str, Door],
    *,
    rate_per_s: float,
    connections: int,
    arrived: Callable[[Receipt], None],
) -> list[Receipt]:
    """Deliver everything, at most `rate_per_s` begun in a second; the receipts in the order of the plan.

    `arrived` gets each receipt as it comes.
    """
    receipts: list[Receipt] = []
    timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
    connector = aiohttp.TCPConnector(limit=connections)
    pace = _Pace(len(deliveries), rate_per_s)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def work() -> None:
            while (place := await pace.next()) is not None:
                delivery = deliveries[place]
                receipt = await _deliver(session, doors[delivery.channel], delivery, place)
                receipts.append(receipt)
                arrived(receipt)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(connections):
                tasks.create_task(work())
    return sorted(receipts, key=lambda receipt: receipt.place)


def signed_headers(delivery: Delivery, key: bytes, *, now_s: float) -> dict[str, str]:
    """The headers with which a channel signs a delivery at a time; wrong ones for `Kind.BAD_SIGNATURE`."""
    key = b"not the key of the account" if delivery.kind is Kind.BAD_SIGNATURE else key
    if delivery.channel == WEBSITE_FORM:
        return _standard_webhooks(delivery, key, int(now_s))
    signature = hmac.digest(key, delivery.body, "sha256").hex()
    return {"content-type": "application/json", "x-hub-signature-256": f"sha256={signature}"}


def _standard_webhooks(delivery: Delivery, key: bytes, timestamp_s: int) -> dict[str, str]:
    signed = b"%b.%d.%b" % (delivery.webhook_id.encode(), timestamp_s, delivery.body)
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "content-type": "application/json",
        "webhook-id": delivery.webhook_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{signature}",
    }


class _Pace:
    """Hands out the places of a plan in order, each when it is due."""

    def __init__(self, count: int, rate_per_s: float) -> None:
        self._places = iter(range(count))
        self._interval_s = 1 / rate_per_s
        self._start_s = time.monotonic()

    async def next(self) -> int | None:
        """The next place once it is due; None at the end."""
        place = next(self._places, None)
        if place is not None:
            due_in_s = self._start_s + place * self._interval_s - time.monotonic()
            if due_in_s > 0:
                await asyncio.sleep(due_in_s)
        return place


async def _deliver(
    session: aiohttp.ClientSession, door: Door, delivery: Delivery, place: int
) -> Receipt:
    """Post until the answer is final: a channel tries again when there is none, or a 5xx or 429."""
    status, item_id = NO_ANSWER, ""
    for attempt in range(TRIES_MAX):
        if attempt:
            await asyncio.sleep(min(DELAY_MAX_S, FIRST_DELAY_S * 2 ** (attempt - 1)))
        status, item_id = await _post(session, door, delivery)
        if status not in (NO_ANSWER, 429) and status < 500:
            break
    return Receipt(place, status, item_id, time.time())


async def _post(session: aiohttp.ClientSession, door: Door, delivery: Delivery) -> tuple[int, str]:
    headers = signed_headers(delivery, door.key, now_s=time.time())
    try:
        async with session.post(door.url, data=delivery.body, headers=headers) as response:
            answer = await response.read()
            return response.status, _id_in(answer)
    except (aiohttp.ClientError, TimeoutError):
        return NO_ANSWER, ""


def _id_in(answer: bytes) -> str:
    try:
        found = json.loads(answer)["id"]
    except (ValueError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) else ""
