"""The audit log read as it is written: page by page, and link by link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from permissions.domain.audit import GENESIS_HASH, AuditHead, first_misfit
from permissions.store import audit

if TYPE_CHECKING:
    from servicekit.database import Database

    from permissions.domain.audit import AuditEntry

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000
VERIFIED_PAGE_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the audit log is whole: entries that fit, and the number of the first that does not (0 when all do)."""

    entry_count: int
    first_bad_seq: int


async def list_audit_entries(
    database: Database, *, after_seq: int, page_size: int
) -> list[AuditEntry]:
    """A page of the audit log, oldest first: 100 entries when `page_size` is 0, 1,000 at most."""
    limit = min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    async with database.raw() as raw:
        return await audit.entries_after(raw, after_seq, limit=limit)


async def verify_audit(database: Database) -> Verdict:
    """Recomputes every hash up to where the log ended at the call; entries appended meanwhile are not read."""
    async with database.raw() as raw:
        end = await audit.head(raw)
        reached, misfit = AuditHead(0, GENESIS_HASH), None
        while misfit is None and reached.seq < end.seq:
            limit = min(VERIFIED_PAGE_SIZE, end.seq - reached.seq)
            page = await audit.entries_after(raw, reached.seq, limit=limit)
            reached, misfit = first_misfit(reached, page)
            if not page:
                misfit = reached.seq + 1
    return Verdict(reached.seq, misfit or _end_misfit(reached, end))


def _end_misfit(reached: AuditHead, end: AuditHead) -> int:
    """The last entry's number when it is not the one that was appended last, else 0."""
    return 0 if reached.hash == end.hash else end.seq
