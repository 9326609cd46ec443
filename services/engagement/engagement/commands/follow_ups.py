"""Recording follow-ups, and correcting their words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from servicekit.errors import Conflict

from engagement.domain.follow_ups import (
    REPORTED,
    Evidence,
    EvidenceKind,
    EvidenceMissing,
    FollowUp,
    FollowUpTaken,
    NotTheAuthor,
    OpportunityClosed,
    Pairing,
    TooFarAway,
    UnknownFollowUp,
    Visit,
    check_named,
    confirmed,
    named,
)
from engagement.domain.opportunities import State, UnknownOpportunity
from engagement.store import contacts as contact_store
from engagement.store import follow_ups as store
from engagement.store import opportunities as opportunity_store
from engagement.wire import follow_up_events as wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg
    from servicekit.database import UnitOfWork

    from engagement.domain.follow_ups import Claim, FollowUpPolicy
    from engagement.domain.opportunities import Opportunity
    from engagement.domain.places import Place
    from engagement.seals import Seals

_CLOSED = frozenset({State.JOINED, State.WITHDRAWN})


class FollowUps:
    """What reps do with follow-ups, under one policy."""

    def __init__(self, policy: FollowUpPolicy, seals: Seals) -> None:
        self._policy = policy
        self._seals = seals

    async def record(self, uow: UnitOfWork, wanted: FollowUp, claims: Sequence[Claim]) -> FollowUp:
        """Records a follow-up (FU-01) with what its author claims; sent again, it answers as before.

        Raises `UnknownOpportunity`, `OpportunityClosed`, `FollowUpTaken`, and for what is wrong with its words or
        evidence `UnknownWord`, `UnusableFollowUp`, `EvidenceMissing` or `TooFarAway`; nothing is changed then.
        """
        self._policy.check(wanted.statement)
        opportunity = await _open_opportunity(uow.raw, wanted.lead_id)
        known = await store.get(uow.raw, [wanted.follow_up_id], self._seals)
        if wanted.follow_up_id in known:
            return _same(known[wanted.follow_up_id], wanted)
        await contact_store.lock(uow.raw, [opportunity.golden_id])
        evidence = await self._evidence(uow, opportunity, wanted, claims)
        follow_up = self._judged(uow, wanted, evidence)
        if not await store.add(uow.raw, follow_up, self._seals):
            raise FollowUpTaken(wanted.follow_up_id)
        await self._keep_traces(uow, opportunity, follow_up)
        return follow_up

    async def correct(self, uow: UnitOfWork, wanted: FollowUp, *, version: int) -> FollowUp:
        """Gives a follow-up the words of `wanted`; the wording `version` must be the newest.

        Raises `UnknownFollowUp`, `NotTheAuthor`, `Conflict` for another wording, and for wrong words as `record`.
        """
        self._policy.check(wanted.statement)
        await _open_opportunity(uow.raw, wanted.lead_id)
        known = (await store.get(uow.raw, [wanted.follow_up_id], self._seals)).get(
            wanted.follow_up_id
        )
        if known is None or known.lead_id != wanted.lead_id:
            raise UnknownFollowUp(wanted.follow_up_id)
        if known.author_id != wanted.author_id:
            raise NotTheAuthor(wanted.follow_up_id)
        if known.version != version:
            raise Conflict(f"follow-up {wanted.follow_up_id} is at wording {known.version}")
        await store.reword(uow.raw, wanted.follow_up_id, wanted.statement, self._seals, now=uow.now)
        return replace(known, statement=wanted.statement, version=version + 1, corrected_at=uow.now)

    async def put_point(self, uow: UnitOfWork, lead_id: UUID, point: Place, *, by: str) -> None:
        """Keeps where the customer of a lead is; raises `UnknownOpportunity`."""
        opportunity = await _open_opportunity(uow.raw, lead_id)
        sealed = (lead_id, self._seals.seal_point(lead_id, point))
        await contact_store.put_point(uow.raw, opportunity.golden_id, sealed, by=by, now=uow.now)

    async def _evidence(
        self,
        uow: UnitOfWork,
        opportunity: Opportunity,
        wanted: FollowUp,
        claims: Sequence[Claim],
    ) -> list[Evidence]:
        visits = [claim for claim in claims if isinstance(claim, Visit)]
        others = [claim for claim in claims if isinstance(claim, Evidence)]
        evidence = await self._confirmed(uow, opportunity, wanted.follow_up_id, others)
        return evidence + [await self._visited(uow, opportunity, visit) for visit in visits]

    async def _confirmed(
        self,
        uow: UnitOfWork,
        opportunity: Opportunity,
        follow_up_id: UUID,
        claims: Sequence[Evidence],
    ) -> list[Evidence]:
        """The claims, those confirmed that name a contact or have one near by."""
        contact_ids = named(claims)
        reported = await contact_store.get(uow.raw, contact_ids)
        within, golden_id = self._policy.confirm_within, opportunity.golden_id
        free = await contact_store.free(
            uow.raw, golden_id, since=uow.now - within, until=uow.now + within
        )
        pairing = Pairing(within, [each for each in free if each.contact_id not in reported])
        evidence = []
        for claim in claims:
            if claim.contact_id is not None:
                contact = check_named(
                    claim,
                    reported.get(claim.contact_id),
                    golden_id=golden_id,
                    follow_up_id=follow_up_id,
                )
                evidence.append(confirmed(claim, contact))
                continue
            found = pairing.take(claim.kind, uow.now) if claim.kind in REPORTED else None
            evidence.append(claim if found is None else confirmed(claim, found))
        return evidence

    async def _visited(self, uow: UnitOfWork, opportunity: Opportunity, visit: Visit) -> Evidence:
        """A visit, held against the customer's address (FU-04)."""
        point = await contact_store.point(uow.raw, opportunity.golden_id, self._seals)
        if point is None:
            raise EvidenceMissing("nobody has said where the customer's address is")
        distance_m = point.distance_m(visit.where)
        if distance_m > self._policy.visit_within_m:
            raise TooFarAway(distance_m, self._policy.visit_within_m)
        return Evidence(
            EvidenceKind.VISIT,
            seconds=visit.seconds,
            reference=visit.photo_sha256,
            distance_m=distance_m,
        )

    def _judged(self, uow: UnitOfWork, wanted: FollowUp, evidence: Sequence[Evidence]) -> FollowUp:
        return replace(
            wanted,
            evidence=tuple(evidence),
            recorded_at=uow.now,
            is_contact=self._policy.is_contact(evidence),
            effective_at=uow.now if self._policy.is_effective(evidence) else None,
            policy_version=self._policy.version,
        )

    async def _keep_traces(
        self, uow: UnitOfWork, opportunity: Opportunity, follow_up: FollowUp
    ) -> None:
        """What follows from a new follow-up elsewhere: contacts that are taken, a moment that counts, events."""
        taken = [each.contact_id for each in follow_up.evidence if each.contact_id is not None]
        await contact_store.bind(
            uow.raw, [(contact_id, follow_up.follow_up_id) for contact_id in taken]
        )
        if any(each.is_confirmed for each in follow_up.evidence):
            await opportunity_store.touch(uow.raw, [(opportunity.golden_id, uow.now)])
        key = str(follow_up.lead_id)
        uow.publish(wire.follow_up_recorded(follow_up, opportunity), key=key)
        if follow_up.effective_at is not None:
            counted = self._policy.counted(follow_up.evidence)
            uow.publish(wire.became_effective(follow_up, opportunity, counted), key=key)


async def _open_opportunity(raw: asyncpg.Connection, lead_id: UUID) -> Opportunity:
    opportunity = await opportunity_store.lock(raw, lead_id)
    if opportunity is None:
        raise UnknownOpportunity(lead_id)
    if opportunity.state in _CLOSED:
        raise OpportunityClosed(lead_id, opportunity.state.name.lower())
    return opportunity


def _same(known: FollowUp, wanted: FollowUp) -> FollowUp:
    if not known.says_the_same(wanted):
        raise FollowUpTaken(wanted.follow_up_id)
    return known
