"""Rotating the key that seals the audit log: a sensitive action, bound to the very key that shall sign next."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from accesskit.canonical import params_hash
from accesskit.decisions import Outcome
from accesskit.notes import verifier_key

from permissions.commands import approvals, approving, sealing
from permissions.commands.settling import check_settled, settled
from permissions.domain.checkpoints import origin
from permissions.domain.facts import MayNotWrite, Need
from permissions.queries import rights
from permissions.store import checkpoints

if TYPE_CHECKING:
    from servicekit.auth import Caller
    from servicekit.database import Database, UnitOfWork

    from permissions.commands.recording import Log
    from permissions.commands.sealing import Keyring
    from permissions.queries.live import Live

NEED = Need("rotate", "key", "audit")


async def rotate(
    database: Database,
    live: Live,
    public_key: bytes,
    *,
    approval_id: str,
    keyring: Keyring,
    caller: Caller,
) -> tuple[str, int]:
    """Has another key sign; the same key again is no effect. The verifier key, and the entry that states it.

    The approval is bound to `{"public_key": base64}`. Raises `MayNotWrite`, `ApprovalRefused`, `UnknownKey` or
    `SealedElsewhere`.
    """

    async def work(uow: UnitOfWork, log: Log) -> tuple[str, int]:
        current = await checkpoints.key_in_force(uow.raw, log.next_seq)
        if current is not None and current.public_key == public_key:
            return verifier_key(origin(log.log_id), public_key), current.seq
        await _authorise(uow, log, live, public_key, approval_id, caller)
        return await sealing.rotate_signing_key(
            uow, log, public_key, keyring=keyring, actor=caller.subject
        )

    return await settled(database, live, work)


async def _authorise(
    uow: UnitOfWork, log: Log, live: Live, public_key: bytes, approval_id: str, caller: Caller
) -> None:
    await check_settled(uow.raw, live, rights.question_of(caller, NEED))
    decision = rights.decide_for(caller, live, NEED)
    if decision.outcome is Outcome.ALLOW:
        return
    if not (decision.approval and approval_id):
        raise MayNotWrite(NEED, decision.reason, decision.approval)
    bound_to = params_hash({"public_key": base64.b64encode(public_key).decode()})
    using = approving.use_of(caller, NEED, approval_id, bound_to)
    await approvals.use(uow, log, live, using)
