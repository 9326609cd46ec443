"""How facts come to hold, and cease to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from accesskit.canonical import params_hash
from accesskit.changes import FactPut, FactRemoved
from accesskit.decisions import Outcome
from leadchain.permissions.v1.events_pb2 import FactsChanged

from permissions.commands import approvals, approving
from permissions.commands.admission import check_admitted
from permissions.commands.policies import live_policy
from permissions.commands.principals import next_epochs
from permissions.commands.settling import check_settled, settled
from permissions.domain.audit import Event
from permissions.domain.facts import (
    ADMINISTER,
    MayNotWrite,
    RevisionAhead,
    check_not_leased,
    check_org,
    check_preconditions,
    checked,
    grant_params,
    needs_of,
    news_in,
    org_edges,
    role_members,
)
from permissions.queries import rights
from permissions.store import audit, facts, principals, replicas

if TYPE_CHECKING:
    import asyncpg
    from accesskit.changes import Change
    from servicekit.auth import Caller
    from servicekit.database import Database, UnitOfWork

    from permissions.commands.recording import Log
    from permissions.domain.facts import Applied, FactsToWrite, Need
    from permissions.queries.live import Live

CONFIRMATIONS_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Written:
    """A write's consistency token, and the entry that states it; 0 when everything was so already."""

    token: str
    seq: int


class FactWriter:
    """Writes facts, one request after the other: they wait here, not each with a connection of its own."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live
        self._turn = asyncio.Lock()

    async def write(self, wanted: FactsToWrite, *, caller: Caller) -> Written:
        """Writes facts if the caller may and every precondition holds: all of them or none.

        What is so already changes nothing, so that a repeated request is one effect. Raises what `domain.facts`
        raises, and `FactRefused` or `UnknownRelation` for what the live model does not admit.
        """
        checked(wanted, now_s=self._live.now_s)

        async def work(uow: UnitOfWork, log: Log) -> Written:
            await _authorise(uow, log, self._live, wanted, caller)
            seq = await write_facts(uow, log, wanted, actor=caller.subject)
            revision = seq or (await audit.head(uow.raw)).revision
            return Written(self._live.token_at(revision), seq)

        async with self._turn:
            return await settled(self._database, self._live, work)


async def write_facts(uow: UnitOfWork, log: Log, wanted: FactsToWrite, *, actor: str) -> int:
    """Writes facts as part of a transaction that holds the log; returns the entry, 0 when there is no news.

    Whether the actor may is the caller's to know.
    """
    on_record = await facts.of_keys(uow.raw, wanted.keys)
    check_preconditions(wanted, on_record)
    news = news_in(wanted, on_record)
    if not news.puts and not news.removals:
        return 0
    await check_admissible(uow.raw, news)
    return await _record(uow, log, news, actor=actor, approval_id=wanted.approval_id)


async def check_admissible(raw: asyncpg.Connection, news: FactsToWrite) -> None:
    """Raises what the live model or the organisation chart has against facts; the log must be held."""
    policy = await live_policy(raw)
    check_not_leased([*news.puts, *news.removals], policy.lease.on)
    check_admitted(policy, news.puts)
    await _check_org(raw, news)


async def confirm_revision(database: Database, applied: Applied) -> None:
    """Notes that a replica has applied a revision; raises `RevisionAhead` for one that does not exist yet."""
    async with database.unit_of_work() as uow:
        if applied.revision > (await audit.head(uow.raw)).revision:
            raise RevisionAhead
        await replicas.confirm(uow.raw, applied)
        await replicas.forget_before(uow.raw, uow.now - CONFIRMATIONS_KEPT)


async def give_sign_of_life(database: Database) -> None:
    """Announces the revision that the log is at, so that whoever missed a change learns of it."""
    async with database.unit_of_work() as uow:
        head = await audit.head(uow.raw)
        event = FactsChanged(
            log_id=head.log_id, previous_revision=head.revision, revision=head.revision
        )
        uow.announce(event, key="permissions")


async def _authorise(
    uow: UnitOfWork, log: Log, live: Live, wanted: FactsToWrite, caller: Caller
) -> None:
    """Raises `MayNotWrite` or `ApprovalRefused` unless the caller may write all of it."""
    await check_settled(uow.raw, live, rights.question_of(caller, ADMINISTER))
    is_administrator = rights.has(caller, live, ADMINISTER)
    for need in needs_of(wanted):
        decision = rights.decide_for(caller, live, need)
        is_sensitive = rights.approval_for(live, need) is not None
        if decision.approval and wanted.approval_id:
            await approvals.use(uow, log, live, _use_of(wanted, need, caller))
        elif decision.outcome is not Outcome.ALLOW and (is_sensitive or not is_administrator):
            raise MayNotWrite(need, decision.reason, decision.approval)


def _use_of(wanted: FactsToWrite, need: Need, caller: Caller) -> approvals.Use:
    bound_to = params_hash(grant_params(wanted, need.resource_id))
    return approving.use_of(caller, need, wanted.approval_id, bound_to)


async def _check_org(raw: asyncpg.Connection, news: FactsToWrite) -> None:
    put, removed = org_edges(news.puts), set(org_edges(news.removals))
    if put:
        people = [person for person, _ in put]
        above = [*people, *(manager for _, manager in put)]
        managers = await facts.org_around(raw, above=above, below=people)
        check_org(managers, put=put, removed=removed)


async def _record(
    uow: UnitOfWork, log: Log, news: FactsToWrite, *, actor: str, approval_id: str
) -> int:
    puts = [msgspec.structs.replace(fact, seq=log.next_seq) for fact in news.puts]
    voided = await next_epochs(uow.raw, role_members([*puts, *news.removals]))
    changes: list[Change] = [
        *(FactRemoved(fact) for fact in news.removals),
        *(FactPut(fact) for fact in puts),
        *voided,
    ]
    details = {"approval_id": approval_id} if approval_id else {}
    resources = {f"{fact.resource_type}:{fact.resource_id}" for fact in (*puts, *news.removals)}
    resource = resources.pop() if len(resources) == 1 else ""
    seq = log.append(Event("facts_written", actor, resource, details, changes))
    await facts.remove(uow.raw, [fact.key for fact in news.removals])
    await facts.put(uow.raw, puts)
    await principals.put(uow.raw, voided, seq=seq)
    return seq
