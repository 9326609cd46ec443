"""How a version of the policy comes to decide."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from accesskit.changes import PolicyPut
from accesskit.policy import Policy

from permissions.commands import recording
from permissions.domain.audit import Event
from permissions.domain.policies import Stage, UnknownVersion, Version, check_shadowable
from permissions.policies import default_policy
from permissions.queries.trials import try_policy
from permissions.store import policies

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from accesskit.changes import Change
    from servicekit.database import Database, UnitOfWork

    from permissions.commands.recording import Log, Recorded
    from permissions.queries.trials import Comparison, Trial

FIRST_START = "first start"


async def start_policy(database: Database, document: str) -> None:
    """Makes a document version 1 and live, where there is no policy at all; done twice it is done once.

    Raises `PolicyInvalid`.
    """
    parsed(document, 1)
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        if await policies.last_number(uow.raw):
            return
        await _add(uow, 1, document, by=FIRST_START)
        await move(uow, log, [Move(1, document, Stage.LIVE)], "policy_published", by=FIRST_START)
        await log.finish()


async def propose_policy(database: Database, document: str, *, actor: str) -> int:
    """Keeps a document as a new draft; returns its number. That of the newest version makes no other one.

    Raises `PolicyInvalid`, which says where the document is wrong.
    """
    parsed(document, 0)
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        newest = await policies.newest(uow.raw)
        if newest is not None and newest.document == document:
            return newest.number
        number = newest.number + 1 if newest else 1
        details = {"document_sha256": sha256_of(document)}
        seq = log.append(Event("policy_proposed", actor, resource_of(number), details))
        await _add(uow, number, document, by=actor, seq=seq)
        await log.finish()
        return number


async def shadow_policy(database: Database, number: int, *, actor: str) -> Recorded:
    """Runs a version beside the live one, in place of the shadow there may be; 0 only ends that one.

    Raises `UnknownVersion` or `WrongStage`.
    """
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        moves = [
            Move(shadow.number, shadow.document, Stage.DRAFT)
            for shadow in await policies.in_stage(uow.raw, Stage.SHADOW)
        ]
        if number:
            version = await known_version(uow.raw, number)
            check_shadowable(version)
            moves.append(Move(number, version.document, Stage.SHADOW))
            await policies.mark_tried(uow.raw, number, uow.now)
        if moves:
            await move(uow, log, moves, "policy_shadowed", by=actor)
        return await log.finish()


async def dry_run(database: Database, trial: Trial, *, actor: str, now_s: float) -> Comparison:
    """Compares a version with the live one, and records that somebody has; raises what `try_policy` does."""
    comparison = await try_policy(database, trial, now_s=now_s)
    if trial.number:
        async with database.unit_of_work() as uow:
            log = await recording.begin(uow)
            details = {
                "question_count": comparison.question_count,
                "disagreement_count": comparison.disagreement_count,
            }
            log.append(Event("policy_tried", actor, resource_of(trial.number), details))
            await policies.mark_tried(uow.raw, trial.number, uow.now)
            await log.finish()
    return comparison


@dataclass(frozen=True, slots=True)
class Move:
    """A version that goes into a stage."""

    number: int
    document: str
    stage: Stage

    @property
    def change(self) -> PolicyPut:
        """The move as replicas see it; to them a draft is as good as retired."""
        match self.stage:
            case Stage.LIVE:
                return PolicyPut(self.number, self.document, "live")
            case Stage.SHADOW:
                return PolicyPut(self.number, self.document, "shadow")
            case _:
                return PolicyPut(self.number, "", "retired")


async def move(  # noqa: PLR0913 - what is recorded, and of whom
    uow: UnitOfWork,
    log: Log,
    moves: Sequence[Move],
    action: str,
    *,
    by: str,
    details: dict[str, object] | None = None,
    reason: str = "",
) -> int:
    """Moves versions, the last of them being what it is about, and records it; returns the entry.

    The order of `moves` keeps within one live and one shadow version at each step.
    """
    # A new policy is in force before the old one is dropped, so that at no moment there is none.
    changes: list[Change] = [each.change for each in reversed(moves)]
    personal = {"reason": reason} if reason else {}
    about = resource_of(moves[-1].number)
    seq = log.append(Event(action, by, about, details or {}, changes, personal))
    for each in moves:
        await policies.move(uow.raw, each.number, each.stage, seq=seq)
    return seq


async def known_version(raw: asyncpg.Connection, number: int) -> Version:
    """A version; raises `UnknownVersion`."""
    version = await policies.get(raw, number)
    if version is None:
        raise UnknownVersion(number)
    return version


async def live_policy(raw: asyncpg.Connection) -> Policy:
    """The policy that decides, as the tables have it; the state in memory may be a moment older."""
    version = await policies.live(raw)
    if version is None:
        return parsed(default_policy(), 0)
    return parsed(version.document, version.number)


def resource_of(number: int) -> str:
    """How the log names a version."""
    return f"policy:{number}"


def sha256_of(document: str) -> str:
    """The document's hash, hex."""
    return hashlib.sha256(document.encode()).hexdigest()


@lru_cache(maxsize=8)
def parsed(document: str, number: int) -> Policy:
    """The policy that a document states; raises `PolicyInvalid`."""
    return Policy.parse(document, version=number)


async def _add(uow: UnitOfWork, number: int, document: str, *, by: str, seq: int = 0) -> None:
    await policies.add(uow.raw, Version(number, document, Stage.DRAFT, by, uow.now, seq))
