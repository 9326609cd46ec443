"""Finding behaviours in what customers say, marking them by hand, and putting banners up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engagement.domain.behaviours import BY_HAND, Behaviour, told_on
from engagement.domain.opportunities import UnknownOpportunity
from engagement.store import behaviours as store
from engagement.store import contacts as contact_store
from engagement.store import opportunities as opportunity_store
from engagement.wire import behaviour_events as wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from engagement.domain.behaviours import BehaviourPolicy, Streak, Transcript
    from engagement.seals import Seals


class Behaviours:
    """What customers say and do, under one policy."""

    def __init__(self, policy: BehaviourPolicy, seals: Seals) -> None:
        self._policy = policy
        self._seals = seals

    async def take(self, uow: UnitOfWork, told: Sequence[Transcript]) -> None:
        """Keeps what was said and states each behaviour in it once for a contact, whatever is told again."""
        await contact_store.lock(uow.raw, {each.golden_id for each in told} - {""})
        known = await store.get(uow.raw, [each.contact_id for each in told], self._seals)
        for each in told:
            transcript = self._read(known.get(each.contact_id), each)
            known[each.contact_id] = transcript
            golden_id = await store.keep(uow.raw, transcript, self._seals)
            if golden_id:
                await self._state(uow, golden_id, _found(transcript))
                await self._review_streaks(uow, golden_id)

    async def mark(self, uow: UnitOfWork, lead_id: UUID, tag: str, *, by: str) -> bool:
        """Marks a behaviour of a lead's customer; False when the same person did so today.

        Raises `UnknownTag` or `UnknownOpportunity`.
        """
        self._policy.check(tag)
        opportunity = await opportunity_store.lock(uow.raw, lead_id)
        if opportunity is None:
            raise UnknownOpportunity(lead_id)
        marked = Behaviour(tag, BY_HAND, self._policy.version, uow.now, marked_by=by)
        return bool(await self._state(uow, opportunity.golden_id, [marked]))

    def _read(self, known: Transcript | None, told: Transcript) -> Transcript:
        """All that was said so far, with what the rules find in it."""
        lines = told_on(known.lines, told.lines) if known else told.lines
        marks = tuple(self._policy.marks_in(lines))
        base = known or told
        return replace(base, lines=lines, marks=marks, policy_version=self._policy.version)

    async def _state(
        self, uow: UnitOfWork, golden_id: str, behaviours: Sequence[Behaviour]
    ) -> list[Behaviour]:
        """Keeps behaviours and states the new ones, which are returned."""
        new = await store.add(uow.raw, golden_id, behaviours) if behaviours else []
        if new:
            opportunity = await opportunity_store.newest_open(uow.raw, golden_id)
            for each in new:
                event = wire.behaviour_detected(each, golden_id, opportunity)
                uow.publish(event, key=golden_id)
        return new

    async def _review_streaks(self, uow: UnitOfWork, golden_id: str) -> None:
        """Puts up the banners of streaks that are on, and takes down the others (FU-25)."""
        newest = await store.newest_tags(uow.raw, golden_id, self._policy.reach)
        on = [streak for streak in self._policy.streaks if streak.is_on(newest)]
        off = [streak.banner.banner_id for streak in self._policy.streaks if streak not in on]
        await store.lower_banners(uow.raw, golden_id, off)
        for streak in on:
            await self._raise(uow, golden_id, streak)

    async def _raise(self, uow: UnitOfWork, golden_id: str, streak: Streak) -> None:
        banner = streak.banner
        if await store.raise_banner(uow.raw, golden_id, banner.banner_id, now=uow.now):
            opportunity = await opportunity_store.newest_open(uow.raw, golden_id)
            uow.publish(wire.banner_raised(banner, golden_id, opportunity), key=golden_id)


def _found(transcript: Transcript) -> list[Behaviour]:
    """The behaviours in what was said: one for each tag, by the rule that found it first."""
    first = {mark.tag: mark.rule_id for mark in reversed(transcript.marks) if mark.tag}
    return [
        Behaviour(
            tag,
            rule_id,
            transcript.policy_version,
            transcript.happened_at,
            contact_id=transcript.contact_id,
        )
        for tag, rule_id in sorted(first.items())
    ]
