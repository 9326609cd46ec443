"""A version of the policy becomes the live one, or becomes it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accesskit.canonical import params_hash
from accesskit.decisions import Outcome
from accesskit.facts import Fact

from permissions.commands import approvals, approving
from permissions.commands.admission import not_admitted
from permissions.commands.policies import Move, known_version, move, parsed, sha256_of
from permissions.commands.settling import check_settled, settled
from permissions.domain.facts import OWNER, MayNotWrite, Need
from permissions.domain.policies import (
    FactsRefused,
    NothingReplaced,
    Stage,
    check_publishable,
    check_restorable,
)
from permissions.queries import rights
from permissions.queries.rights import APPROVAL_REQUIRED
from permissions.store import audit, facts, policies

if TYPE_CHECKING:
    import asyncpg
    from servicekit.auth import Caller
    from servicekit.database import Database, UnitOfWork

    from permissions.commands.recording import Log
    from permissions.domain.policies import Version
    from permissions.queries.live import Live


@dataclass(frozen=True, slots=True)
class Publication:
    """Which version shall be live, under which approval; `force` publishes an untried one, for a reason."""

    number: int
    approval_id: str = ""
    force: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """The version that decides now, and the entry that says so."""

    number: int
    seq: int


async def publish_policy(
    database: Database, live: Live, wanted: Publication, *, caller: Caller
) -> Published:
    """Makes a version the live one.

    Raises `UnknownVersion`, `WrongStage`, `NotTried`, `ForceWithoutReason`, `MayNotWrite`, `ApprovalRefused`, and
    `FactsRefused` when its model does not admit what is on record.
    """
    examined = await _examined(database, wanted.number)

    async def work(uow: UnitOfWork, log: Log) -> Published:
        version = await known_version(uow.raw, wanted.number)
        check_publishable(version, force=wanted.force, reason=wanted.reason)
        await _authorise(uow, log, live, version, wanted.approval_id, caller)
        await _check_facts(uow.raw, version, after_seq=examined)
        return await _go_live(uow, log, version, "policy_published", wanted, caller)

    return await settled(database, live, work)


async def roll_back(
    database: Database, live: Live, wanted: Publication, *, caller: Caller
) -> Published:
    """Makes a version live that was live before; number 0 is the one that the live one replaced.

    That one needs the right to publish, but no approval: the approval of what replaced it was one for the step
    itself. Raises as `publish_policy` does, and `NothingReplaced`.
    """

    async def work(uow: UnitOfWork, log: Log) -> Published:
        replaced = await _replaced(uow.raw)
        version = replaced if not wanted.number else await known_version(uow.raw, wanted.number)
        if version is None:
            raise NothingReplaced
        check_restorable(version)
        is_step_back = version == replaced
        await _authorise(
            uow, log, live, version, wanted.approval_id, caller, is_approved=is_step_back
        )
        await _check_facts(uow.raw, version, after_seq=0)
        return await _go_live(uow, log, version, "policy_rolled_back", wanted, caller)

    return await settled(database, live, work)


async def _examined(database: Database, number: int) -> int:
    """Compares all facts with a version before anybody waits for it; returns the entry up to which that was done."""
    async with database.raw() as raw, raw.transaction(isolation="repeatable_read"):
        head = await audit.head(raw)
        await _check_facts(raw, await known_version(raw, number), after_seq=0)
    return head.seq


async def _check_facts(raw: asyncpg.Connection, version: Version, *, after_seq: int) -> None:
    policy = parsed(version.document, version.number)
    stated = await facts.stated_after(raw, after_seq)
    owned = [Fact(type_, "any", OWNER, "user", "any") for type_ in await policies.leased_types(raw)]
    refused = not_admitted(policy, [*stated, *owned])
    if refused:
        raise FactsRefused(version.number, refused)


async def _replaced(raw: asyncpg.Connection) -> Version | None:
    deciding = await policies.live(raw)
    return await policies.replaced_by(raw, deciding) if deciding else None


async def _authorise(  # noqa: PLR0913 - who wants what, on which ground
    uow: UnitOfWork,
    log: Log,
    live: Live,
    version: Version,
    approval_id: str,
    caller: Caller,
    *,
    is_approved: bool = False,
) -> None:
    need = Need("publish", "policy", str(version.number))
    await check_settled(uow.raw, live, rights.question_of(caller, need))
    decision = rights.decide_for(caller, live, need)
    if decision.outcome is Outcome.ALLOW:
        return
    if decision.reason == APPROVAL_REQUIRED and is_approved:
        return
    if decision.approval and approval_id:
        bound_to = params_hash({"document_sha256": sha256_of(version.document)})
        using = approving.use_of(caller, need, approval_id, bound_to)
        await approvals.use(uow, log, live, using)
        return
    raise MayNotWrite(need, decision.reason, decision.approval)


async def _go_live(
    uow: UnitOfWork, log: Log, version: Version, action: str, wanted: Publication, caller: Caller
) -> Published:
    deciding = await policies.live(uow.raw)
    moves = [Move(deciding.number, deciding.document, Stage.RETIRED)] if deciding else []
    moves.append(Move(version.number, version.document, Stage.LIVE))
    details: dict[str, object] = {"forced": wanted.force, "approval_id": wanted.approval_id}
    if deciding:
        details["replaced"] = deciding.number
    seq = await move(
        uow, log, moves, action, by=caller.subject, details=details, reason=wanted.reason
    )
    return Published(version.number, seq)
