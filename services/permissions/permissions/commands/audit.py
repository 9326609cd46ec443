"""What is done to the audit log besides recording: erasing personal values, and a witness's signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from accesskit.facts import checked_name
from accesskit.notes import is_line
from servicekit.errors import Conflict, Invalid

from permissions.commands import recording
from permissions.domain.audit import Event
from permissions.queries.audit import NoCheckpoint
from permissions.store import audit, checkpoints

if TYPE_CHECKING:
    from servicekit.database import UnitOfWork

logger = structlog.get_logger()

ENTRIES_NAMED_MAX = 1000
"""Entries that the record of an erasure names; it counts all of them."""


class WitnessDisagrees(Conflict):
    """A witness saw another tree at this size: the log has been rewritten."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the checkpoint of {size} entries has another root")


async def co_sign(uow: UnitOfWork, size: int, root: bytes, line: str, *, witness: str) -> None:
    """Keeps a witness's signature line; again is no effect.

    Raises `Invalid`, `NoCheckpoint`, or `WitnessDisagrees`, which is logged as an error. Whether the signature is
    good is for the auditor to say, who has the witness's key from elsewhere.
    """
    if not is_line(line):
        raise Invalid("signature_line is not a signature line")
    checkpoint = await checkpoints.get(uow.raw, size) if size else None
    if checkpoint is None:
        raise NoCheckpoint
    if checkpoint.root != root:
        logger.error("witness_disagrees", size=size, witness=witness)
        raise WitnessDisagrees(size)
    await checkpoints.put_cosignature(uow.raw, size, witness, line, now=uow.now)


async def erase_personal(uow: UnitOfWork, subject: str, *, actor: str) -> tuple[int, int]:
    """Erases the personal values of a principal with their salts, and records that it was done.

    Returns how many entries committed to them, and the entry that says so, 0 when there was nothing. Raises `BadName`.
    """
    log = await recording.begin(uow)
    seqs = await audit.forget(uow.raw, checked_name(subject, "subject"))
    if not seqs:
        return 0, 0
    details = {"entry_count": len(seqs), "entries": seqs[:ENTRIES_NAMED_MAX]}
    event = Event(
        action="personal_erased", actor=actor, resource=f"user:{subject}", details=details
    )
    seq = log.append(event)
    await log.finish()
    return len(seqs), seq
