"""What can be asked of lead-intake; nothing here writes."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from servicekit.errors import Invalid, NotFound

from lead_intake.domain.leads import ItemState, LeadId
from lead_intake.store import accounts, deliveries, items
from lead_intake.store.items import KeptLead

if TYPE_CHECKING:
    from servicekit.database import Database

    from lead_intake.store.accounts import AccountTraffic
    from lead_intake.store.items import QuarantinedItem

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEWEST = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """Quarantined items, newest first, and where to go on; the token is empty at the end."""

    items: list[QuarantinedItem]
    next_page_token: str


def parsed_lead_id(text: str) -> LeadId:
    """A lead's id; raises `Invalid`."""
    try:
        return LeadId(UUID(text))
    except ValueError:
        raise Invalid("a lead id is a UUID") from None


async def list_accounts(database: Database) -> list[AccountTraffic]:
    """The accounts and their traffic."""
    async with database.raw() as raw:
        return await accounts.list_traffic(raw)


async def get_lead(database: Database, lead_id: LeadId) -> KeptLead:
    """One lead, also while its delivery waits for the mapper; raises `NotFound`."""
    async with database.raw() as raw:
        lead = await items.get(raw, lead_id)
        if lead is not None:
            return lead
        origin = await deliveries.origin_of(raw, lead_id)
    if origin is None:
        raise NotFound("no such lead")
    return KeptLead(lead_id, ItemState.AWAITING_BODY, None, None, origin[1])


async def list_quarantined(
    database: Database, *, channel: str, page_size: int, page_token: str
) -> QuarantinePage:
    """A page of quarantined items; raises `Invalid` for a token that no page gave."""
    limit = min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    before = _place(page_token) if page_token else _NEWEST
    async with database.raw() as raw:
        found = await items.quarantined(raw, channel=channel, before=before, limit=limit)
    return QuarantinePage(found, _token(found[-1]) if len(found) == limit else "")


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
