"""Plans what a linker's changes come to: who is called what, and the rows that say so."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

from matchkit.scoring import posterior

from identity.domain.customers import Customer, CustomerId, GoldenId, MasterId
from identity.domain.golden_ids import Recipe
from identity.domain.regroupings import AUTOMATIC, Alias, RegroupingKind
from identity.domain.statements import Newcomer, Regrouped
from identity.store.differences import Difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from matchkit.changes import Changes
    from matchkit.families import Link
    from matchkit.model import Model, Record

    from identity.commands.surroundings import Surroundings
    from identity.domain.golden import Source
    from identity.domain.regroupings import Grouping, Part
    from identity.seals import Seals

SCORED, OF_ONE_SOURCE = 1, 2
ACCEPTED, WAITS = 1, 2
NOT_SCORED = -1.0
"""Bits of records that only their source ties: below those of any pair that is kept for its score."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why customers change, and by whom."""

    kind: RegroupingKind = RegroupingKind.STATED
    actor: str = AUTOMATIC
    reason: str = ""


@dataclass(slots=True)
class Work:
    """What a caller did to the surroundings, besides what the linker knows.

    `current` tells of records whether a source says them now, where that changed; `touched` are records of which a
    statement came or went; `chains` are pairs that one source stated; `supported` are new supports of ids. `sources`
    are those of new records, with all that they say; a record of which more is to be known is not there.
    """

    current: dict[int, bool] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)
    chains: set[tuple[int, int]] = field(default_factory=set)
    supported: dict[tuple[str, int], datetime] = field(default_factory=dict)
    sources: dict[int, list[Source]] = field(default_factory=dict)
    difference: Difference = field(default_factory=Difference)


@dataclass(frozen=True, slots=True)
class Settled:
    """Who is who now: the customer of each record in reach, and what changed.

    `leads` say what the records hold that moved.
    """

    customer_of: Mapping[int, Customer]
    regrouped: Regrouped
    moves: Sequence[tuple[int, int | None, int | None]]
    before: Mapping[int, Customer]
    now: Mapping[int, Customer]
    ambiguous: frozenset[str]
    hubs: Sequence[int]
    regrouping_id: int | None
    leads: Mapping[int, Sequence[str]] = field(default_factory=dict)


class Naming:
    """Parts with their customers, numbered, beside the customers before."""

    def __init__(self, around: Surroundings, grouping: Grouping, removed: set[int]) -> None:
        self.around = around
        self.grouping = grouping
        self.removed = removed
        self.number_of: dict[Part, int] = {each.part: each.customer_id for each in grouping.named}
        self.created: set[int] = set()
        self.before = dict(around.customers)
        self.now: dict[int, Customer] = {}

    def number_customers(self, numbers: Iterable[int]) -> None:
        """Numbers the new customers."""
        fresh = iter(numbers)
        for part, number in self.number_of.items():
            if not number:
                self.number_of[part] = next(fresh)
                self.created.add(self.number_of[part])

    def fresh_aliases(self) -> list[str]:
        """Ids that stand for somebody and have no master id yet, the earliest first."""
        aliases = self.grouping.aliases
        fresh = [at for at in self.grouping.owners if not aliases[at].master_id]
        return sorted(fresh, key=lambda at: (aliases[at].first_seen_at, at))

    def holder(self, golden_id: str, alias: Alias) -> int:
        """The number of the customer that an id stands for from now on."""
        part = self.grouping.owners.get(golden_id) or self.grouping.gone.get(alias.customer_id)
        return alias.customer_id if part is None else self.number_of[part]

    @cached_property
    def moves(self) -> list[tuple[int, int | None, int | None]]:
        """Records on record that changed hands, or went; to be asked for when everybody is numbered."""
        found: list[tuple[int, int | None, int | None]] = []
        for each in self.grouping.named:
            number = self.number_of[each.part]
            for record_id in each.part:
                former = self.around.belongings[record_id].customer_id
                if former and former != number:
                    found.append((record_id, former, number))
        found += [(at, self.around.belongings[at].customer_id, None) for at in self.removed]
        return sorted(found)

    def settled(self, cause: Cause, work: Work, changes: Changes) -> Settled:
        """What changed, as followers are told."""
        moves = self.moves
        customer_of = {
            record_id: self.now[self.number_of[each.part]]
            for each in self.grouping.named
            for record_id in each.part
        }
        touched = {
            number for number, each in self.now.items() if each != self.before.get(number)
        } | {customer_of[at].customer_id for at in work.touched if at in customer_of}
        regrouped = Regrouped(
            touched=frozenset(touched),
            created=frozenset(self.created),
            merged={number: self.number_of[part] for number, part in self.grouping.gone.items()},
            parted=self._parted(moves),
            actor=cause.actor,
            reason=cause.reason,
            newcomers=self._newcomers(work),
        )
        ambiguous = frozenset(self.grouping.ambiguous)
        hubs = changes.hubs_made
        return Settled(customer_of, regrouped, moves, self.before, self.now, ambiguous, hubs, None)

    def _newcomers(self, work: Work) -> dict[int, Newcomer]:
        found = {}
        for each in self.grouping.named:
            number = self.number_of[each.part]
            if number in self.created and work.sources.keys() >= each.part:
                sources = [source for at in each.part for source in work.sources[at]]
                found[number] = Newcomer(each.golden_id, sources)
        return found

    def _parted(self, moves: Sequence[tuple[int, int | None, int | None]]) -> dict[int, int]:
        return {
            into: former
            for _, former, into in moves
            if into in self.created and former is not None and former not in self.grouping.gone
        }


