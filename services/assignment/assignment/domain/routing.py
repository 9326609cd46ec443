"""Who gets a lead: the candidates of a rule, the fair turn among them, and the reason for each one passed over.

Reasons that hold for every lead of a profile are found once and remembered as one byte for each rep; what changes
from lead to lead (turns, open leads, owners before) is looked at for the few that remain.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from assignment.domain.leads import Precision, Profile, RepId
from assignment.domain.rules import Cover

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from assignment.domain.reps import Rep, Roster
    from assignment.domain.rules import Rule, Rules

CANDIDATES_KEPT_MAX = 20_000
PLACES_SHOWN_MAX = 8

ELIGIBLE = 0
NOBODY: frozenset[RepId] = frozenset()


class RefusalReason(IntEnum):
    """Why a candidate was passed over; the numbers are those of the contract."""

    NOT_IN_RULE = 1
    CITY_MISSING = 2
    REGION_NOT_COVERED = 3
    INDUSTRY_NOT_COVERED = 4
    FULL = 5
    INACTIVE = 6
    PREVIOUS_OWNER = 7


_DISTANCE = {
    RefusalReason.FULL: 0,
    RefusalReason.PREVIOUS_OWNER: 1,
    RefusalReason.INDUSTRY_NOT_COVERED: 2,
    RefusalReason.CITY_MISSING: 3,
    RefusalReason.REGION_NOT_COVERED: 4,
    RefusalReason.INACTIVE: 5,
    RefusalReason.NOT_IN_RULE: 6,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One candidate passed over, and the values that were compared."""

    rep_id: RepId
    reason: RefusalReason
    detail: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Leads that a rule had given to an eligible rep, divided by the rep's weight."""

    rep_id: RepId
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What holds for every lead of one rule, place and industry.

    `verdicts` has a byte for each rep of the roster, in its order: 0 for the `eligible`, else a `RefusalReason`.
    """

    rule: Rule
    verdicts: bytes
    eligible: tuple[Rep, ...]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was decided, and on what.

    `weight` is that of the lead's source. `counts` has two numbers for each eligible rep, in order: turns by this rule
    and open leads, before the decision.
    """

    candidates: Candidates
    weight: float
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Assigned(Ruling):
    """It is this rep's turn."""

    rep_id: RepId


@dataclass(frozen=True, slots=True)
class Unassignable(Ruling):
    """Every candidate had to be passed over."""


