"""Who can take a lead by one rule, and the reason for each rep who cannot.

Reasons that hold for every lead of a profile are found once and remembered as one byte for each rep; what changes
from lead to lead (turns, open leads, presence, owners before) is looked at for the few that remain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from assignment.domain.leads import Precision, Profile
from assignment.domain.reps import ON_DUTY
from assignment.domain.rules import Cover

if TYPE_CHECKING:
    from assignment.domain.leads import Lead
    from assignment.domain.reps import Duty, Rep, Roster
    from assignment.domain.rules import Rule, Rules, Subject

CANDIDATES_KEPT_MAX = 20_000

ELIGIBLE = 0


class RefusalReason(IntEnum):
    """Why a candidate was passed over; the numbers are those of the contract."""

    NOT_IN_RULE = 1
    CITY_MISSING = 2
    REGION_NOT_COVERED = 3
    INDUSTRY_NOT_COVERED = 4
    FULL = 5
    INACTIVE = 6
    PREVIOUS_OWNER = 7
    OFF_DUTY = 8
    AWAY = 9
    SKILL_MISSING = 10


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What holds for every lead of one rule, place and industry.

    `verdicts` has a byte for each rep of the roster, in its order: 0 for the `eligible`, else a `RefusalReason`. The
    eligible have the weights that count in this rule.
    """

    rule: Rule
    verdicts: bytes
    eligible: tuple[Rep, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A lead as the rules see it, and who could take it: the candidates of its rule, then of each pool after it."""

    subject: Subject
    steps: tuple[Candidates, ...]


class Router:
    """The rules over one roster at one state of duty; remembers the candidates of the profiles it has seen."""

    def __init__(self, rules: Rules, roster: Roster, duty: Duty = ON_DUTY) -> None:
        self.rules = rules
        self.roster = roster
        self.duty = duty
        self.reps = {rep.rep_id: rep for rep in roster.reps}
        self._rules_by_profile: dict[Profile, tuple[Rule, ...]] = {}
        self._steps: dict[tuple[str, Profile], tuple[Candidates, ...]] = {}

    def path(self, lead: Lead) -> Path:
        """Who can take a lead, and who cannot."""
        subject = self.rules.subject_of(lead)
        return Path(subject, self.steps(self._rule_for(subject), subject.profile))

    def score_of(self, lead: Lead) -> float:
        """The lead's priority score by the rules in force (AS-16)."""
        return self.rules.subject_of(lead).score

    def steps(self, rule: Rule, profile: Profile) -> tuple[Candidates, ...]:
        """The candidates of a rule for a profile, and of the pools after it; the same for leads of several sources."""
        key = (rule.rule_id, profile._replace(source_kind=""))
        known = self._steps.get(key)
        if known is None:
            if len(self._steps) >= CANDIDATES_KEPT_MAX:
                self._steps.clear()
            chain = self.rules.chain_of(rule)
            known = self._steps[key] = tuple(self._candidates(each, profile) for each in chain)
        return known

    def _rule_for(self, subject: Subject) -> Rule:
        profile = subject.profile
        possible = self._rules_by_profile.get(profile)
        if possible is None:
            if len(self._rules_by_profile) >= CANDIDATES_KEPT_MAX:
                self._rules_by_profile.clear()
            possible = self._rules_by_profile[profile] = self.rules.possible_rules(profile)
        for rule in possible[:-1]:
            if rule.when is None or rule.when.holds(subject):
                return rule
        return possible[-1]

    def _candidates(self, rule: Rule, profile: Profile) -> Candidates:
        off = self.duty.off
        verdicts = bytes(
            _verdict(rule, rep, profile, is_off_duty=rep.rep_id in off) for rep in self.roster.reps
        )
        shares = dict(rule.shares)
        eligible = tuple(
            replace(rep, weight=shares[rep.rep_id]) if rep.rep_id in shares else rep
            for rep, verdict in zip(self.roster.reps, verdicts, strict=True)
            if verdict == ELIGIBLE
        )
        return Candidates(rule, verdicts, eligible)


def _verdict(rule: Rule, rep: Rep, profile: Profile, *, is_off_duty: bool) -> int:
    if rule.rep_ids is not None and rep.rep_id not in rule.rep_ids:
        return RefusalReason.NOT_IN_RULE
    if not rep.active:
        return RefusalReason.INACTIVE
    if rule.is_last_resort:
        return ELIGIBLE
    return _fitness(rule, rep, profile) or (RefusalReason.OFF_DUTY if is_off_duty else ELIGIBLE)


def _fitness(rule: Rule, rep: Rep, profile: Profile) -> int:
    """Whether somebody is the right one for a profile, there or not."""
    fault = ELIGIBLE if rule.cover is Cover.ANY else _place_verdict(rule.cover, rep, profile)
    if fault != ELIGIBLE:
        return fault
    # An industry that nobody stated rules nobody out.
    is_comparable = rule.same_industry and rep.industries and profile.industry
    if is_comparable and profile.industry not in rep.industries:
        return RefusalReason.INDUSTRY_NOT_COVERED
    return ELIGIBLE if rule.skills <= rep.skills else RefusalReason.SKILL_MISSING


def _place_verdict(cover: Cover, rep: Rep, profile: Profile) -> int:
    if cover is Cover.REGION and profile.precision is Precision.CITY:
        if not rep.cities:
            return RefusalReason.CITY_MISSING
        covered = profile.city in rep.cities
    else:
        covered = bool(profile.province) and profile.province in rep.provinces
    return ELIGIBLE if covered else RefusalReason.REGION_NOT_COVERED
