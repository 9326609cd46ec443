"""Where reminders go: written sealed, and held open in memory for the sender."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from servicekit.sealing import SealingError

from notification import store
from notification.domain import RECIPIENTS_MAX, Recipient, TooManyRecipients

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from servicekit.database import Database, UnitOfWork
    from servicekit.sealing import KeyRing

log = structlog.get_logger()

OVERLAP = timedelta(seconds=10)
"""How far back each refresh looks again: a transaction may commit that long after it stamped its rows."""


async def put_recipients(uow: UnitOfWork, recipients: Sequence[Recipient], *, keys: KeyRing) -> int:
    """Creates or changes recipients; returns how many were new, different or disabled before.

    Raises `TooManyRecipients` for more than 10,000.
    """
    if len(recipients) > RECIPIENTS_MAX:
        raise TooManyRecipients(f"at most {RECIPIENTS_MAX} recipients at a time")
    wanted = {recipient.recipient_id: recipient for recipient in recipients}
    known = await store.enabled_recipients(uow.raw, list(wanted))
    changed = [
        r for r in wanted.values() if _opened(r.recipient_id, known.get(r.recipient_id), keys) != r
    ]
    if changed:
        rows = [(r.recipient_id, r.webhook_url, _seal(r, keys)) for r in changed]
        await store.put_recipients(uow.raw, rows)
    return len(changed)


class RecipientBook:
    """Every enabled recipient in memory, as of the last `refresh`."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys
        self._recipients: dict[str, Recipient] = {}
        self._seen_until: datetime | None = None

    def get(self, recipient_id: str) -> Recipient | None:
        """Where this person's reminders go; None when nowhere."""
        return self._recipients.get(recipient_id)

    async def refresh(self) -> bool:
        """Takes over what changed in the database; false, so that a worker rests after it."""
        since = self._seen_until - OVERLAP if self._seen_until else None
        async with self._database.raw() as raw:
            rows = await store.recipients_changed_after(raw, since)
        for row in rows:
            self._take(row["recipient_id"], row)
            self._seen_until = max(self._seen_until or row["changed_at"], row["changed_at"])
        return False

    def _take(self, recipient_id: str, row: Any) -> None:
        kept = None if row["disabled_at"] else (row["webhook_url"], row["sealed_secret"])
        found = _opened(recipient_id, kept, self._keys)
        if found is None:
            self._recipients.pop(recipient_id, None)
        else:
            self._recipients[recipient_id] = found


def _seal(recipient: Recipient, keys: KeyRing) -> bytes:
    return keys.seal(recipient.secret, _context(recipient.recipient_id))


def _opened(recipient_id: str, kept: tuple[str, bytes] | None, keys: KeyRing) -> Recipient | None:
    """The recipient from address and sealed secret; None when not kept, or sealed with a key that is gone."""
    if kept is None:
        return None
    url, sealed = kept
    try:
        secret = keys.open(sealed, _context(recipient_id))
    except SealingError as error:
        log.warning("recipient_not_opened", recipient_id=recipient_id, error=type(error).__name__)
        return None
    return Recipient(recipient_id, url, secret)


def _context(recipient_id: str) -> bytes:
    return b"recipients/secret/" + recipient_id.encode()
