"""Recording: the one way in which permissions' state changes.

`begin` locks the end of the audit log before anything is read that will be changed, so that writers follow one another
and whatever they decide is decided on the newest state. `Log.append` numbers what happened; `Log.finish` writes it
and announces the changes to every replica.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accesskit import wire as changes_wire
from accesskit.tokens import Token
from leadchain.permissions.v1.events_pb2 import FactsChanged
from servicekit.errors import TooLarge

from permissions.domain.audit import (
    SALT_BYTES,
    AuditHead,
    PersonalValue,
    SealedValue,
    entry_after,
    head_after,
    sealing_context,
    touches,
)
from permissions.store import audit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accesskit.changes import Change
    from servicekit.database import UnitOfWork
    from servicekit.sealing import KeyRing

    from permissions.domain.audit import AuditEntry, Event, Touch

ANNOUNCED_CHANGES_MAX = 2000
"""Changes in one announcement, which must stay below 1 MB; replicas ask for more of them."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where the log ends after a write: its last entry, its revision, and the token that stands for that state."""

    seq: int
    revision: int
    token: str


class Log:
    """The end of the audit log, held by one transaction."""

    def __init__(self, uow: UnitOfWork, head: AuditHead, field_keys: KeyRing | None = None) -> None:
        self._uow = uow
        self._field_keys = field_keys
        self._head = head
        self._last: AuditHead | AuditEntry = head
        self._entries: list[AuditEntry] = []
        self._touches: list[Touch] = []
        self._personal: list[SealedValue] = []
        self._changes: list[Change] = []
        self._revision_before = head.revision

    @property
    def now_s(self) -> float:
        """The time of everything in this transaction, Unix seconds."""
        return self._uow.now.timestamp()

    @property
    def log_id(self) -> str:
        """Which log it is."""
        return self._head.log_id

    @property
    def next_seq(self) -> int:
        """The number that the next appended entry will have; a change states it in its `seq`."""
        return self._last.seq + 1

    def append(self, event: Event) -> int:
        """Adds an entry; returns its number. Raises ValueError for personal values without keys that seal them."""
        personal = _salted(event, self.next_seq)
        sealed = [self._sealed(value) for value in personal]
        entry = entry_after(self._last, event, recorded_at=self._uow.now, personal=personal)
        self._last = entry
        self._entries.append(entry)
        self._touches.extend(touches(event, entry.seq))
        self._personal.extend(sealed)
        self._changes.extend(event.changes)
        return entry.seq

    async def finish(self) -> Recorded:
        """Writes the entries and the log's new end, and has the changes announced when the transaction commits."""
        if self._entries:
            self._head, completed = head_after(self._head, self._entries)
            await audit.append(
                self._uow.raw,
                self._entries,
                self._head,
                completed=completed,
                touches=self._touches,
                personal=self._personal,
            )
        if self._changes:
            self._announce()
        token = Token(self._head.log_id, self._head.revision)
        return Recorded(self._head.seq, self._head.revision, str(token))

    def _sealed(self, value: PersonalValue) -> SealedValue:
        if self._field_keys is None:
            raise ValueError("personal values are recorded with keys that seal them")
        context = sealing_context(value.seq, value.field)
        sealed = self._field_keys.seal(value.value.encode(), context)
        return SealedValue(value.seq, value.field, value.about, value.salt, sealed)

    def _announce(self) -> None:
        """Announces the changes; where they do not fit, only that there are some, which leaves a gap to be filled."""
        try:
            told = self._changes if len(self._changes) <= ANNOUNCED_CHANGES_MAX else []
            self._tell(told)
        except TooLarge:
            self._tell([])

    def _tell(self, changes: Sequence[Change]) -> None:
        event = FactsChanged(
            log_id=self._head.log_id,
            previous_revision=self._revision_before if changes else self._head.revision,
            revision=self._head.revision,
            changes=[changes_wire.change_to_pb(change) for change in changes],
        )
        self._uow.announce(event, key="permissions")


async def begin(uow: UnitOfWork, *, field_keys: KeyRing | None = None) -> Log:
    """Locks the end of the log; nobody else changes permissions' state until this transaction ends.

    `field_keys` seal the personal values of what will be recorded.
    """
    return Log(uow, await audit.lock_head(uow.raw), field_keys)


def _salted(event: Event, seq: int) -> list[PersonalValue]:
    about = event.about or event.actor
    return [
        PersonalValue(seq, name, about, secrets.token_bytes(SALT_BYTES), value)
        for name, value in event.personal.items()
    ]
