"""Routing rules: which candidates a lead has (AS-01), what it scores (AS-16), and where it falls back to.

What a rule asks of a lead's profile is answered once for each profile; what it asks of one lead (its product, budget,
attributes, score, or an expression) is asked for every lead, of the rules that its profile fits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assignment.domain.leads import Lead, Precision, Profile, RepId, Traits

OTHER_SOURCES = "other"
UNWEIGHTED = 1.0
WAIT = "wait"
FALLBACK = "fallback"
OWNER = "owner"
RESERVED_IDS = frozenset({WAIT, FALLBACK, OWNER})
SCORE = "score"
DECLINES_PER_DAY = 5

Value = str | float | bool


class Cover(Enum):
    """What a rep must cover to be a candidate."""

    REGION = "region"
    """The lead's city; its province where the city is unknown."""
    PROVINCE = "province"
    ANY = "any"


class TieBreaker(IntEnum):
    """What decides among candidates with equal shares; the rep id always does in the end."""

    NONE = 0
    FEWEST_OPEN = 1
    LONGEST_IDLE = 2
    REP_ID = 3


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression over a lead's values; equal by its text.

    `run` takes what the rules' `scope` makes of the values, and gives None where it cannot be evaluated.
    """

    text: str
    run: Callable[[object], Value | None] = field(compare=False, repr=False)

    def holds(self, scope: object) -> bool:
        """Whether it is true; what cannot be evaluated is not."""
        return self.run(scope) is True


class Range(NamedTuple):
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float

    def holds(self, value: float | None) -> bool:
        """Whether a known value lies in it."""
        return value is not None and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Subject:
    """A lead as rules see it. `values` are its declared attributes in their types, `scope` what expressions read."""

    profile: Profile
    weight: float
    score: float
    channel: str
    traits: Traits
    values: Mapping[str, Value]
    scope: object


@dataclass(frozen=True, slots=True)
class Condition:
    """Which leads a rule is for: each part that is not None (or empty) must hold."""

    provinces: frozenset[str] | None = None
    cities: frozenset[str] | None = None
    precisions: frozenset[Precision] | None = None
    industries: frozenset[str] | None = None
    source_kinds: frozenset[str] | None = None
    min_weight: float | None = None
    channels: frozenset[str] | None = None
    products: frozenset[str] | None = None
    budget: Range | None = None
    score: Range | None = None
    attributes: tuple[tuple[str, frozenset[Value] | Range], ...] = ()
    where: Expression | None = None

    def fits(self, profile: Profile, weight: float) -> bool:
        """Whether a lead of this profile and source weight may be one of them."""
        # Written out, narrowest first: it runs for every rule and each new profile.
        return (
            (self.cities is None or profile.city in self.cities)
            and (self.provinces is None or profile.province in self.provinces)
            and (self.industries is None or profile.industry in self.industries)
            and (self.source_kinds is None or profile.source_kind in self.source_kinds)
            and (self.precisions is None or profile.precision in self.precisions)
            and (self.min_weight is None or weight >= self.min_weight)
        )

    @property
    def asks_about_one_lead(self) -> bool:
        """Whether leads of one profile may differ in it."""
        parts = (self.channels, self.products, self.budget, self.score, self.where)
        return bool(self.attributes) or any(part is not None for part in parts)

    def holds(self, subject: Subject) -> bool:
        """Whether a lead whose profile fits is one of them; the expression is asked last."""
        return (
            (self.channels is None or subject.channel in self.channels)
            and (self.products is None or subject.traits.product in self.products)
            and (self.budget is None or self.budget.holds(subject.traits.budget))
            and (self.score is None or self.score.holds(subject.score))
            and all(_admits(wanted, subject.values[name]) for name, wanted in self.attributes)
            and (self.where is None or self.where.holds(subject.scope))
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """The first rule whose condition holds decides about a lead; `when` is None in the last one, which is for all.

    A pool is a rule without a condition that others fall back to. `rep_ids` None means every rep; `shares` are weights
    of reps in this rule in place of their own; `same_industry` asks for a rep who serves the lead's industry;
    `seen_within_s` for one who was seen so lately; `ties` decide among equal shares; `otherwise` is a pool, or one of
    `wait`, `fallback` and `owner`. The last resort takes leads off duty, away and full too. `is_sticky` lets a known
    customer go back to the rep who had them last.
    """

    rule_id: str
    when: Condition | None
    cover: Cover
    same_industry: bool
    rep_ids: frozenset[RepId] | None = None
    shares: tuple[tuple[RepId, int], ...] = ()
    skills: frozenset[str] = frozenset()
    seen_within_s: int | None = None
    ties: tuple[TieBreaker, ...] = ()
    otherwise: str = WAIT
    is_last_resort: bool = False
    is_sticky: bool = True

    def takes_turns_like(self, other: Rule) -> bool:
        """Whether the same reps take the same shares of both, so that turns taken can be carried over."""
        return (self.rep_ids, self.shares, self.cover, self.same_industry, self.skills) == (
            other.rep_ids,
            other.shares,
            other.cover,
            other.same_industry,
            other.skills,
        )


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of leads that rules may ask about; `default` stands where a lead has none, or not of this type."""

    name: str
    default: Value


