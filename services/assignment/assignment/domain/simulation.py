"""Leads of the past routed again by other rules, all from the same start, so that only the rules differ."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from assignment.domain.board import Board
from assignment.domain.candidates import Router
from assignment.domain.presence import Presence
from assignment.domain.routing import Assigned, most_urgent_first, route

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from assignment.domain.leads import Lead, RepId
    from assignment.domain.reps import Roster
    from assignment.domain.rules import Rules

ASSUMPTIONS = (
    "reps and calendars are those of today, on duty or not at the moment of each lead's first decision",
    "every rep starts level in every rule",
    "open leads at the start are those that came before and are open today; leads given stay open",
    "everybody is seen at work, and nobody is away at their own word",
    "nobody gets a lead for having had its customer before",
    "a lead that nobody can take stays waiting; nothing is handed on, given back or merged",
)
_PRESENT = Presence(0)


@dataclass(frozen=True, slots=True)
class PastLead:
    """A lead with its first decision: when, and who got it; None for nobody."""

    lead: Lead
    decided_at: datetime
    owner: RepId | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who would have got a lead, None for nobody, and by which rule."""

    owner: RepId | None
    rule_id: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same leads by the rules in force and by others, in the order of their decisions."""

    past: Sequence[PastLead]
    in_force: Sequence[Outcome]
    proposed: Sequence[Outcome]

    def changes(self) -> Iterator[tuple[PastLead, Outcome, Outcome]]:
        """The leads whose owner differs between the two."""
        for past, before, after in zip(self.past, self.in_force, self.proposed, strict=True):
            if before.owner != after.owner:
                yield past, before, after

    def loads(self) -> dict[str, tuple[int, int, int]]:
        """Leads really given, given by the rules in force, and by the others, by rep; those of nobody under ""."""
        counts: dict[str, list[int]] = {}
        for past, before, after in zip(self.past, self.in_force, self.proposed, strict=True):
            for at, owner in enumerate((past.owner, before.owner, after.owner)):
                counts.setdefault(owner or "", [0, 0, 0])[at] += 1
        return {rep: (real, old, new) for rep, (real, old, new) in sorted(counts.items())}


def simulate(
    past: Sequence[PastLead], rules: Rules, roster: Roster, open_counts: Mapping[RepId, int]
) -> list[Outcome]:
    """Who gets each lead by these rules; `past` is in the order of decisions, see `ASSUMPTIONS`."""
    presence = {rep.rep_id: _PRESENT for rep in roster.reps}
    board = Board((), open_counts.items(), presence)
    shifts = _Shifts(rules, roster, board)
    outcomes: list[Outcome] = []
    for decided_at, group in groupby(past, key=lambda each: each.decided_at):
        router = shifts.router(decided_at)
        paths = [router.path(each.lead) for each in group]
        order = most_urgent_first([path.subject for path in paths])
        rulings = {at: route(paths[at], board) for at in order}
        for at in range(len(paths)):
            ruling = rulings[at]
            owner = ruling.rep_id if isinstance(ruling, Assigned) else None
            outcomes.append(Outcome(owner, ruling.rule.rule_id))
    return outcomes


class _Shifts:
    """The router of each moment, as people come and go."""

    def __init__(self, rules: Rules, roster: Roster, board: Board) -> None:
        self._rules = rules
        self._roster = roster
        self._board = board
        self._router: Router | None = None

    def router(self, at: datetime) -> Router:
        """The router of a moment; moments only go forward."""
        router = self._router
        if router is None or (router.duty.until is not None and at >= router.duty.until):
            duty = self._roster.duty(at, noted_at=at)
            if router is not None:
                self._board.forget_turns(router.duty.off - duty.off)
            router = self._router = Router(self._rules, self._roster, duty)
        return router
