"""What can be asked about the audit log: its checkpoints, proofs, and what it says about a resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from servicekit.errors import Invalid, NotFound

from permissions.domain import merkle
from permissions.domain.merkle import Range
from permissions.store import audit, checkpoints, loading

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    import asyncpg
    from accesskit.changes import Change
    from servicekit.database import Database

    from permissions.domain.audit import AuditEntry, AuditHead
    from permissions.domain.checkpoints import Checkpoint, SigningKey

    Dumped: TypeAlias = AuditHead | Checkpoint | tuple[Change, ...] | list[AuditEntry]

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000
DUMPED_BLOCK = 1024
"""Entries, or parts of the state, that are dumped together; a whole number of the tree's tiles."""

BEYOND = 2**63 - 1


class NotThatLong(NotFound):
    """The log has fewer entries than are asked about."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the audit log has no {size} entries")


class NoCheckpoint(NotFound):
    """There is no checkpoint of this size, or none yet."""

    def __init__(self) -> None:
        super().__init__("no such checkpoint")


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The proof that an entry is in the log."""

    leaf_hash: bytes
    path: list[bytes]
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Consistency:
    """The proof that a log grew out of an earlier one."""

    path: list[bytes]
    old_root: bytes
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the entries about a resource, and whether nothing older is left."""

    entries: list[AuditEntry]
    is_complete: bool


async def get_checkpoint(
    database: Database, size: int
) -> tuple[str, Checkpoint, SigningKey | None]:
    """The log's id, its checkpoint of a size (0 is the latest) and the key in force; raises `NoCheckpoint`."""
    async with database.raw() as raw:
        end = await audit.head(raw)
        found = await checkpoints.get(raw, size)
        key = await checkpoints.key_in_force(raw, BEYOND)
    if found is None:
        raise NoCheckpoint
    return end.log_id, found, key


async def list_checkpoints(
    database: Database, *, after_size: int, page_size: int
) -> tuple[list[Checkpoint], bool]:
    """A page of checkpoints, and whether it is the last. Raises `Invalid`."""
    limit = _limit(page_size)
    async with database.raw() as raw:
        found = await checkpoints.after(raw, after_size, limit=limit + 1)
    return found[:limit], len(found) <= limit


async def prove_inclusion(database: Database, seq: int, size: int) -> Inclusion:
    """The proof for an entry in the log of `size` entries, all when 0; raises `Invalid` or `NotThatLong`."""
    async with database.raw() as raw:
        size = await _checked_size(raw, size)
        if not 0 < seq <= size:
            raise NotThatLong(seq)
        leaf = Range(seq - 1, seq)
        path = merkle.inclusion_path(seq - 1, size)
        roots = await _roots(raw, [leaf, Range(0, size), *path])
    return Inclusion(roots[0], roots[2:], size, roots[1])


async def prove_consistency(database: Database, old_size: int, size: int) -> Consistency:
    """The proof between two sizes, all entries when `size` is 0; raises `Invalid` or `NotThatLong`."""
    async with database.raw() as raw:
        size = await _checked_size(raw, size)
        if old_size > size:
            raise NotThatLong(old_size)
        if old_size <= 0:
            raise Invalid("old_size has to be at least 1")
        path = merkle.consistency_path(old_size, size)
        roots = await _roots(raw, [Range(0, old_size), Range(0, size), *path])
    return Consistency(roots[2:], roots[0], size, roots[1])


async def who_changed(
    database: Database, resource: str, field: str, *, before_seq: int, page_size: int
) -> Page:
    """The entries about a resource, or one of its fields or relations, newest first. Raises `Invalid`."""
    limit = _limit(page_size)
    async with database.raw() as raw:
        entries = await audit.entries_about(
            raw, resource, field, before_seq=before_seq or BEYOND, limit=limit + 1
        )
    return Page(entries[:limit], len(entries) <= limit)


async def dump(database: Database) -> AsyncGenerator[Dumped]:
    """The log's end, its checkpoints, the state, and all entries: as of one moment, in this order."""
    async with database.raw() as raw, raw.transaction(isolation="repeatable_read", readonly=True):
        yield await audit.head(raw)
        size = 0
        while page := await checkpoints.after(raw, size, limit=PAGE_SIZE_MAX):
            size = page[-1].size
            for checkpoint in page:
                yield checkpoint
        state = await loading.every_change(raw)
        for start in range(0, len(state), DUMPED_BLOCK):
            yield tuple(state[start : start + DUMPED_BLOCK])
        async for entries in audit.every_entry(raw, batch_size=DUMPED_BLOCK):
            yield entries


async def _checked_size(raw: asyncpg.Connection, size: int) -> int:
    end = await audit.head(raw)
    if not 0 <= size <= end.seq or not end.seq:
        raise NotThatLong(size)
    return size or end.seq


async def _roots(raw: asyncpg.Connection, ranges: Sequence[Range]) -> list[bytes]:
    wanted = {each for covered in ranges for each in merkle.subtrees(covered)}
    known = await audit.subtree_roots(raw, wanted)
    return [merkle.root_from(covered, known) for covered in ranges]


def _limit(page_size: int) -> int:
    if not 0 <= page_size <= PAGE_SIZE_MAX:
        raise Invalid(f"page_size is at most {PAGE_SIZE_MAX}")
    return page_size or PAGE_SIZE