@dataclass(frozen=True, slots=True)
class Scoring:
    """How leads are scored, and the tag of those above the threshold (AS-16)."""

    expression: Expression
    threshold: float
    tag: str


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the rules; its last rule fits every lead.

    `pools` are by id, with the fallback owner under `owner`; `fallback_pool` is what `fallback` means. `reads` are the
    values that expressions ask for; `scope` makes of them what expressions run on.
    """

    version: int
    source_weights: Mapping[str, float] = field(hash=False)
    rules: tuple[Rule, ...]
    pools: Mapping[str, Rule] = field(default_factory=dict, hash=False)
    fallback_pool: str = OWNER
    attributes: Mapping[str, Attribute] = field(default_factory=dict, hash=False)
    scoring: Scoring | None = None
    declines_per_day: int = DECLINES_PER_DAY
    reads: frozenset[str] = frozenset()
    scope: Callable[[Mapping[str, Value]], object] | None = field(default=None, compare=False)

    def weight_of(self, source_kind: str) -> float:
        """How much a lead's source weighs (AS-01); an unlisted source weighs what `other` does, or 1."""
        weights = self.source_weights
        return weights.get(source_kind, weights.get(OTHER_SOURCES, UNWEIGHTED))

    def possible_rules(self, profile: Profile) -> tuple[Rule, ...]:
        """The rules that may decide about leads of a profile, in order; the last of them is for each of those."""
        weight = self.weight_of(profile.source_kind)
        found: list[Rule] = []
        for rule in self.rules[:-1]:
            if rule.when is None or rule.when.fits(profile, weight):
                found.append(rule)
                if rule.when is None or not rule.when.asks_about_one_lead:
                    return tuple(found)
        return (*found, self.rules[-1])

    def chain_of(self, rule: Rule) -> tuple[Rule, ...]:
        """A rule and the pools that its leads fall back to, in order."""
        chain = [rule]
        name = rule.otherwise
        while name != WAIT:
            pool = self.pools.get(self.fallback_pool if name == FALLBACK else name)
            if pool is None or pool in chain:
                break
            chain.append(pool)
            name = pool.otherwise
        return tuple(chain)

    def subject_of(self, lead: Lead) -> Subject:
        """A lead as these rules see it, scored."""
        profile, traits = lead.profile, lead.traits
        weight = self.weight_of(profile.source_kind)
        values = {each.name: _typed(traits, each) for each in self.attributes.values()}
        score, scope = 0.0, None
        if self.scope is not None:
            read = {name: value for name, value in values.items() if name in self.reads}
            read |= _values_read(self.reads, lead, weight)
            scope = self.scope(read)
            if self.scoring is not None:
                score = _number(self.scoring.expression.run(scope))
                if SCORE in self.reads:
                    scope = self.scope(read | {SCORE: score})
        return Subject(profile, weight, score, lead.channel, traits, values, scope)


@dataclass(frozen=True, slots=True)
class ContactSla:
    """How long an owner has to make contact, and how often a lead may be handed on (AS-03).

    And how long to do something that counts: until it is yellow, and until it is overdue (FU-08); then, how long the
    review may take that this calls for.
    """

    contact_within: timedelta
    max_hops: int
    yellow_after: timedelta = timedelta(hours=48)
    overdue_after: timedelta = timedelta(hours=72)
    review_within: timedelta = timedelta(hours=24)


LEAD_VALUES: dict[str, tuple[Callable[[Lead, float], Value], Value]] = {
    "province": (lambda lead, _: lead.profile.province, ""),
    "city": (lambda lead, _: lead.profile.city, ""),
    "precision": (lambda lead, _: lead.profile.precision.name.lower(), "city"),
    "industry": (lambda lead, _: lead.profile.industry, ""),
    "source_kind": (lambda lead, _: lead.profile.source_kind, ""),
    "channel": (lambda lead, _: lead.channel, ""),
    "first_action": (lambda lead, _: lead.first_action, ""),
    "product": (lambda lead, _: lead.traits.product, ""),
    "budget": (lambda lead, _: lead.traits.budget or 0.0, 1.0),
    "weight": (lambda _, weight: weight, 1.0),
}
"""What expressions may read of every lead, by name, with a value of its type; a budget that is not known is 0."""


def _values_read(reads: frozenset[str], lead: Lead, weight: float) -> dict[str, Value]:
    return {name: LEAD_VALUES[name][0](lead, weight) for name in reads if name in LEAD_VALUES}


def _typed(traits: Traits, attribute: Attribute) -> Value:
    """A lead's attribute in the type of its default."""
    text = traits.attributes.get(attribute.name, "")
    if not text or isinstance(attribute.default, str):
        return text or attribute.default
    if isinstance(attribute.default, bool):
        return text.lower() in {"true", "yes", "1", "是"}
    try:
        return float(text)
    except ValueError:
        return attribute.default


def _number(value: Value | None) -> float:
    """A score that can be compared: what is no finite number is 0."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not abs(value) < float("inf")
    ):
        return 0.0
    return float(value)


def _admits(wanted: frozenset[Value] | Range, value: Value) -> bool:
    if isinstance(wanted, Range):
        return not isinstance(value, str) and wanted.holds(value)
    return value in wanted
