"""Routing rules are put into force by two people's approval, under the next version; what was before stays readable."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from servicekit.errors import Conflict

from assignment import wire
from assignment.commands.desk import RulesUnreadable
from assignment.domain.publications import FaultyRules, UnknownRules
from assignment.policies import FIRST_VERSION, RULES_FILE, checked_rules
from assignment.store import boards as board_store
from assignment.store import reps as rep_store
from assignment.store import rules as store
from assignment.store.rules import KeptRules

if TYPE_CHECKING:
    from servicekit.database import Database, UnitOfWork

    from assignment.clients import Approvals
    from assignment.commands.desk import Desk
    from assignment.domain.rules import Rules

KIND = "rule"
RESOURCE_ID = "routing"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Publication:
    """What to put into force: a document, or an earlier version again; and by whom, with which approval."""

    document: str
    version: int
    published_by: str
    approval_id: str
    file_name: str = RULES_FILE


@dataclass(frozen=True, slots=True)
class Published:
    """The version that is in force; `is_repeated` when nothing had to be done for it."""

    version: int
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class _Proposed:
    """What is to be published, before anybody was asked; `base` is the version in force."""

    rules: Rules
    document: str
    sha256: bytes
    base: int


async def install_rules(uow: UnitOfWork, document: str) -> None:
    """Keeps the file that the service came with as version 1, unless another was kept; says so when it differs."""
    digest = sha256_of(document)
    first = KeptRules(FIRST_VERSION, document, digest, "", "", uow.now)
    if await store.add_rules(uow.raw, first):
        return
    mark = await rep_store.roster_mark(uow.raw)
    kept = await store.get_rules(uow.raw, mark.rules_version)
    if kept is not None and kept.sha256 != digest:
        log.info("rules_file_not_in_force", version_in_force=mark.rules_version)


async def publish_rules(
    database: Database, desk: Desk, approvals: Approvals, wanted: Publication
) -> Published:
    """Puts rules into force under the next version; every replica decides by them from its next transaction on.

    May be repeated with the same approval; what is in force already needs none. Rules whose reps or shares are others
    start with everybody level. Raises `FaultyRules` with file, line, path and reason, `UnknownRules`, `Conflict` when
    others were published meanwhile, and what `Approvals.use` raises.
    """
    async with database.raw() as raw:
        done = await store.version_by(raw, wanted.approval_id)
    if done is not None:
        return Published(done, is_repeated=True)
    proposed = await _proposed(database, wanted)
    if proposed is None:
        async with database.raw() as raw:
            return Published((await rep_store.roster_mark(raw)).rules_version, is_repeated=True)
    digest = proposed.sha256.hex()
    await approvals.use(
        wanted.approval_id,
        kind=KIND,
        resource_id=RESOURCE_ID,
        params=_params(proposed, wanted),
        key=f"publish/{proposed.base}/{digest}",
    )
    async with database.unit_of_work() as uow:
        return await _publish(uow, desk, wanted, proposed)


def sha256_of(document: str) -> bytes:
    """The digest to which an approval is bound."""
    return hashlib.sha256(document.encode()).digest()


def _params(proposed: _Proposed, wanted: Publication) -> dict[str, Any]:
    params = {
        "change": "publish",
        "sha256": proposed.sha256.hex(),
        "base_version": proposed.base,
    }
    return params | ({"restored_version": wanted.version} if wanted.version else {})


async def _proposed(database: Database, wanted: Publication) -> _Proposed | None:
    """What is to be published; None when it is in force already."""
    async with database.raw() as raw:
        mark = await rep_store.roster_mark(raw)
        document = wanted.document
        if wanted.version:
            earlier = await store.get_rules(raw, wanted.version)
            if earlier is None:
                raise UnknownRules(wanted.version)
            document = earlier.document
        base = await store.get_rules(raw, mark.rules_version)
        roster = await rep_store.roster_at(raw, mark.version)
    digest = sha256_of(document)
    if base is not None and base.sha256 == digest:
        return None
    # What was in force once may come back although somebody it names has gone: the gaps tell of it.
    rep_ids = None if wanted.version else {rep.rep_id for rep in roster.reps}
    rules, faults = await asyncio.to_thread(
        checked_rules, document, wanted.file_name, version=0, rep_ids=rep_ids
    )
    if rules is None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise FaultyRules(f"{faults[0]}{more}")
    return _Proposed(rules, document, digest, mark.rules_version)


async def _publish(
    uow: UnitOfWork, desk: Desk, wanted: Publication, proposed: _Proposed
) -> Published:
    await board_store.lock_every_load(uow.raw)
    mark = await rep_store.lock_mark(uow.raw)
    done = await store.version_by(uow.raw, wanted.approval_id)
    if done is not None:
        return Published(done, is_repeated=True)
    if mark.rules_version != proposed.base:
        raise Conflict("other rules have been published meanwhile; check again")
    version = await store.last_version(uow.raw) + 1
    kept = KeptRules(
        version,
        proposed.document,
        proposed.sha256,
        wanted.published_by,
        wanted.approval_id,
        uow.now,
        wanted.version or None,
    )
    await store.add_rules(uow.raw, kept)
    others = await _others(uow, desk, proposed)
    await board_store.empty_rotations(uow.raw, others)
    await store.put_into_force(uow.raw, version)
    event = wire.rules_published(kept, previous=proposed.base)
    uow.publish(event, key=RESOURCE_ID)
    log.info("rules_published", version=version, previous=proposed.base)
    return Published(version)


async def _others(uow: UnitOfWork, desk: Desk, proposed: _Proposed) -> list[str]:
    """The rules and pools that are gone, or whose turns mean something else now; none of rules nobody can read."""
    try:
        before = await desk.rules_at(uow.raw, proposed.base)
    except RulesUnreadable:
        return []
    after = proposed.rules
    new = {rule.rule_id: rule for rule in (*after.rules, *after.pools.values())}
    return [
        rule.rule_id
        for rule in (*before.rules, *before.pools.values())
        if rule.rule_id not in new or not rule.takes_turns_like(new[rule.rule_id])
    ]
