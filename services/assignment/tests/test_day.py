"""Days at the office drawn at random: whatever happens, nobody gets a lead who is not there or has no room."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from assignment import commands
from assignment.domain.answers import NobodyElse, TooManyDeclines
from assignment.domain.calendars import Absence, WorkingCalendar, span_of, week_of
from assignment.domain.leads import RepId

if TYPE_CHECKING:
    from assignment.domain.reps import Rep

MONDAY = datetime(2026, 2, 9, 0, 0, tzinfo=UTC)
CALENDARS = {
    "day": WorkingCalendar(week=week_of([((1, 2, 3, 4, 5), span_of("09:00", "18:00"))])),
    "late": WorkingCalendar(week=week_of([((1, 2, 3, 4, 5, 6, 7), span_of("14:00", "02:00"))])),
}
STEPS = 60


class Days:
    """What happens, and what must hold after it."""

    def __init__(self, office: Any, build: Any, clock: Any, seed: int) -> None:
        self.office, self.build, self.clock = office, build, clock
        self.chance = random.Random(seed)
        self.desks = [build.desk_by(build.rules(declines_per_day=3)) for _ in range(2)]
        self.reps: dict[str, Rep] = {}
        self.away: set[str] = set()

    async def begin(self) -> None:
        """Six people with different hours and capacities."""
        async with self.office.database.unit_of_work() as uow:
            await commands.put_calendars(uow, CALENDARS)
        for number in range(6):
            calendar = ("", "day", "late")[number % 3]
            rep = self.build.rep(f"rep-{number}", calendar=calendar, capacity=10 * (number % 4))
            self.reps[rep.rep_id] = rep
        await self.office.put_reps(*self.reps.values())

    async def step(self) -> None:
        """Something happens; then some time passes."""
        happening = self.chance.choice(
            [self.arrive, self.arrive, self.leave, self.change, self.decline]
        )
        await happening()
        self.clock.forward(minutes=self.chance.choice([1, 30, 200]))
        await self.note()

    async def arrive(self) -> None:
        """Leads come to both replicas at once, and waiting ones are tried."""
        batches = [
            [self.build.lead() for _ in range(self.chance.randint(1, 6))] for _ in self.desks
        ]
        before = await self.office.owners()
        await asyncio.gather(
            *(
                self.office.assign(desk, leads)
                for desk, leads in zip(self.desks, batches, strict=True)
            )
        )
        await self.office.drain(self.desks[0])
        await self.hold_to_it(before)

    async def leave(self) -> None:
        """Somebody goes away for a while, or comes back."""
        rep_id = self.chance.choice(list(self.reps))
        is_away = rep_id not in self.away
        async with self.office.database.unit_of_work() as uow:
            await commands.report_presence(uow, self.desks[1], RepId(rep_id), is_away=is_away)
        self.away ^= {rep_id}

    async def change(self) -> None:
        """Somebody is frozen, thawed, or takes a day off."""
        rep = self.reps[self.chance.choice(list(self.reps))]
        off = Absence(self.clock.now, self.clock.now + timedelta(days=1))
        active = self.chance.random() < 0.7
        because = "" if active else "frozen"
        absences = (off,) if self.chance.random() < 0.3 else ()
        rep = replace(rep, active=active, inactive_because=because, absences=absences)
        self.reps[rep.rep_id] = rep
        await self.office.put_reps(rep)

    async def decline(self) -> None:
        """An owner gives a lead back."""
        before = await self.office.owners()
        if not before:
            return
        lead_id, rep_id = self.chance.choice(sorted(before.items()))
        try:
            async with self.office.database.unit_of_work() as uow:
                await commands.decline_lead(
                    uow, self.desks[0], lead_id, RepId(rep_id), reason="busy"
                )
        except (NobodyElse, TooManyDeclines):
            assert await self.office.owners() == before
            return
        await self.hold_to_it(before)

    async def note(self) -> None:
        """Each replica notes who has come."""
        for desk in self.desks:
            async with self.office.database.unit_of_work() as uow:
                await commands.note_duty(uow, desk)

    async def hold_to_it(self, before: dict[Any, str]) -> None:
        """Whoever has just been given a lead was there and had room; loads are what the leads say."""
        after = await self.office.owners()
        loads = await self.office.loads()
        for rep_id in {owner for lead_id, owner in after.items() if before.get(lead_id) != owner}:
            rep = self.reps[rep_id]
            assert rep.active
            assert rep_id not in self.away
            assert self.is_on_duty(rep), (rep_id, self.clock.now)
            assert not rep.capacity or loads[rep_id] <= rep.capacity
        assert before.keys() <= after.keys()

    def is_on_duty(self, rep: Rep) -> bool:
        """By the calendar alone."""
        calendar = replace(CALENDARS.get(rep.calendar, WorkingCalendar()), absences=rep.absences)
        return calendar.is_on_duty(self.clock.now)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nobody_gets_a_lead_who_is_not_there_or_has_no_room(
    office: Any, build: Any, clock: Any, seed: int
) -> None:
    clock.now = MONDAY
    days = Days(office, build, clock, seed)
    await days.begin()

    async with asyncio.timeout(120):
        for _ in range(STEPS):
            await days.step()

    states = dict(await office.rows("select state, count(*) from leads group by state"))
    assert states.keys() <= {1, 2}
    assert states.get(1, 0) > 20
