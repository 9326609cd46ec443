"""Routing rules: which candidates a lead has (AS-01), and how long an owner has to make contact (AS-03)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from assignment.domain.leads import Precision, Profile, RepId

OTHER_SOURCES = "other"
UNWEIGHTED = 1.0


class Cover(Enum):
    """What a rep must cover to be a candidate."""

    REGION = "region"
    """The lead's city; its province where the city is unknown."""
    PROVINCE = "province"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Condition:
    """Which leads a rule is for: each part that is not None must hold."""

    provinces: frozenset[str] | None = None
    cities: frozenset[str] | None = None
    precisions: frozenset[Precision] | None = None
    industries: frozenset[str] | None = None
    source_kinds: frozenset[str] | None = None
    min_weight: float | None = None

    def fits(self, profile: Profile, weight: float) -> bool:
        """Whether a lead of this profile and source weight is one of them."""
        # Written out, narrowest first: it runs for every rule and each new profile.
        return (
            (self.cities is None or profile.city in self.cities)
            and (self.provinces is None or profile.province in self.provinces)
            and (self.industries is None or profile.industry in self.industries)
            and (self.source_kinds is None or profile.source_kind in self.source_kinds)
            and (self.precisions is None or profile.precision in self.precisions)
            and (self.min_weight is None or weight >= self.min_weight)
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """The first rule whose condition fits a lead decides about it; `when` is None in the last one, which fits all.

    `rep_ids` None means every rep; `same_industry` asks for a rep who serves the lead's industry.
    """

    rule_id: str
    when: Condition | None
    cover: Cover
    same_industry: bool
    rep_ids: frozenset[RepId] | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the rule file; its last rule fits every lead."""

    version: int
    source_weights: Mapping[str, float] = field(hash=False)
    rules: tuple[Rule, ...]

    def weight_of(self, source_kind: str) -> float:
        """How much a lead's source weighs (AS-01); an unlisted source weighs what `other` does, or 1."""
        weights = self.source_weights
        return weights.get(source_kind, weights.get(OTHER_SOURCES, UNWEIGHTED))

    def rule_for(self, profile: Profile) -> Rule:
        """The rule that decides about a lead."""
        weight = self.weight_of(profile.source_kind)
        for rule in self.rules[:-1]:
            if rule.when is None or rule.when.fits(profile, weight):
                return rule
        return self.rules[-1]


@dataclass(frozen=True, slots=True)
class ContactSla:
    """How long an owner has to make contact, and how often a lead may be handed on (AS-03)."""

    contact_within: timedelta
    max_hops: int
