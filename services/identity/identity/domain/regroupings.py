"""Who is who after records came, went or were judged: a pure function of the parts and of what supports which id.

A part of a family is a customer. It is called by the Golden ID that its sources stated first; an id that several parts
support belongs to the one that did so first, and whoever is left without one is called by a record of theirs. Nothing
here depends on the order in which things became known.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from identity.domain.customers import Customer
    from identity.domain.golden_ids import GoldenIdKeys, Minted

Part = frozenset[int]


class RegroupingKind(IntEnum):
    """What caused a regrouping; the numbers are kept in the database."""

    STATED = 1  # statements arrived, changed or went
    JUDGED = 2  # a steward merged, split or answered
    RESTORED = 3  # a steward went back to an earlier state
    ERASED = 4  # a person's data was erased
    DECLARED = 5  # a steward declared or cleared a hub


AUTOMATIC = "identity"
"""The actor of what the service decides by itself."""


class Alias(NamedTuple):
    """A Golden ID on record, or about to be; `customer_id` is 0 for a new one, `master_id` empty."""

    minted: Minted
    first_seen_at: datetime
    customer_id: int = 0
    master_id: str = ""


@dataclass(slots=True)
class Belonging:
    """A record: its digest, the customer it was with (0 when new), and the ids it supports, since when."""

    digest: bytes
    customer_id: int
    supports: dict[str, datetime] = field(default_factory=dict)


class Named(NamedTuple):
    """A part, the customer it is from now on (0: a new one), and what it is called by."""

    part: Part
    customer_id: int
    golden_id: str


@dataclass(slots=True)
class Grouping:
    """Who is who now. `owners` says which part each id stands for, `gone` which customer took in each that is no more.

    `fallbacks` are new supports of ids that records were given for want of another; `ambiguous` are the ids that more
    than one part supports.
    """

    named: list[Named]
    owners: dict[str, Part]
    aliases: dict[str, Alias]
    fallbacks: list[tuple[str, int]]
    gone: dict[int, Part]
    ambiguous: set[str]


class _Claim(NamedTuple):
    """Who supports an id, the strongest claim least."""

    first_seen_at: datetime
    digest: bytes
    record_id: int


def regroup(
    parts: Iterable[Part],
    belongings: Mapping[int, Belonging],
    aliases: dict[str, Alias],
    customers: Mapping[int, Customer],
    keys: GoldenIdKeys,
) -> Grouping:
    """Names every part.

    `belongings` are all loaded records and the new ones, `aliases` every id that these support or that their customers
    had, `customers` the customers on record that are loaded. An id whose customer is not among them is out of reach.
    """
    parts = list(parts)
    part_of = {record_id: part for part in parts for record_id in part}
    living = {
        each.customer_id
        for record_id, each in belongings.items()
        if each.customer_id and record_id in part_of
    }
    owners, ambiguous = _owners(part_of, belongings, aliases, living, customers)
    fallbacks = _fall_back(part_of, belongings, aliases, owners, keys)
    ranks = {at: (aliases[at].first_seen_at, keys.seniority(aliases[at].minted)) for at in owners}
    canonical = _canonical(owners, ranks)
    order = sorted(parts, key=lambda part: ranks[canonical[part]])
    named = _named(order, canonical, belongings, customers)
    gone = _gone(named, owners, belongings, customers)
    return Grouping(named, owners, aliases, fallbacks, gone, ambiguous)


def _owners(
    part_of: Mapping[int, Part],
    belongings: Mapping[int, Belonging],
    aliases: Mapping[str, Alias],
    living: set[int],
    customers: Mapping[int, Customer],
) -> tuple[dict[str, Part], set[str]]:
    """The part that each id in reach stands for, and the ids that several parts support."""
    claims: dict[str, list[_Claim]] = {}
    for record_id, each in belongings.items():
        if record_id in part_of:
            for golden_id, first_seen_at in each.supports.items():
                claim = _Claim(first_seen_at, each.digest, record_id)
                claims.setdefault(golden_id, []).append(claim)
    owners: dict[str, Part] = {}
    ambiguous: set[str] = set()
    for golden_id, claimed in claims.items():
        holder = aliases[golden_id].customer_id
        if holder and holder not in customers:
            continue
        if holder in living and not _was_supported(claimed, belongings, holder):
            continue
        owners[golden_id] = part_of[min(claimed).record_id]
        if len({part_of[claim.record_id] for claim in claimed}) > 1:
            ambiguous.add(golden_id)
    return owners, ambiguous


def _was_supported(
    claimed: Sequence[_Claim], belongings: Mapping[int, Belonging], holder: int
) -> bool:
    """Whether a record of the id's customer still supports it; else it stays with them, unless they are gone."""
    return any(belongings[claim.record_id].customer_id == holder for claim in claimed)


