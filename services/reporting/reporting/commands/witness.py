"""Being the witness of permissions' audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from accesskit import notes
from accesskit.notes import MalformedNote
from accesskit.witness import Refusal, Seen, follow
from servicekit import metrics

from reporting.clients import AuditLogUnreachable
from reporting.store import seals as store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accesskit.notes import Signer
    from servicekit.database import Database, UnitOfWork

    from reporting.clients import AuditLog
    from reporting.domain.seals import Seal

log = structlog.get_logger()

SEALS_PER_STEP = 100
COSIGNED_WITHIN = timedelta(days=1)
"""For how long a co-signature is offered; those of later checkpoints cover what an earlier one did."""


class Witness:
    """Follows permissions' audit log: proves that each checkpoint continues the last, remembers it, and co-signs it.

    A checkpoint is remembered before it is co-signed, so that never two are that contradict one another. Without a
    `signer` nothing is co-signed. `public_keys` are those that the log may sign with; when there are none, the one that
    it states first is trusted and remembered.
    """

    def __init__(
        self,
        database: Database,
        audit_log: AuditLog,
        *,
        signer: Signer | None,
        public_keys: Sequence[bytes],
    ) -> None:
        self._database = database
        self._audit_log = audit_log
        self._signer = signer
        self._public_keys = public_keys

    async def step(self) -> bool:
        """Proves and co-signs some of what waits, and says whether there is more; what cannot be now is, next time."""
        try:
            for seal in await self._waiting(is_proved=False):
                await self._prove(seal)
            proved = await self._waiting(is_proved=True)
            for seal in proved:
                await self._co_sign(seal)
        except AuditLogUnreachable as error:
            log.warning("audit_log_not_witnessed", code=error.code)
            return False
        finally:
            await self._tidy()
        return len(proved) == SEALS_PER_STEP

    async def _waiting(self, *, is_proved: bool) -> list[Seal]:
        async with self._database.raw() as raw:
            return await store.seals(raw, is_proved=is_proved, limit=SEALS_PER_STEP)

    async def _prove(self, seal: Seal) -> None:
        async with self._database.raw() as raw:
            last, first_key = await store.last_checkpoint(raw)
        key = None if self._public_keys else first_key or await self._audit_log.public_key()
        outcome = await self._judged(seal, last, [key] if key else self._public_keys)
        async with self._database.unit_of_work() as uow:
            match outcome:
                case Refusal(reason):
                    await refuse(uow, seal, reason, seen=last)
                case Seen():
                    if await store.remember(uow.raw, outcome, key, before=last, now=uow.now):
                        await store.mark_proved(uow.raw, seal.event_id)
                case None:
                    await store.drop_seal(uow.raw, seal.event_id, is_proved=False)

    async def _judged(
        self, seal: Seal, last: Seen | None, public_keys: Sequence[bytes]
    ) -> Seen | Refusal | None:
        try:
            return await follow(
                seal.note, public_keys=public_keys, last=last, prove=self._audit_log.prove
            )
        except MalformedNote:
            return Refusal("malformed", 0, last.size if last else 0)

    async def _co_sign(self, seal: Seal) -> None:
        checkpoint = notes.read(seal.note)
        seen = Seen(checkpoint.origin, checkpoint.size, checkpoint.root, seal.note)
        is_taken = self._signer is None or await self._audit_log.co_sign(
            seen, self._signer.line(checkpoint.text)
        )
        async with self._database.unit_of_work() as uow:
            if is_taken:
                await store.drop_seal(uow.raw, seal.event_id, is_proved=True)
            else:
                await refuse(uow, seal, "disowned", seen=seen)

    async def _tidy(self) -> None:
        async with self._database.unit_of_work() as uow:
            given_up = await store.give_up_before(uow.raw, uow.now - COSIGNED_WITHIN)
            metrics.AUDIT_CHECKPOINTS_REFUSED.set(await store.refused_count(uow.raw))
        if given_up:
            log.warning("checkpoints_not_cosigned", count=given_up)


async def refuse(uow: UnitOfWork, seal: Seal, reason: str, *, seen: Seen | None) -> None:
    """Keeps a checkpoint as evidence that the audit log is not the one that was seen, and says so aloud."""
    await store.keep_refused(uow.raw, seal, reason, seen=seen, now=uow.now)
    log.error(
        "audit_log_inconsistent",
        reason=reason,
        event_id=str(seal.event_id),
        seen_size=seen.size if seen else 0,
    )