class Plan:
    """Collects the rows of a difference."""

    settled: Settled

    def __init__(
        self, model: Model, seals: Seals, around: Surroundings, work: Work, named: Naming
    ) -> None:
        self.difference = work.difference
        self._model = model
        self._seals = seals
        self._around = around
        self._work = work
        self._named = named

    def evidence(self, changes: Changes, removed: set[int]) -> None:
        """Links and hubs."""
        difference, loaded = self.difference, self._around.linker.neighbourhood
        chains = self._around.chains
        added = {(link.a, link.b): link for link in changes.links_added}
        for a, b in self._work.chains - added.keys():
            if a in loaded.records and b in loaded.records:
                difference.linked.append(self._link_row(a, b, loaded.link(a, b)))
        for (a, b), link in added.items():
            difference.linked.append(self._link_row(a, b, link))
        difference.unlinked += [
            (link.a, link.b)
            for link in changes.links_removed
            if (link.a, link.b) not in added
            and (link.a, link.b) not in chains
            and not {link.a, link.b} & removed
        ]
        difference.cleared += changes.hubs_unmade
        difference.crowded += [
            (key, self._rule_of(key), self._crowd_reason(key)) for key in changes.hubs_made
        ]

    def records(self, changes: Changes, removed: set[int]) -> None:
        """New records, and those that are elsewhere than they were."""
        families = _families(self._around)
        fresh = {each.id for each in changes.records_added} - self._around.known.keys()
        self.difference.removed += sorted(removed)
        for each in self._named.grouping.named:
            number = self._named.number_of[each.part]
            for record_id in each.part:
                if record_id in fresh:
                    self.difference.recorded.append(self._record_row(record_id, number, families))
                else:
                    self._move(record_id, number, families[record_id])
        for golden_id, record_id in self._named.grouping.fallbacks:
            since = self._around.belongings[record_id].supports[golden_id]
            self._work.supported[golden_id, record_id] = since
        self.difference.supported += [
            (golden_id, record_id, since)
            for (golden_id, record_id), since in self._work.supported.items()
            if record_id in families
        ]

    def customers(self) -> None:
        """Customers and the ids they are known by."""
        self._aliases()
        named, moves = self._named, self._named.moves
        changed = {number for _, former, into in moves for number in (former, into)}
        for each in named.grouping.named:
            number = named.number_of[each.part]
            customer = self._customer(number, each.part, each.golden_id)
            before = named.before.get(number)
            if before is not None and (
                customer == replace(before, version=customer.version) and number not in changed
            ):
                named.now[number] = before
                continue
            named.now[number] = customer
            self._customer_row(customer, before)
        self._empty(set(named.number_of.values()))
        self.difference.renamed += sorted(named.grouping.gone)

    def _aliases(self) -> None:
        named = self._named
        for golden_id, alias in named.grouping.aliases.items():
            holder = named.holder(golden_id, alias)
            before = self._around.aliases_before.get(golden_id)
            if not holder or (
                before is not None
                and before.customer_id == holder
                and before.first_seen_at == alias.first_seen_at
            ):
                continue
            minted, since = alias.minted, alias.first_seen_at
            row = (golden_id, alias.master_id, holder, int(minted.recipe), minted.key_id, since)
            # A record's own id may be on record without having been asked for.
            is_new = before is None and minted.recipe is not Recipe.RECORD
            (self.difference.minted if is_new else self.difference.called).append(row)

    def _customer(self, number: int, part: Part, golden_id: str) -> Customer:
        alias = self._named.grouping.aliases[golden_id]
        before = self._named.before.get(number)
        return Customer(
            CustomerId(number),
            GoldenId(golden_id),
            MasterId(alias.master_id),
            alias.first_seen_at,
            len(part),
            before.version + 1 if before else 1,
        )

    def _customer_row(self, customer: Customer, before: Customer | None) -> None:
        if before is not None and before.golden_id != customer.golden_id:
            self.difference.renamed.append(customer.customer_id)
        self.difference.customers.append(
            (
                customer.customer_id,
                customer.golden_id,
                customer.master_id,
                customer.first_seen_at,
                customer.record_count,
                customer.version,
            )
        )

    def _empty(self, kept: set[int]) -> None:
        """Customers of whom nothing is left keep their names."""
        for number, before in self._named.before.items():
            if number in kept or number in self._named.grouping.gone or not before.record_count:
                continue
            customer = replace(before, record_count=0, version=before.version + 1)
            self._named.now[number] = customer
            self._customer_row(customer, before)

    def _move(self, record_id: int, number: int, family_id: int) -> None:
        known = self._around.known[record_id]
        is_current = self._work.current.get(record_id, known.is_current)
        former = self._around.belongings[record_id].customer_id
        if (number, family_id, is_current) != (former, known.family_id, known.is_current):
            self.difference.moved.append((record_id, number, family_id, is_current))

    def _record_row(
        self, record_id: int, number: int, families: Mapping[int, int]
    ) -> tuple[object, ...]:
        record = self._around.linker.neighbourhood.record(record_id)
        sealed = self._seals.seal_features(record.digest, record.features, self._model)
        is_current = self._work.current.get(record_id, True)
        family_id = families[record_id]
        return (record_id, record.digest, sealed, record.keys, number, family_id, is_current)

    def _link_row(self, a: int, b: int, link: Link | None) -> tuple[object, ...]:
        loaded = self._around.linker.neighbourhood
        levels = _levels(self._model, loaded.record(a), loaded.record(b))
        kind = OF_ONE_SOURCE if (a, b) in self._around.chains else SCORED
        is_accepted = kind == OF_ONE_SOURCE or (link is not None and link.accepted)
        outcome = ACCEPTED if is_accepted else WAITS
        bits = link.bits if link is not None else NOT_SCORED
        return (a, b, kind, outcome, bits, posterior(bits), levels)

    def _rule_of(self, key: int) -> str:
        loaded = self._around.linker.neighbourhood
        features = loaded.record(loaded.holders.of(key)[0]).features
        return self._model.keys_of(features, self._around.linker.hasher).get(key, "")

    def _crowd_reason(self, key: int) -> str:
        count = self._around.linker.neighbourhood.holders.count(key)
        return "crowded" if count > self._model.records_max else "names"


def _levels(model: Model, one: Record, other: Record) -> bytes:
    """The level of each field, 255 where a side says nothing; of several values, that of the most alike."""
    levels = bytearray()
    for compared, kind, mine, theirs in zip(
        model.fields, model.kinds, one.features, other.features, strict=True
    ):
        if mine is None or theirs is None:
            levels.append(255)
        elif compared.many:
            pairs = product(compared.values(mine), compared.values(theirs))
            levels.append(min(kind.compare(a, b) for a, b in pairs))
        else:
            levels.append(kind.compare(mine, theirs))
    return bytes(levels)


def _families(around: Surroundings) -> dict[int, int]:
    """The family of each record: the least record of it."""
    loaded = around.linker.neighbourhood
    found: dict[int, int] = {}
    for record_id in loaded.records:
        if record_id not in found:
            family = loaded.family(record_id)
            found.update(dict.fromkeys(family, min(family)))
    return found