class Board:
    """Whose turn it is, and who has how much to do: the state that each decision reads and moves on.

    `turns` are leads given, by rule and rep; `open_counts` maps reps to open leads. `moved`, `opened` and `given` say
    what has changed since: turns to write, differences of open leads, leads given.
    """

    def __init__(
        self, turns: Iterable[tuple[str, RepId, int]], open_counts: Iterable[tuple[RepId, int]]
    ) -> None:
        self._turns: dict[str, dict[RepId, int]] = {}
        for rule_id, rep_id, count in turns:
            self._turns.setdefault(rule_id, {})[rep_id] = count
        self.open_counts = dict(open_counts)
        self._seated: set[Candidates] = set()
        self.moved: set[tuple[str, RepId]] = set()
        self.opened: dict[RepId, int] = {}
        self.given: dict[RepId, int] = {}

    def turns_of(self, rule_id: str) -> dict[RepId, int]:
        """Leads given by a rule, by rep."""
        return self._turns.setdefault(rule_id, {})

    def seat(self, candidates: Candidates) -> dict[RepId, int]:
        """The turns of a rule, in which every candidate has a place.

        A rep who is new to the rule starts at the lowest share of the others: level with them, not behind by all that
        they were given before.
        """
        turns = self.turns_of(candidates.rule.rule_id)
        if candidates not in self._seated:
            self._seated.add(candidates)
            newcomers = [rep for rep in candidates.eligible if rep.rep_id not in turns]
            if newcomers:
                self._join(candidates, newcomers, turns)
        return turns

    def give(self, rule_id: str, rep_id: RepId) -> None:
        """Takes note that a rule has given a lead to a rep."""
        self.turns_of(rule_id)[rep_id] += 1
        self.moved.add((rule_id, rep_id))
        self.given[rep_id] = self.given.get(rep_id, 0) + 1
        self._move_open(rep_id, 1)

    def release(self, rep_id: RepId) -> None:
        """Takes note that a rep has one open lead less."""
        self._move_open(rep_id, -1)

    def _move_open(self, rep_id: RepId, difference: int) -> None:
        self.open_counts[rep_id] = self.open_counts.get(rep_id, 0) + difference
        self.opened[rep_id] = self.opened.get(rep_id, 0) + difference

    def _join(self, candidates: Candidates, newcomers: list[Rep], turns: dict[RepId, int]) -> None:
        seated = [rep for rep in candidates.eligible if rep.rep_id in turns]
        lowest = min(seated, key=lambda rep: turns[rep.rep_id] / rep.weight, default=None)
        for rep in newcomers:
            # Whole numbers, rounded up: nobody joins ahead of the one whose turn it is.
            start = 0 if lowest is None else -(-turns[lowest.rep_id] * rep.weight // lowest.weight)
            turns[rep.rep_id] = start
            self.moved.add((candidates.rule.rule_id, rep.rep_id))


class Router:
    """The rules over one roster; remembers the candidates of the profiles it has seen."""

    def __init__(self, rules: Rules, roster: Roster) -> None:
        self.rules = rules
        self.roster = roster
        self.reps = {rep.rep_id: rep for rep in roster.reps}
        self._by_profile: dict[Profile, Candidates] = {}
        self._by_pool: dict[tuple[str, Profile], Candidates] = {}

    def candidates(self, profile: Profile) -> Candidates:
        """Who can take leads of a profile, and who cannot."""
        known = self._by_profile.get(profile)
        if known is None:
            if len(self._by_profile) >= CANDIDATES_KEPT_MAX:
                self._by_profile.clear()
                self._by_pool.clear()
            known = self._by_profile[profile] = self._pool(profile)
        return known

    def _pool(self, profile: Profile) -> Candidates:
        """The candidates; where one rule decides, leads of several sources have the same."""
        rule = self.rules.rule_for(profile)
        key = (rule.rule_id, profile._replace(source_kind=""))
        known = self._by_pool.get(key)
        if known is None:
            known = self._by_pool[key] = _candidates(rule, self.roster, profile)
        return known


def route(
    profile: Profile, router: Router, board: Board, *, excluded: AbstractSet[RepId] = NOBODY
) -> Assigned | Unassignable:
    """Decides who gets a lead, and moves the board on.

    The eligible rep with the lowest share of the rule's leads (turns divided by weight) who is not full and not
    `excluded` gets it; of equal shares, the lowest rep id.
    """
    candidates = router.candidates(profile)
    weight = router.rules.weight_of(profile.source_kind)
    turns, open_counts = board.seat(candidates), board.open_counts
    counts: list[int] = []
    chosen: RepId | None = None
    lowest = float("inf")
    for rep in candidates.eligible:
        rep_id = rep.rep_id
        turn_count, open_count = turns[rep_id], open_counts.get(rep_id, 0)
        counts += (turn_count, open_count)
        share = turn_count / rep.weight
        if share < lowest and rep_id not in excluded and not is_full(rep, open_count):
            chosen, lowest = rep_id, share
    if chosen is None:
        return Unassignable(candidates, weight, tuple(counts))
    board.give(candidates.rule.rule_id, chosen)
    return Assigned(candidates, weight, tuple(counts), chosen)


def is_full(rep: Rep, open_count: int) -> bool:
    """Whether a rep has as many open leads as they may have."""
    return 0 < rep.capacity <= open_count


def release(router: Router, board: Board, rep_id: RepId) -> bool:
    """Takes a lead from a rep; says whether that makes room where there was none."""
    rep = router.reps.get(rep_id)
    was_full = rep is not None and is_full(rep, board.open_counts.get(rep_id, 0))
    board.release(rep_id)
    return was_full


def heaviest_first(profiles: Sequence[Profile], rules: Rules) -> list[int]:
    """The places of leads in the order in which they are routed: by source weight (AS-01), equals as they came."""
    return sorted(range(len(profiles)), key=lambda i: -rules.weight_of(profiles[i].source_kind))


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a decision was made of, as it is kept: enough to name each rep passed over and why.

    `verdicts` and `counts` are those of `Candidates` and `Ruling`; `excluded` are the owners before.
    """

    rule_id: str
    verdicts: bytes
    counts: Sequence[int]
    excluded: AbstractSet[RepId] = NOBODY


def refusals(grounds: Grounds, reps: Sequence[Rep], profile: Profile) -> list[Refusal]:
    """Every rep that could not be chosen and why, in the order of `reps`, which is that of the roster then."""
    counts = iter(grounds.counts)
    found: list[Refusal] = []
    for rep, verdict in zip(reps, grounds.verdicts, strict=True):
        if verdict != ELIGIBLE:
            reason = RefusalReason(verdict)
            found.append(Refusal(rep.rep_id, reason, _detail(reason, rep, profile, grounds)))
            continue
        _, open_count = next(counts), next(counts)
        if rep.rep_id in grounds.excluded:
            found.append(Refusal(rep.rep_id, RefusalReason.PREVIOUS_OWNER, "had this lead before"))
        elif is_full(rep, open_count):
            detail = f"{open_count} of {rep.capacity} leads open"
            found.append(Refusal(rep.rep_id, RefusalReason.FULL, detail))
    return found


def standings(grounds: Grounds, reps: Sequence[Rep]) -> list[Standing]:
    """How often each eligible rep's turn had come."""
    eligible = [rep for rep, v in zip(reps, grounds.verdicts, strict=True) if v == ELIGIBLE]
    turns = grounds.counts[::2]
    return [
        Standing(rep.rep_id, turn_count / rep.weight)
        for rep, turn_count in zip(eligible, turns, strict=True)
    ]


def nearest(found: Sequence[Refusal], limit: int) -> list[Refusal]:
    """At most `limit` refusals: those first who lack least, since they are the ones that a change would help."""
    return sorted(found, key=lambda refusal: _DISTANCE[refusal.reason])[:limit]


def _candidates(rule: Rule, roster: Roster, profile: Profile) -> Candidates:
    verdicts = bytes(_verdict(rule, rep, profile) for rep in roster.reps)
    eligible = tuple(
        rep for rep, verdict in zip(roster.reps, verdicts, strict=True) if verdict == ELIGIBLE
    )
    return Candidates(rule, verdicts, eligible)


def _verdict(rule: Rule, rep: Rep, profile: Profile) -> int:
    if rule.rep_ids is not None and rep.rep_id not in rule.rep_ids:
        return RefusalReason.NOT_IN_RULE
    if not rep.active:
        return RefusalReason.INACTIVE
    if rule.cover is not Cover.ANY:
        fault = _place_verdict(rule.cover, rep, profile)
        if fault != ELIGIBLE:
            return fault
    # An industry that nobody stated rules nobody out.
    is_comparable = rule.same_industry and rep.industries and profile.industry
    if is_comparable and profile.industry not in rep.industries:
        return RefusalReason.INDUSTRY_NOT_COVERED
    return ELIGIBLE


def _place_verdict(cover: Cover, rep: Rep, profile: Profile) -> int:
    if cover is Cover.REGION and profile.precision is Precision.CITY:
        if not rep.cities:
            return RefusalReason.CITY_MISSING
        covered = profile.city in rep.cities
    else:
        covered = bool(profile.province) and profile.province in rep.provinces
    return ELIGIBLE if covered else RefusalReason.REGION_NOT_COVERED


def _detail(reason: RefusalReason, rep: Rep, profile: Profile, grounds: Grounds) -> str:
    match reason:
        case RefusalReason.NOT_IN_RULE:
            return f"rule {grounds.rule_id} names other reps"
        case RefusalReason.INACTIVE:
            return "takes no leads"
        case RefusalReason.CITY_MISSING:
            return f"city empty; rule {grounds.rule_id} needs one"
        case RefusalReason.INDUSTRY_NOT_COVERED:
            return f"serves {_listed(rep.industries)}; lead is in {profile.industry}"
        case _:
            return f"covers {_covered(rep)}; lead is in {place_of(profile)}"


def region_display(profile: Profile) -> str:
    """Where the customer is, for people's eyes, such as 广东 深圳; empty when unknown."""
    return " ".join(dict.fromkeys(name for name in (profile.province, profile.city) if name))


def place_of(profile: Profile) -> str:
    """Where the customer is, in words that say so when it is not known."""
    known = region_display(profile)
    if profile.precision is Precision.AMBIGUOUS:
        return f"{known} (ambiguous)".strip()
    return known or "an unknown place"


def _covered(rep: Rep) -> str:
    """The places that a rep names, provinces before cities."""
    parts = [_listed(names) for names in (rep.provinces, rep.cities) if names]
    return " / ".join(parts) or "nowhere"


@lru_cache(maxsize=4096)
def _listed(names: frozenset[str]) -> str:
    shown = sorted(names)[:PLACES_SHOWN_MAX]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
