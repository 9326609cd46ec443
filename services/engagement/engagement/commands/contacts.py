"""What other systems report of contacts with customers, and the follow-ups that it proves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.domain.follow_ups import Pairing
from engagement.store import contacts as store
from engagement.store import follow_ups as follow_up_store
from engagement.store import opportunities as opportunity_store
from engagement.wire import follow_up_events as wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from engagement.domain.follow_ups import Contact, FollowUpPolicy
    from engagement.seals import Seals
    from engagement.store.follow_ups import Claimed

STALE_BATCH_SIZE = 500


class Contacts:
    """Takes in reported contacts under one policy of what counts."""

    def __init__(self, policy: FollowUpPolicy, seals: Seals) -> None:
        self._policy = policy
        self._seals = seals

    async def take(self, uow: UnitOfWork, told: Sequence[Contact]) -> None:
        """Keeps contacts and lets them prove what reps claim; what thereby counts is stated once.

        Told again with more, a contact proves more; told again with less, no less.
        """
        known = {contact.golden_id for contact in told} - {""}
        await store.lock(uow.raw, known)
        contacts = []
        for batch in _apart(told):
            contacts += await store.keep(uow.raw, batch)
        touched = [(each.golden_id, each.happened_at) for each in contacts if each.golden_id]
        await opportunity_store.touch(uow.raw, touched)
        proved = await self._pair(uow, [each for each in contacts if each.follow_up_id is None])
        renewed = [each for each in contacts if each.follow_up_id is not None]
        await follow_up_store.renew(uow.raw, [each.contact_id for each in renewed])
        changed = proved | {each.follow_up_id for each in renewed if each.follow_up_id}
        if changed:
            await self._judge(uow, sorted(changed))

    async def _pair(self, uow: UnitOfWork, contacts: Sequence[Contact]) -> set[UUID]:
        """Lets contacts confirm the claims nearest to them; returns the follow-ups."""
        golden_ids = {each.golden_id for each in contacts if each.kind is not None} - {""}
        claims = await follow_up_store.claims(uow.raw, list(golden_ids)) if golden_ids else []
        pairs: list[tuple[Claimed, UUID]] = []
        pairings = {
            golden_id: Pairing(
                self._policy.confirm_within,
                [each for each in contacts if each.golden_id == golden_id],
            )
            for golden_id in golden_ids
        }
        for claim in claims:
            found = pairings[claim.golden_id].take(claim.kind, claim.recorded_at)
            if found is not None:
                pairs.append((claim, found.contact_id))
        await store.bind(uow.raw, [(contact_id, claim.follow_up_id) for claim, contact_id in pairs])
        await follow_up_store.confirm(uow.raw, pairs)
        return {claim.follow_up_id for claim, _ in pairs}

    async def _judge(self, uow: UnitOfWork, follow_up_ids: Sequence[UUID]) -> None:
        """Lets follow-ups count that have enough evidence by now, and states it."""
        follow_ups = await follow_up_store.get(uow.raw, follow_up_ids, self._seals)
        effective = [
            each
            for each in follow_ups.values()
            if each.effective_at is None and self._policy.is_effective(each.evidence)
        ]
        await follow_up_store.judge(
            uow.raw,
            [each.follow_up_id for each in effective],
            now=uow.now,
            policy_version=self._policy.version,
        )
        for each in effective:
            opportunity = await opportunity_store.get(uow.raw, each.lead_id)
            if opportunity is not None:
                counted = self._policy.counted(each.evidence)
                event = wire.became_effective(each, opportunity, counted)
                uow.publish(event, key=str(each.lead_id))


async def tell_stale(uow: UnitOfWork, policy: FollowUpPolicy) -> bool:
    """States which open opportunities nobody looks after (FU-05); says whether there may be more."""
    stale = await opportunity_store.take_stale(
        uow.raw, untouched_since=uow.now - policy.stale_after, limit=STALE_BATCH_SIZE
    )
    for each in stale:
        uow.publish(wire.opportunity_stale(each), key=str(each.lead_id))
    return len(stale) == STALE_BATCH_SIZE


def _apart(told: Iterable[Contact]) -> list[list[Contact]]:
    """The contacts in batches that name each of them once, in their order."""
    batches: list[list[Contact]] = []
    seen: dict[UUID, int] = {}
    for contact in told:
        place = seen.get(contact.contact_id, -1) + 1
        seen[contact.contact_id] = place
        if place == len(batches):
            batches.append([])
        batches[place].append(contact)
    return batches
