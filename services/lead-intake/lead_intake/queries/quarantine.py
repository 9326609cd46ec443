"""What is in quarantine, and what one item there looks like, masked."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from servicekit.errors import Invalid, NotFound

from lead_intake.channels.decoding import Undecodable, decoded
from lead_intake.commands.opening import Unopened, opened
from lead_intake.domain.leads import QuarantineReason
from lead_intake.domain.masked_values import masked_document
from lead_intake.domain.quarantine import Suggestion, suggestions
from lead_intake.domain.shapes import Learnt, differences, shape_of
from lead_intake.store import mappings, shapes
from lead_intake.store import quarantine as store

if TYPE_CHECKING:
    import asyncpg
    from servicekit.database import Database

    from lead_intake.commands.keeping import Desk
    from lead_intake.domain.leads import LeadId
    from lead_intake.store.quarantine import QuarantinedItem, Wanted

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000
BODY_CHARS_MAX = 32_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEWEST = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))
_NO_DOCUMENT = object()

Difference = tuple[str, tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """Quarantined items, newest first, and where to go on; the token is empty at the end."""

    items: list[QuarantinedItem]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class QuarantineView:
    """One quarantined item, fit to be shown: nothing in it is a value."""

    item: QuarantinedItem
    masked_body: str
    differences: list[Difference]
    suggestions: list[Suggestion]
    current_version: int


async def list_quarantined(
    database: Database, wanted: Wanted, *, page_size: int, page_token: str
) -> QuarantinePage:
    """A page of quarantined items; raises `Invalid` for a token that no page gave."""
    limit = min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    before = _place(page_token) if page_token else _NEWEST
    async with database.raw() as raw:
        found = await store.page(raw, wanted, before=before, limit=limit)
    return QuarantinePage(found, _token(found[-1]) if len(found) == limit else "")


async def get_quarantined(database: Database, desk: Desk, lead_id: LeadId) -> QuarantineView:
    """One quarantined item; raises `NotFound`."""
    async with database.raw() as raw:
        item = await store.get(raw, lead_id)
        if item is None:
            raise NotFound("no such item is in quarantine")
        learnt = await shapes.learnt_of(raw, item.account_id)
        document = await _document(raw, desk, item)
    account = desk.accounts.with_id(item.account_id)
    current = account.channel.version if account is not None else 0
    if document is _NO_DOCUMENT:
        return QuarantineView(item, "", [], [], current)
    usual = Learnt() if learnt is None else msgspec.msgpack.decode(learnt, type=Learnt)
    return QuarantineView(
        item,
        json.dumps(masked_document(document), ensure_ascii=False, indent=1)[:BODY_CHARS_MAX],
        differences(usual, shape_of(document)),
        suggestions(QuarantineReason(item.reason), item.detail, document),
        current,
    )


async def _document(raw: asyncpg.Connection, desk: Desk, item: QuarantinedItem) -> Any:
    """The delivery's decoded body; `_NO_DOCUMENT` when it is not kept or of another form."""
    account = desk.accounts.with_id(item.account_id)
    delivery = (await mappings.bodies(raw, [item.delivery_id])).get(item.delivery_id)
    if account is None or delivery is None:
        return _NO_DOCUMENT
    try:
        envelope = opened(delivery, desk.seals)
        return decoded(account.channel.reading.body, envelope.body)
    except (Unopened, Undecodable):
        return _NO_DOCUMENT


def _token(last: QuarantinedItem) -> str:
    micros = (last.received_at - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(micros.to_bytes(8, "big") + last.lead_id.bytes).decode()


def _place(token: str) -> tuple[datetime, UUID]:
    try:
        place = base64.urlsafe_b64decode(token.encode("ascii"))
        moment = _EPOCH + _MICROSECOND * int.from_bytes(place[:8], "big")
        return moment, UUID(bytes=place[8:])
    except (binascii.Error, ValueError, OverflowError):
        raise Invalid("the page token is not one of ours") from None
