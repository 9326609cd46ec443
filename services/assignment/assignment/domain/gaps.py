"""What reps' records lack of what rules in force ask for, told before a lead waits for it (AS-05)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assignment.domain.rules import OWNER, Cover

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from assignment.domain.leads import RepId
    from assignment.domain.reps import Rep, Roster
    from assignment.domain.rules import Rule, Rules

ROSTER = "roster"
CALENDAR = "calendar"
_PLACES = {Cover.REGION: "cities", Cover.PROVINCE: "provinces"}


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """An attribute that a rep's record does not have, and the rules that ask for it.

    `roster` is missing of somebody whom rules name and nobody has described, or who takes no leads.
    """

    rep_id: RepId
    attribute: str
    rule_ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.rep_id}: {self.attribute} ({', '.join(self.rule_ids) or 'no rule'})"


def gaps(rules: Rules, roster: Roster, rep_ids: Collection[RepId] | None = None) -> list[Gap]:
    """What is missing, by rep id and attribute; of `rep_ids` only, where they are given."""
    asked: dict[tuple[RepId, str], list[str]] = {}
    for rule in (*rules.rules, *rules.pools.values()):
        for rep_id, attribute in _lacking(rule, roster):
            asked.setdefault((rep_id, attribute), []).append(rule.rule_id)
    for rep in roster.reps:
        if rep.calendar and rep.calendar not in roster.calendars:
            asked.setdefault((rep.rep_id, CALENDAR), [])
    found = [
        Gap(rep_id, attribute, tuple(dict.fromkeys(rule_ids)))
        for (rep_id, attribute), rule_ids in asked.items()
        if rep_ids is None or rep_id in rep_ids
    ]
    return sorted(found)


def _lacking(rule: Rule, roster: Roster) -> Iterator[tuple[RepId, str]]:
    active = {rep.rep_id: rep for rep in roster.reps if rep.active}
    named = active.keys() if rule.rep_ids is None else rule.rep_ids
    for rep_id in named:
        rep = active.get(rep_id)
        if rep is None:
            yield rep_id, ROSTER
        elif rule.rule_id != OWNER:
            for attribute in _missing(rule, rep):
                yield rep_id, attribute


def _missing(rule: Rule, rep: Rep) -> Iterator[str]:
    place = _PLACES.get(rule.cover)
    if place is not None and not getattr(rep, place):
        yield place
    if rule.skills and not rep.skills:
        yield "skills"
