"""What events state of assignments: in any order, and more than once, the same figures follow."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reporting.domain.rates import Grouping, Period, Tally
from reporting.store import rates
from servicekit.database import Database
from servicekit.testing.hearing import Hearing

NOON = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)
OUTCOMES = """
select number, rep_id, assigned_at, effective_at, due_48_at, due_72_at, excluded_by from assignment_outcomes
where lead_id = $1 order by number
"""


def after(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


async def tally(database: Database, *, at_h: float = 1000) -> Tally:
    """All assignments of the test, so many hours after noon."""
    async with database.raw() as raw:
        found, _ = await rates.tallies(
            raw, Period(None, after(at_h)), by=Grouping.CHANNEL, as_of=after(at_h)
        )
    return found.get("website_form", Tally())


def story(lead: Any) -> list[Any]:
    """The first owner is late, the second declines, the third acts in time by a calendar; an echo comes much later."""
    return [
        lead.assigned(1, number=1),
        lead.yellow(1),
        lead.not_followed_up(1),
        lead.effective(90, 1),
        lead.assigned(100 * 3600, number=2),
        lead.declined(110 * 3600, number=2),
        lead.assigned(110 * 3600, number=3),
        lead.effective(120, 3),
        lead.effective(400, 3),
        lead.pooled(500 * 3600, number=3),
    ]


@given(order=st.permutations(range(10)), repeated=st.lists(st.integers(0, 9), max_size=3))
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_assignments_converge_whatever_comes_first_or_twice(
    hearing: Hearing, a_lead: Callable[..., Any], order: list[int], repeated: list[int]
) -> None:
    lead = a_lead()
    events = story(lead)

    for place in (*order, *repeated):
        await hearing.hears(events[place])

    assert await hearing.rows(OUTCOMES, lead.lead_id) == [
        (1, "rep-01", after(1 / 3600), after(90), after(48), after(72), None),
        (2, "rep-02", after(100), None, after(148), after(172), "declined"),
        (3, "rep-03", after(110), after(120), after(158), after(182), None),
    ]


@pytest.mark.parametrize(
    ("steps", "becomes"),
    [
        ([], "running"),
        (["yellow"], "running"),
        (["yellow", "not_followed_up"], "never"),
        (["effective-24"], "within_72h"),
        (["yellow", "effective-71"], "within_72h"),
        (["yellow", "not_followed_up", "effective-73"], "late"),
        (["effective-100"], "within_72h"),
        (["withdrawn"], "excluded"),
        (["merged"], "excluded"),
        (["declined", "next"], "excluded"),
        (["next"], "never"),
        (["pooled"], "never"),
        (["effective-20", "withdrawn"], "within_72h"),
        (["not_followed_up", "late-withdrawn"], "never"),
    ],
    ids=lambda each: "-".join(each) or "nothing" if isinstance(each, list) else each,
)
async def test_an_assignment_stands_in_one_place(
    database: Database, a_lead: Callable[..., Any], tell: Any, steps: list[str], becomes: str
) -> None:
    lead = a_lead()
    known = {
        "yellow": lead.yellow(),
        "not_followed_up": lead.not_followed_up(),
        "withdrawn": lead.withdrawn(30 * 3600),
        "late-withdrawn": lead.withdrawn(90 * 3600),
        "merged": lead.merged(30 * 3600),
        "declined": lead.declined(),
        "pooled": lead.pooled(),
        "next": lead.assigned(2000 * 3600, number=2),
    } | {f"effective-{hours}": lead.effective(hours) for hours in (20, 24, 71, 73, 100)}

    await tell([lead.received(), lead.assigned(1), *(known[step] for step in steps)])

    found = await tally(database)
    placed = {
        name: getattr(found, name)
        for name in ("excluded", "running", "within_72h", "late", "never")
        if getattr(found, name)
    }
    assert (found.given, placed) == (1, {becomes: 1})


async def test_what_is_not_due_is_neither_met_nor_missed(
    database: Database, a_lead: Callable[..., Any], tell: Any
) -> None:
    quick, slow = a_lead(), a_lead()
    await tell([quick.assigned(1), quick.effective(2), slow.assigned(1), slow.yellow()])

    early, later = await tally(database, at_h=23), await tally(database, at_h=50)

    assert (early.given, early.running, early.running_done, early.due_24h) == (2, 2, 1, 0)
    assert (later.due_24h, later.within_24h) == (2, 1)
    assert (later.due_48h, later.within_48h) == (2, 1)
    assert (later.running, later.due_72h, later.never) == (2, 0, 0)


async def test_a_deadline_by_a_calendar_is_the_one_that_assignment_stated(
    database: Database, a_lead: Callable[..., Any], tell: Any
) -> None:
    kept, missed = a_lead(), a_lead()
    await tell([kept.assigned(1), kept.yellow(after_h=120), kept.effective(150)])
    await tell([missed.assigned(1), missed.not_followed_up(after_h=200), missed.effective(201)])

    before, after_all = await tally(database, at_h=199), await tally(database, at_h=210)

    assert (before.within_72h, before.never, before.running) == (1, 0, 1)
    assert (after_all.within_72h, after_all.late, after_all.running) == (1, 1, 0)


async def test_deadlines_are_those_of_the_owners_working_time_from_the_beginning(
    database: Database, a_lead: Callable[..., Any], tell: Any
) -> None:
    by_calendar = (72, 144, 216)
    leads = {hours: a_lead() for hours in (70, 140, 210, 220)}
    for hours, lead in leads.items():
        await tell([lead.assigned(1, due_h=by_calendar), lead.effective(hours)])

    running, over = await tally(database, at_h=215), await tally(database, at_h=230)

    assert (running.due_24h, running.due_48h, running.due_72h) == (4, 4, 0)
    assert (running.within_24h, running.within_48h, running.running) == (1, 2, 4)
    assert (over.within_72h, over.late, over.never) == (3, 1, 0)


async def test_evidence_that_is_confirmed_late_counts_from_when_it_was_recorded(
    database: Database, a_lead: Callable[..., Any], tell: Any
) -> None:
    lead = a_lead()
    await tell([lead.assigned(1), lead.yellow(), lead.not_followed_up()])
    judged = await tally(database)

    await tell([lead.effective(5, told_after_h=90)])
    corrected = await tally(database)

    assert (judged.within_24h, judged.never) == (0, 1)
    assert (corrected.within_24h, corrected.within_72h, corrected.never) == (1, 1, 0)


async def test_a_lead_that_was_handed_on_counts_for_each_of_its_owners(
    database: Database, a_lead: Callable[..., Any], tell: Any
) -> None:
    lead = a_lead()
    await tell([lead.assigned(1), lead.assigned(900, number=2), lead.effective(20, 2)])
    await tell([lead.effective(3, 1)])

    async with database.raw() as raw:
        found, _ = await rates.tallies(
            raw, Period(None, after(1000)), by=Grouping.REP, as_of=after(1000)
        )

    assert (found["rep-01"].due_72h, found["rep-01"].never) == (1, 1)
    assert (found["rep-02"].due_72h, found["rep-02"].within_72h) == (1, 1)
