"""Outside facts: each noun takes what it needs of them, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.commands.behaviours import Behaviours
from engagement.commands.contacts import Contacts
from engagement.commands.money import Money
from engagement.commands.recordings import Recordings
from engagement.commands.stages import Stages
from engagement.wire import (
    behaviour_events,
    follow_up_events,
    recordings,
    stage_events,
    standing_events,
    watch_events,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leadchain.identity.v1.events_pb2 import FactIdentified
    from servicekit.database import UnitOfWork

    from engagement.commands.standings import Standings
    from engagement.commands.watches import Watches
    from engagement.domain.behaviours import Transcript
    from engagement.policies import Policies
    from engagement.seals import Seals


class Facts:
    """Lets outside facts prove follow-ups, be read for what customers say, move deals, and tell of trouble.

    Recordings wait in `queue` to be written down; without one they are not.
    """

    def __init__(
        self,
        policies: Policies,
        seals: Seals,
        watches: Watches,
        standings: Standings,
        queue: Recordings | None = None,
    ) -> None:
        self._seals = seals
        self._recordings = queue or Recordings(seals, None)
        self._contacts = Contacts(policies.follow_ups, seals)
        self._behaviours = Behaviours(policies.behaviours, seals)
        self._stages = Stages(policies.machine)
        self._money = Money(self._stages)
        self._watches = watches
        self._standings = standings

    async def take(self, uow: UnitOfWork, events: Sequence[FactIdentified]) -> None:
        """Takes a batch of facts; raises `InvalidMessage` for one that can never be read."""
        contacts = follow_up_events.contacts(events, self._seals)
        if contacts:
            await self._contacts.take(uow, contacts)
        transcripts = behaviour_events.transcripts(events, self._seals)
        if transcripts:
            await self.hear(uow, transcripts)
        if self._recordings.is_on:
            await self._recordings.drop(uow, [each.contact_id for each in transcripts])
            await self._recordings.take(uow, recordings.recordings(events, self._seals))
        await self._take_money(uow, events)
        await self._take_trouble(uow, events)
        figures = standing_events.figures(events)
        if figures:
            await self._standings.take(uow, figures)

    async def hear(self, uow: UnitOfWork, transcripts: Sequence[Transcript]) -> None:
        """Reads what was said, whoever wrote it down."""
        await self._behaviours.take(uow, transcripts)
        await self._stages.take_words(uow, transcripts)

    async def _take_money(self, uow: UnitOfWork, events: Sequence[FactIdentified]) -> None:
        contracts = stage_events.contracts(events, self._seals)
        payments = stage_events.payments(events, self._seals)
        if contracts or payments:
            await self._money.take(uow, contracts, payments)

    async def _take_trouble(self, uow: UnitOfWork, events: Sequence[FactIdentified]) -> None:
        tickets = watch_events.tickets(events, self._seals)
        if tickets:
            await self._watches.take(uow, tickets)
        risks = watch_events.risks(events, self._seals)
        if risks:
            await self._watches.take_risks(uow, risks)
