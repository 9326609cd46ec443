"""What a person's devices have missed; nothing here writes."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from servicekit.errors import Invalid

from lead_intake.commands.sync import context_of
from lead_intake.domain.sync import WINDOW, Record, RecordKey
from lead_intake.store import sync as store
from lead_intake.wire import sync as wire

if TYPE_CHECKING:
    from servicekit.database import Database

    from lead_intake.seals import Seals

PAGE_SIZE = 100
PAGE_SIZE_MAX = 500
_CURSOR_BYTES = 16
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Cursor(NamedTuple):
    """Up to where a device has pulled, and when."""

    position: int
    pulled_at: datetime

    def text(self) -> str:
        """The cursor as a device keeps it."""
        packed = self.position.to_bytes(8) + int(self.pulled_at.timestamp()).to_bytes(8)
        return base64.urlsafe_b64encode(packed).decode()


class PulledRecord(NamedTuple):
    """One record, opened."""

    key: RecordKey
    record: Record
    version: int
    modified_at: datetime


class Page(NamedTuple):
    """What has changed, and where to go on. Where the cursor was too old, nothing, and the device begins anew."""

    records: list[PulledRecord]
    cursor: Cursor
    has_more: bool = False
    must_restart: bool = False


def parsed_cursor(text: str) -> Cursor | None:
    """A cursor that a page gave, None for an empty one; raises `Invalid`."""
    if not text:
        return None
    try:
        packed = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        if len(packed) != _CURSOR_BYTES:
            raise Invalid("the cursor is not one of ours")
        pulled_at = datetime.fromtimestamp(int.from_bytes(packed[8:]), UTC)
        position = int.from_bytes(packed[:8], signed=True)
    except (binascii.Error, ValueError, OverflowError, OSError):
        raise Invalid("the cursor is not one of ours") from None
    return Cursor(position, pulled_at)


async def pull(
    database: Database, owner_id: str, *, cursor: Cursor | None, page_size: int, seals: Seals
) -> Page:
    """A page of what has changed of a person's records since the cursor, of the last 30 days."""
    limit = min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    now = datetime.now(UTC)
    if cursor is not None and cursor.pulled_at < now - WINDOW:
        return Page([], Cursor(0, _BEGINNING), must_restart=True)
    position = cursor.position if cursor else 0
    async with database.raw() as raw:
        rows = await store.changed_after(
            raw, owner_id, position=position, since=now - WINDOW, limit=limit + 1
        )
    page = rows[:limit]
    records = [
        PulledRecord(
            row.key,
            wire.record(
                seals.ring.open(row.sealed_fields, context_of(owner_id, row.key)),
                version=row.version,
            ),
            row.version,
            row.modified_at,
        )
        for row in page
    ]
    end = page[-1].position if page else position
    return Page(records, Cursor(end, now), has_more=len(rows) > limit)
