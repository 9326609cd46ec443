"""The reason for each rep passed over, with the values that were compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from assignment.domain.candidates import ELIGIBLE, RefusalReason
from assignment.domain.leads import Precision
from assignment.domain.presence import AWAY_S, NEVER_SEEN_S, is_away
from assignment.domain.reps import is_full
from assignment.domain.routing import NOBODY
from assignment.domain.rules import OWNER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from assignment.domain.leads import Profile, RepId
    from assignment.domain.reps import Rep, Roster
    from assignment.domain.rules import Rule

PLACES_SHOWN_MAX = 8

_DISTANCE = {
    RefusalReason.FULL: 0,
    RefusalReason.AWAY: 1,
    RefusalReason.OFF_DUTY: 2,
    RefusalReason.PREVIOUS_OWNER: 3,
    RefusalReason.SKILL_MISSING: 4,
    RefusalReason.INDUSTRY_NOT_COVERED: 5,
    RefusalReason.CITY_MISSING: 6,
    RefusalReason.REGION_NOT_COVERED: 7,
    RefusalReason.INACTIVE: 8,
    RefusalReason.NOT_IN_RULE: 9,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One candidate passed over, and the values that were compared."""

    rep_id: RepId
    reason: RefusalReason
    detail: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an eligible rep stood by a rule: turns before and after, that count divided by weight, and open leads."""

    rep_id: RepId
    share: float
    turns_before: int = 0
    turns_after: int = 0
    open_count: int = 0
    rule_id: str = ""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What one step of a decision was made of, as it is kept: enough to name each rep passed over and why.

    `verdicts` and `counts` are those of `Candidates` and `Step`; `rule` is None where its version is not known.
    """

    rule_id: str
    verdicts: bytes
    counts: Sequence[int]
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When a decision was made, about what profile, with which owners before."""

    roster: Roster
    profile: Profile
    at: datetime
    excluded: AbstractSet[RepId] = NOBODY


def refusals(grounds: Grounds, around: Circumstances) -> list[Refusal]:
    """Every rep that could not be chosen and why, in the order of the roster."""
    numbers = _Numbers(grounds)
    found: list[Refusal] = []
    for rep, verdict in zip(around.roster.reps, grounds.verdicts, strict=True):
        if verdict != ELIGIBLE:
            reason = RefusalReason(verdict)
            found.append(Refusal(rep.rep_id, reason, _detail(reason, rep, grounds, around)))
            continue
        _, open_count, unseen_s = numbers.next()
        refused = _dynamic(rep, grounds, around, open_count=open_count, unseen_s=unseen_s)
        if refused is not None:
            found.append(Refusal(rep.rep_id, *refused))
    return found


def standings(grounds: Grounds, reps: Sequence[Rep], chosen: RepId | None) -> list[Standing]:
    """How often each eligible rep's turn had come, and what they had to do."""
    numbers = _Numbers(grounds)
    shares = dict(grounds.rule.shares) if grounds.rule else {}
    found: list[Standing] = []
    for rep, verdict in zip(reps, grounds.verdicts, strict=True):
        if verdict == ELIGIBLE:
            turns, open_count, _ = numbers.next()
            share = turns / shares.get(rep.rep_id, rep.weight)
            after = turns + (rep.rep_id == chosen)
            found.append(Standing(rep.rep_id, share, turns, after, open_count, grounds.rule_id))
    return found


def nearest(found: Sequence[Refusal], limit: int) -> list[Refusal]:
    """At most `limit` refusals: those first who lack least, since they are the ones that a change would help."""
    return sorted(found, key=lambda refusal: _DISTANCE[refusal.reason])[:limit]


def region_display(profile: Profile) -> str:
    """Where the customer is, for people's eyes, such as 广东 深圳; empty when unknown."""
    return " ".join(dict.fromkeys(name for name in (profile.province, profile.city) if name))


def place_of(profile: Profile) -> str:
    """Where the customer is, in words that say so when it is not known."""
    known = region_display(profile)
    if profile.precision is Precision.AMBIGUOUS:
        return f"{known} (ambiguous)".strip()
    return known or "an unknown place"


class _Numbers:
    """The counts of a step, one eligible rep after another; seconds unseen are 0 where nobody asked."""

    def __init__(self, grounds: Grounds) -> None:
        eligible = grounds.verdicts.count(ELIGIBLE)
        self._counts = iter(grounds.counts)
        self._has_presence = bool(eligible) and len(grounds.counts) == 3 * eligible

    def next(self) -> tuple[int, int, int]:
        """Turns, open leads and seconds unseen of the next rep."""
        turns, open_count = next(self._counts), next(self._counts)
        return turns, open_count, next(self._counts) if self._has_presence else 0


def _dynamic(
    rep: Rep, grounds: Grounds, around: Circumstances, *, open_count: int, unseen_s: int
) -> tuple[RefusalReason, str] | None:
    """Why an eligible rep could not take this one lead; None for one who could."""
    rule = grounds.rule
    if rep.rep_id in around.excluded:
        return RefusalReason.PREVIOUS_OWNER, "had this lead before"
    if grounds.rule_id == OWNER:
        return None
    if is_full(rep, open_count):
        return RefusalReason.FULL, f"{open_count} of {rep.capacity} leads open"
    if unseen_s == AWAY_S or (rule is not None and is_away(rule, unseen_s)):
        return RefusalReason.AWAY, _unseen(rule, unseen_s)
    return None


def _unseen(rule: Rule | None, unseen_s: int) -> str:
    if unseen_s == AWAY_S:
        return "away at their own word"
    wanted = f"rule {rule.rule_id} wants {rule.seen_within_s} s" if rule else "that is too long"
    return (
        "never seen" if unseen_s == NEVER_SEEN_S else f"last seen {unseen_s} s before"
    ) + f"; {wanted}"


def _detail(reason: RefusalReason, rep: Rep, grounds: Grounds, around: Circumstances) -> str:
    match reason:
        case RefusalReason.SKILL_MISSING:
            return _skills(rep, grounds)
        case RefusalReason.OFF_DUTY:
            calendar = around.roster.calendar_of(rep)
            return calendar.described(around.at) if calendar else "off duty"
        case RefusalReason.INDUSTRY_NOT_COVERED:
            return f"serves {_listed(rep.industries)}; lead is in {around.profile.industry}"
        case RefusalReason.REGION_NOT_COVERED:
            return f"covers {_covered(rep)}; lead is in {place_of(around.profile)}"
        case _:
            return _of_record(reason, rep, grounds)


def _of_record(reason: RefusalReason, rep: Rep, grounds: Grounds) -> str:
    """What only the rep's record and the rule say."""
    match reason:
        case RefusalReason.NOT_IN_RULE:
            return f"rule {grounds.rule_id} names other reps"
        case RefusalReason.INACTIVE:
            return (
                f"takes no leads: {rep.inactive_because}"
                if rep.inactive_because
                else "takes no leads"
            )
        case _:
            return f"city empty; rule {grounds.rule_id} needs one"


def _skills(rep: Rep, grounds: Grounds) -> str:
    known = _listed(rep.skills) or "nothing special"
    wanted = _listed(grounds.rule.skills) if grounds.rule else "others"
    return f"knows {known}; rule {grounds.rule_id} needs {wanted}"


def _covered(rep: Rep) -> str:
    """The places that a rep names, provinces before cities."""
    parts = [_listed(names) for names in (rep.provinces, rep.cities) if names]
    return " / ".join(parts) or "nowhere"


@lru_cache(maxsize=4096)
def _listed(names: frozenset[str]) -> str:
    shown = sorted(names)[:PLACES_SHOWN_MAX]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
