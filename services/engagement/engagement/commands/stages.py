"""Moving opportunities: by hand, by a customer's words, and by what contracts and payments say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engagement.domain.opportunities import State, UnknownOpportunity
from engagement.domain.phrases import Text, any_of
from engagement.domain.stages import (
    Cause,
    Closed,
    Deal,
    Move,
    Refused,
    StageMoved,
    Unknown,
    UnknownStage,
    is_looping,
)
from engagement.store import opportunities as opportunity_store
from engagement.store import stages as store
from engagement.wire import stage_events as wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg
    from servicekit.database import UnitOfWork

    from engagement.domain.behaviours import Transcript
    from engagement.domain.opportunities import Opportunity
    from engagement.domain.stages import Document, Machine, Standing

OVERDUE_BATCH_SIZE = 500


class Stages:
    """What people do with stages, and what customers' words do, under one machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    async def begin(self, uow: UnitOfWork, opportunities: Sequence[Opportunity]) -> None:
        """Puts new opportunities at the first stage."""
        lead_ids = [each.lead_id for each in opportunities]
        await store.begin(uow.raw, lead_ids, self.machine.first, now=uow.now)

    async def move(
        self, uow: UnitOfWork, lead_id: UUID, to: str, *, move_count: int, by: str
    ) -> int:
        """Moves an opportunity by hand, from where the mover has seen it; returns its number of moves.

        Raises `UnknownStage`, `Closed`, `StageMoved`, `Unknown`, or `Refused` with everything that is missing;
        nothing is changed then.
        """
        opportunity, standing = await self.open(uow.raw, lead_id)
        if standing.move_count != move_count:
            raise StageMoved(standing.stage, standing.move_count)
        missing = self.machine.missing(standing, to)
        if missing:
            raise Refused(to, missing)
        evidence = [document.sha256 for document in standing.documents]
        evidence += sorted(standing.done)
        moved = await self.go(
            uow, opportunity, standing, to, cause=Cause.BY_HAND, by=by, evidence=evidence
        )
        return moved.move_count

    async def complete(self, uow: UnitOfWork, lead_id: UUID, action: str) -> int:
        """Takes note that an action was done; returns the points that were earned by now.

        Raises `UnknownStage`, `Closed` or `Unknown`.
        """
        self.machine.check_action(action)
        _, standing = await self.open(uow.raw, lead_id)
        await store.complete(uow.raw, lead_id, action)
        return self.machine.score(replace(standing, done=standing.done | {action}))

    async def add_document(
        self, uow: UnitOfWork, lead_id: UUID, document: Document, *, by: str
    ) -> None:
        """Puts a document on record; raises `UnknownStage`, `Closed`, or `Unknown` for a kind nobody asks for."""
        known = self._document_kinds()
        if document.kind not in known:
            raise Unknown("document", document.kind, known)
        await self.open(uow.raw, lead_id)
        await store.add_document(uow.raw, lead_id, document, by=by, now=uow.now)

    async def lose(self, uow: UnitOfWork, lead_id: UUID, reason: str, *, by: str) -> None:
        """Closes an opportunity as lost, once; raises `UnknownStage`, `Closed` or `Unknown`."""
        if reason not in self.machine.lost:
            raise Unknown("reason", reason, self.machine.lost)
        opportunity, standing = await self._known(uow.raw, lead_id)
        if opportunity.state is State.LOST:
            return
        _check_open(opportunity)
        await opportunity_store.close(uow.raw, lead_id, State.LOST)
        event = wire.deal_lost(opportunity, standing, reason=reason, by=by)
        uow.publish(event, key=str(lead_id))

    async def take_words(self, uow: UnitOfWork, told: Sequence[Transcript]) -> None:
        """Moves on who asks for an offer (FU-13), once for a customer in a while (FU-14)."""
        rule = self.machine.said
        for transcript in told:
            is_late = uow.now - transcript.happened_at > rule.within
            if is_late or not transcript.golden_id or not self._asks(transcript):
                continue
            opportunity = await opportunity_store.newest_open(uow.raw, transcript.golden_id)
            if opportunity is not None:
                await self._move_by_words(uow, opportunity.lead_id, str(transcript.contact_id))

    async def open(self, raw: asyncpg.Connection, lead_id: UUID) -> tuple[Opportunity, Standing]:
        """An opportunity that can be moved, locked; raises `UnknownStage` or `Closed`."""
        opportunity, standing = await self._known(raw, lead_id)
        _check_open(opportunity)
        return opportunity, standing

    async def go(  # noqa: PLR0913 - what a move is made of
        self,
        uow: UnitOfWork,
        opportunity: Opportunity,
        standing: Standing,
        to: str,
        *,
        cause: Cause,
        by: str = "",
        evidence: Sequence[str] = (),
    ) -> Standing:
        """Makes a move, whatever is missing, and states it; returns how far the opportunity is then."""
        made = Move(
            lead_id=standing.lead_id,
            move_no=standing.move_count + 1,
            origin=standing.stage,
            to=to,
            cause=cause,
            moved_at=uow.now,
            moved_by=by,
            machine_version=self.machine.version,
            evidence=tuple(evidence),
        )
        await store.move(uow.raw, made)
        uow.publish(wire.stage_moved(opportunity, made), key=str(made.lead_id))
        entered = await store.entered(uow.raw, made.lead_id, to)
        if is_looping(self.machine, entered, uow.now):
            uow.publish(wire.stage_looped(opportunity, to), key=str(made.lead_id))
        return replace(standing, stage=to, since=uow.now, move_count=made.move_no)

    async def _known(self, raw: asyncpg.Connection, lead_id: UUID) -> tuple[Opportunity, Standing]:
        opportunity = await opportunity_store.lock(raw, lead_id)
        if opportunity is None:
            raise UnknownOpportunity(lead_id)
        standing = await store.lock(raw, lead_id)
        if standing is None:
            raise UnknownStage(lead_id)
        return opportunity, standing

    async def _move_by_words(self, uow: UnitOfWork, lead_id: UUID, contact_id: str) -> None:
        rule = self.machine.said
        opportunity, standing = await self._known(uow.raw, lead_id)
        if opportunity.state is not State.OPEN or standing.stage not in rule.origins:
            return
        since = uow.now - rule.once_in
        if not await store.was_moved_by_words(uow.raw, opportunity.golden_id, since):
            evidence = [contact_id]
            await self.go(uow, opportunity, standing, rule.to, cause=Cause.SAID, evidence=evidence)

    def _asks(self, transcript: Transcript) -> bool:
        words = self.machine.said.words
        return any(line.is_customer and any_of(Text(line.text), words) for line in transcript.lines)

    def _document_kinds(self) -> list[str]:
        kinds: dict[str, None] = {}
        for stage in self.machine.stages.values():
            asked = [*stage.one_of, *([stage.checkpoint] if stage.checkpoint else [])]
            kinds |= dict.fromkeys(each.kind for each in asked)
        return list(kinds)


async def tell_overdue(uow: UnitOfWork, machine: Machine) -> bool:
    """States which opportunities are at their stage for too long (FU-17); says whether there may be more."""
    overdue = await store.take_overdue(
        uow.raw,
        entered_until=uow.now - machine.overdue_after,
        last_stage=machine.paid_stage,
        limit=OVERDUE_BATCH_SIZE,
    )
    for stay in overdue:
        uow.publish(wire.stage_overdue(stay), key=str(stay.lead_id))
    return len(overdue) == OVERDUE_BATCH_SIZE


def told_deal(known: Deal, told: Deal) -> Deal:
    """A deal with what is told of it now; what is left out stays."""
    return Deal(
        amount_minor=told.amount_minor if told.amount_minor is not None else known.amount_minor,
        currency=told.currency or known.currency,
        contract_no=told.contract_no or known.contract_no,
        closes_on=told.closes_on or known.closes_on,
    )


def _check_open(opportunity: Opportunity) -> None:
    if opportunity.state is not State.OPEN:
        raise Closed(opportunity.state.name.lower())
