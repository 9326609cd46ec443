"""First owners (AS-01): of leads that have just been identified, and of leads that had to wait (AS-06).

A batch costs a fixed number of statements, however many leads are in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assignment import wire
from assignment.commands.clocks import start_contact_clocks
from assignment.commands.withdrawing import close_arrived
from assignment.domain.clocks import TeamClocks
from assignment.domain.contact import first_owner
from assignment.domain.decisions import Cause, Decision, Outcome
from assignment.domain.leads import LeadId, Merged, Owned, Waiting, sort_arrivals, with_owners
from assignment.domain.refusals import Circumstances, Grounds, nearest, refusals
from assignment.domain.routing import (
    Assigned,
    most_urgent_first,
    route,
    route_to_acquaintance,
)
from assignment.store import boards as board_store
from assignment.store import customers as customer_store
from assignment.store import decisions as decision_store
from assignment.store import leads as lead_store
from assignment.store import withdrawals as withdrawal_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from servicekit.database import UnitOfWork

    from assignment.commands.desk import Desk
    from assignment.domain.candidates import Path, Router
    from assignment.domain.leads import Lead, OpenLead, RepId, Standing, StoredLead
    from assignment.domain.refusals import Refusal
    from assignment.domain.routing import Ruling, Step

DRAIN_BATCH_SIZE = 250

_WAITING = Waiting()
_OUTCOMES = {True: Outcome.ASSIGNED, False: Outcome.UNASSIGNABLE}


async def assign_leads(uow: UnitOfWork, desk: Desk, leads: Sequence[Lead]) -> None:
    """Gives new leads their first owners, joins those of customers with an open lead, and lets the rest wait.

    Leads that are here already are passed over; those that were withdrawn before they came are closed at once. A lead
    whose customer was merged since it was identified is the survivor's.
    """
    await withdrawal_store.lock_arrivals(uow.raw)
    leads = await _of_living_customers(uow.raw, leads)
    known = await _known(uow.raw, leads)
    router, openings = await desk.router(uow.raw, now=uow.now)
    new = [lead for lead in leads if lead.lead_id not in known]
    known |= await close_arrived(uow, router, new, openings=openings)
    open_leads = await lead_store.open_leads(uow.raw, list({lead.golden_id for lead in leads}))
    arrivals = sort_arrivals(leads, known=known, open_leads=open_leads)
    rulings = await _route_all(uow, router, arrivals.fresh)
    routed = list(zip(arrivals.fresh, rulings, strict=True))
    clocks = TeamClocks(router, now=uow.now)
    owners = _first_owners(routed, clocks, desk)
    joining = with_owners(arrivals.joining, {key: own.assignee_id for key, own in owners.items()})
    await _save(uow, router, routed, joining, owners=owners, openings=openings)
    await start_contact_clocks(uow, clocks, desk.sla, owners)
    _publish_routed(uow, router, routed, owners=owners, clocks=clocks)
    for lead, into in joining:
        uow.publish(wire.lead_merged(lead, into), key=str(lead.lead_id), cause=lead.traceparent)


@dataclass(frozen=True, slots=True)
class Drained:
    """Waiting leads that were tried, and those of them that found an owner."""

    tried_count: int
    assigned_count: int

    @property
    def may_be_more(self) -> bool:
        """Whether further leads may be waiting to be tried."""
        return self.tried_count == DRAIN_BATCH_SIZE


async def drain_waiting(uow: UnitOfWork, desk: Desk) -> Drained:
    """Tries leads that wait and were not tried since the last opening: the highest scores first, then the oldest."""
    router, openings = await desk.router(uow.raw, now=uow.now)
    waiting = await lead_store.lock_waiting(uow.raw, openings=openings, limit=DRAIN_BATCH_SIZE)
    if not waiting:
        return Drained(0, 0)
    rulings = await _route_all(uow, router, [stored.lead for stored in waiting])
    found = [(s, r) for s, r in zip(waiting, rulings, strict=True) if isinstance(r, Assigned)]
    await _save_drained(uow, desk, router, found)
    scores = {s.lead.lead_id: r.subject.score for s, r in zip(waiting, rulings, strict=True)}
    await lead_store.mark_tried(uow.raw, scores, openings=openings)
    return Drained(len(waiting), len(found))


async def _known(raw: asyncpg.Connection, leads: Sequence[Lead]) -> set[LeadId]:
    """Those of the leads that are here; nobody adds or withdraws any of them until the transaction ends."""
    await lead_store.lock_customers(raw, list({lead.golden_id for lead in leads}))
    return await lead_store.known_leads(raw, [lead.lead_id for lead in leads])


async def _of_living_customers(raw: asyncpg.Connection, leads: Sequence[Lead]) -> list[Lead]:
    current = await customer_store.current_ids(raw, {lead.golden_id for lead in leads})
    return [
        replace(lead, golden_id=current[lead.golden_id]) if lead.golden_id in current else lead
        for lead in leads
    ]


async def _route_all(uow: UnitOfWork, router: Router, leads: Sequence[Lead]) -> list[Ruling]:
    """A ruling for each lead, in their order, though the most urgent are routed first."""
    paths = [router.path(lead) for lead in leads]
    knowing = await _acquaintances(uow.raw, leads, paths)
    board = await board_store.lock_board(uow.raw, paths, now=uow.now, owners=knowing.values())
    rulings: dict[int, Ruling] = {}
    for i in most_urgent_first([path.subject for path in paths]):
        known_to = knowing.get(leads[i].golden_id)
        sticky = route_to_acquaintance(router, paths[i], board, known_to)
        rulings[i] = sticky or route(paths[i], board)
    await board_store.save_board(uow.raw, board, now=uow.now)
    return [rulings[i] for i in range(len(paths))]


async def _acquaintances(
    raw: asyncpg.Connection, leads: Sequence[Lead], paths: Sequence[Path]
) -> dict[str, RepId]:
    """The reps who had the customers of these leads last, by golden id, where rules want to know."""
    asked = {
        lead.golden_id
        for lead, path in zip(leads, paths, strict=True)
        if path.steps[0].rule.is_sticky
    }
    return await customer_store.last_owners(raw, asked) if asked else {}


def _first_owners(
    routed: Sequence[tuple[Lead, Ruling]], clocks: TeamClocks, desk: Desk
) -> dict[LeadId, Owned]:
    within = desk.sla.contact_within
    return {
        lead.lead_id: first_owner(
            ruling.rep_id, now=clocks.now, due_at=clocks.due_at(ruling.rep_id, within)
        )
        for lead, ruling in routed
        if isinstance(ruling, Assigned)
    }


async def _save(
    uow: UnitOfWork,
    router: Router,
    routed: Sequence[tuple[Lead, Ruling]],
    joining: Sequence[tuple[Lead, OpenLead]],
    *,
    owners: dict[LeadId, Owned],
    openings: int,
) -> None:
    placed: list[tuple[Lead, Standing]] = [
        (lead, owners.get(lead.lead_id, _WAITING)) for lead, _ in routed
    ]
    placed += [(lead, Merged(into.lead_id)) for lead, into in joining]
    decisions = [
        Decision(
            lead.lead_id,
            1,
            _OUTCOMES[lead.lead_id in owners],
            _cause(ruling, Cause.FIRST),
            ruling,
        )
        for lead, ruling in routed
    ]
    decisions += [Decision(lead.lead_id, 1, Outcome.MERGED, Cause.FIRST) for lead, _ in joining]
    scores = {lead.lead_id: ruling.subject.score for lead, ruling in routed}
    await lead_store.add_leads(uow.raw, placed, openings=openings, scores=scores)
    await decision_store.add_decisions(uow.raw, decisions, router=router, decided_at=uow.now)


def _publish_routed(
    uow: UnitOfWork,
    router: Router,
    routed: Sequence[tuple[Lead, Ruling]],
    *,
    owners: dict[LeadId, Owned],
    clocks: TeamClocks,
) -> None:
    known_refusals: dict[tuple[Step, ...], list[Refusal]] = {}
    for lead, ruling in routed:
        owned = owners.get(lead.lead_id)
        _publish_score(uow, router, lead, ruling, owned)
        if owned is not None and isinstance(ruling, Assigned):
            cause = _cause(ruling, Cause.FIRST)
            _publish_assigned(uow, clocks, lead, ruling, owned=owned, cause=cause)
            continue
        if ruling.steps not in known_refusals:
            known_refusals[ruling.steps] = _refusals(uow, router, ruling)
        found = known_refusals[ruling.steps]
        event = wire.lead_unassignable(
            lead,
            ruling,
            nearest(found, wire.REFUSALS_MAX),
            refusal_count=len(found),
            version=router.rules.version,
        )
        uow.publish(event, key=str(lead.lead_id), cause=lead.traceparent)


def _refusals(uow: UnitOfWork, router: Router, ruling: Ruling) -> list[Refusal]:
    around = Circumstances(router.roster, ruling.subject.profile, uow.now)
    return [refusal for step in ruling.steps for refusal in refusals(_grounds(step), around)]


def _grounds(step: Step) -> Grounds:
    rule = step.candidates.rule
    return Grounds(rule.rule_id, step.candidates.verdicts, step.counts, rule)


def _publish_score(
    uow: UnitOfWork, router: Router, lead: Lead, ruling: Ruling, owned: Owned | None
) -> None:
    """States that a lead lies above the threshold (AS-16)."""
    scoring = router.rules.scoring
    if scoring is None or ruling.subject.score <= scoring.threshold:
        return
    event = wire.lead_scored(
        lead,
        scoring,
        score=ruling.subject.score,
        assignee=owned.assignee_id if owned else None,
        version=router.rules.version,
    )
    uow.publish(event, key=str(lead.lead_id), cause=lead.traceparent)


def _publish_assigned(
    uow: UnitOfWork, clocks: TeamClocks, lead: Lead, ruling: Assigned, *, owned: Owned, cause: Cause
) -> None:
    event = wire.lead_assigned(lead, owned, ruling, cause=cause, previous=None, clocks=clocks)
    uow.publish(event, key=str(lead.lead_id), cause=lead.traceparent)


def _cause(ruling: Ruling, usual: Cause) -> Cause:
    return Cause.STICKY if isinstance(ruling, Assigned) and ruling.is_out_of_turn else usual


async def _save_drained(
    uow: UnitOfWork, desk: Desk, router: Router, found: Sequence[tuple[StoredLead, Assigned]]
) -> None:
    routed = [(stored.lead, ruling) for stored, ruling in found]
    clocks = TeamClocks(router, now=uow.now)
    owners = _first_owners(routed, clocks, desk)
    counts = {stored.lead.lead_id: stored.decision_count + 1 for stored, _ in found}
    decisions = [
        Decision(
            lead.lead_id,
            counts[lead.lead_id],
            Outcome.ASSIGNED,
            _cause(ruling, Cause.DRAINED),
            ruling,
        )
        for lead, ruling in routed
    ]
    await lead_store.own_leads(uow.raw, owners, counts)
    await decision_store.add_decisions(uow.raw, decisions, router=router, decided_at=uow.now)
    await start_contact_clocks(uow, clocks, desk.sla, owners)
    for lead, ruling in routed:
        owned = owners[lead.lead_id]
        cause = _cause(ruling, Cause.DRAINED)
        _publish_assigned(uow, clocks, lead, ruling, owned=owned, cause=cause)