def _fall_back(
    part_of: Mapping[int, Part],
    belongings: Mapping[int, Belonging],
    aliases: dict[str, Alias],
    owners: dict[str, Part],
    keys: GoldenIdKeys,
) -> list[tuple[str, int]]:
    """Gives an id to every record whose own ids all stand for others; adds it to `aliases` and `owners`."""
    added: list[tuple[str, int]] = []
    for record_id, part in part_of.items():
        each = belongings[record_id]
        if any(owners.get(golden_id) is part for golden_id in each.supports):
            continue
        minted = keys.of_record(each.digest)
        first_seen_at = min(each.supports.values())
        known = aliases.get(minted.golden_id)
        aliases[minted.golden_id] = known or Alias(minted, first_seen_at)
        owners[minted.golden_id] = part
        each.supports[minted.golden_id] = first_seen_at
        added.append((minted.golden_id, record_id))
    return added


def _canonical(
    owners: Mapping[str, Part], ranks: Mapping[str, tuple[datetime, tuple[bool, int, int, str]]]
) -> dict[Part, str]:
    """What each part is called by: of the ids that stand for it the one stated first."""
    found: dict[Part, str] = {}
    for golden_id, part in owners.items():
        other = found.get(part)
        if other is None or ranks[golden_id] < ranks[other]:
            found[part] = golden_id
    return found


def _named(
    parts: Sequence[Part],
    canonical: Mapping[Part, str],
    belongings: Mapping[int, Belonging],
    customers: Mapping[int, Customer],
) -> list[Named]:
    """A part keeps the customer called by its id, else the earliest of whom it has records, else it is a new one."""
    by_golden_id: dict[str, int] = {each.golden_id: number for number, each in customers.items()}
    kept = {part: by_golden_id.get(canonical[part], 0) for part in parts}
    taken = set(kept.values())
    named = []
    for part in parts:
        number = kept[part]
        if not number:
            former = {belongings[at].customer_id for at in part} - taken - {0}
            number = min(former, key=lambda at: _age(customers[at]), default=0)
            taken.add(number)
        named.append(Named(part, number, canonical[part]))
    return named


def _age(customer: Customer) -> tuple[datetime, str]:
    return customer.first_seen_at, customer.golden_id


def _gone(
    named: Sequence[Named],
    owners: Mapping[str, Part],
    belongings: Mapping[int, Belonging],
    customers: Mapping[int, Customer],
) -> dict[int, Part]:
    """The customers who are no more, and the part that has most of what was theirs.

    Whoever has nothing any more, and whose id nobody else supports, stays as a name without records.
    """
    kept = {each.customer_id for each in named}
    left = customers.keys() - kept
    if not left:
        return {}
    votes: dict[int, Counter[Part]] = {number: Counter() for number in left}
    for each in named:
        for record_id in each.part:
            number = belongings[record_id].customer_id
            if number in votes:
                votes[number][each.part] += 1
    for number in left:
        heir = owners.get(customers[number].golden_id)
        if heir is not None:
            votes[number][heir] += 1
    return {
        number: max(counted, key=lambda part: (counted[part], -min(part)))
        for number, counted in votes.items()
        if counted
    }
