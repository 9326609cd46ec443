"""Links records one at a time, so that the order of their coming leaves no trace.

A link is a function of its two records, the model and the set of hubs. A key becomes a hub's by the number of its
holders; then every link among them is weighed anew. Customers are a function of links and judgements
(`matchkit.families`). So is therefore the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from matchkit.errors import JudgementsContradict, RecordKnown, RecordUnknown, SameRecord
from matchkit.families import Judgement, Link, Member, Verdict, obstacle, partition, undivided
from matchkit.journal import Journal
from matchkit.keys import KeyRule
from matchkit.neighbourhood import Neighbourhood
from matchkit.scoring import Hubs, bits_of, contradiction
from matchkit.weighing import weigher

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matchkit.changes import Changes
    from matchkit.hashing import Hasher
    from matchkit.model import Features, Model, Record


class Placement(msgspec.Struct, frozen=True):
    """Where a new record came to lie: its accepted links, those to review, the hubs it made."""

    record_id: int
    links: tuple[Link, ...]
    reviews: tuple[Link, ...]
    hubs_made: tuple[int, ...]


class Linker:
    """Places, removes and judges records of a neighbourhood."""

    def __init__(
        self, model: Model, hasher: Hasher, neighbourhood: Neighbourhood | None = None
    ) -> None:
        """Raises `ModelInvalid` when the model has no weights."""
        self.model = model
        self.hasher = hasher
        self.neighbourhood = neighbourhood if neighbourhood is not None else Neighbourhood()
        self._hubs = Hubs(hasher, self.neighbourhood.generic)
        self._bits = weigher(model).bits
        self._accept_bits = bits_of(model.accept)
        self._review_bits = bits_of(model.review)
        self._owned = KeyRule(model.owned, model.fields) if model.owned else None
        self._exclusive = any(field.exclusive for field in model.fields)
        self._journal = Journal(self.neighbourhood)
        self._unsettled: set[int] = set()

    def add(self, record_id: int, features: Features) -> Placement:
        """Places a new record; raises `RecordKnown`."""
        return self.place(self.model.record(record_id, features, self.hasher))

    def place(self, record: Record) -> Placement:
        """Places a record whose tokens are made already; raises `RecordKnown`."""
        around = self.neighbourhood
        if record.id in around.records:
            raise RecordKnown(record.id)
        around.records[record.id] = record
        self._journal.record_added(record)
        candidates, crowded = self._join_holders(record)
        for key in crowded:
            self._make_hub(key)
        if crowded:
            candidates = self._candidates(record)
        links = self._link_all(record, candidates) if candidates else []
        if around.is_judged(record.id):
            self._unsettled.add(record.id)
        return Placement(
            record.id,
            tuple([link for link in links if link.accepted]) if links else (),
            tuple([link for link in links if not link.accepted]) if links else (),
            tuple(crowded),
        )

    def remove(self, record_id: int) -> None:
        """Takes a record away, with its links; judgements on it are kept. Raises `RecordUnknown`."""
        around = self.neighbourhood
        record = around.record(record_id)
        self.settle()
        for link in tuple(around.links_of(record_id).values()):
            self._drop(link)
        for key in record.keys:
            around.holders.remove(key, record_id)
        self._journal.record_removed(record)
        del around.records[record_id]
        self._forget_part(record_id)
        for key in record.keys:
            if key in around.generic and not self._is_hub(key, record):
                self._unmake_hub(key)

    def judge(self, a: int, b: int, verdict: Verdict) -> None:
        """Keeps a steward's word on two records.

        Raises `SameRecord`, `RecordUnknown`, or `JudgementsContradict` when it cannot stand beside
        other judgements, exclusive values or the greatest size.
        """
        if a == b:
            raise SameRecord(a)
        for record_id in (a, b):
            self.neighbourhood.record(record_id)
        word = Judgement(min(a, b), max(a, b), verdict)
        known = self.neighbourhood.judgement(a, b)
        if known == word:
            return
        if known is not None:
            raise JudgementsContradict(a, b, "judgement")
        self._refuse_contradiction(word)
        self._journal.judgement_changed(word)
        self.neighbourhood.put_judgement(word)
        self._unsettled |= {a, b}

    def revoke(self, a: int, b: int) -> None:
        """Takes back what was said of two records, if anything was."""
        word = self.neighbourhood.judgement(a, b)
        if word is not None:
            self._journal.judgement_changed(word)
            self.neighbourhood.drop_judgement(word)
            self._unsettled |= {a, b} & self.neighbourhood.records.keys()

    def declare(self, key: int) -> None:
        """Makes a key a hub's, whoever holds it by now or later."""
        around = self.neighbourhood
        if key not in around.generic:
            self._make_hub(key)
        around.declare((key,))

    def withdraw(self, key: int) -> None:
        """Takes a declaration back: the key is a hub's only if its holders make it one."""
        around = self.neighbourhood
        if key not in around.declared:
            return
        around.declared.discard(key)
        held = around.holders.of(key)
        if not held or not self._is_hub(key, around.records[held[0]]):
            self._unmake_hub(key)

    def part(self, record_id: int) -> frozenset[int]:
        """The customer of a record; raises `RecordUnknown`."""
        if record_id not in self.neighbourhood.records:
            raise RecordUnknown(record_id)
        self.settle()
        return self.neighbourhood.part(record_id)

    def partition(self) -> list[frozenset[int]]:
        """All customers, by least record."""
        self.settle()
        around = self.neighbourhood
        return sorted({around.part(record_id) for record_id in around.records}, key=min)

    def changes(self) -> Changes:
        """The net difference since the last call."""
        self.settle()
        found = self._journal.changes()
        self._journal = Journal(self.neighbourhood)
        return found

    def settle(self) -> None:
        """Works out the customers of every family that something touched."""
        while self._unsettled:
            self._settle_family(self.neighbourhood.family(self._unsettled.pop()))

    def _settle_family(self, family: set[int]) -> None:
        self._unsettled -= family
        around = self.neighbourhood
        if len(family) == 1:
            (alone,) = family
            if alone in around.parts:
                self._journal.regrouped(alone)
                del around.parts[alone]
            return
        members = {at: self._member(around.records[at]) for at in family}
        words = list(around.judgements_among(family))
        size_max = self.model.customer_size_max
        if undivided(members, words, size_max=size_max):
            self._put_part(frozenset(family))
            return
        for part in partition(members, around.links_among(family), words, size_max=size_max):
            self._put_part(part)

    def _member(self, record: Record) -> Member:
        owned = () if self._owned is None else tuple(self._owned.texts(record.features))
        return Member.of(record, owned)

    def _put_part(self, part: frozenset[int]) -> None:
        for record_id in part:
            if self.neighbourhood.part(record_id) != part:
                self._journal.regrouped(record_id)
        self.neighbourhood.put_part(part)

    def _forget_part(self, record_id: int) -> None:
        around = self.neighbourhood
        part = around.parts.pop(record_id, None)
        if part is not None:
            around.put_part(part - {record_id})
        self._unsettled.discard(record_id)

    def _join_holders(self, record: Record) -> tuple[set[int], list[int]]:
        """Makes the record a holder of its keys: whom they propose, and which are hubs' from now."""
        around = self.neighbourhood
        candidates: set[int] = set()
        crowded: list[int] = []
        shared = around.holders.join(record.keys, record.id)
        for key in shared:
            if key not in around.generic:
                candidates.update(around.holders.of(key))
                if self._is_hub(key, record):
                    crowded.append(key)
        if shared:
            candidates.discard(record.id)
        return candidates, crowded

    def _is_hub(self, key: int, record: Record) -> bool:
        holders = self.neighbourhood.holders
        count = holders.count(key)
        if count > self.model.records_max or key in self.neighbourhood.declared:
            return True
        if count <= self.model.names_max or key not in record.identifiers:
            return False
        records = self.neighbourhood.records
        names = {name for at in holders.all_of(key) for name in records[at].names}
        return len(names) > self.model.names_max

    def _candidates(self, record: Record) -> set[int]:
        around = self.neighbourhood
        found: set[int] = set()
        for key in record.keys:
            if key not in around.generic:
                found.update(around.holders.of(key))
        found.discard(record.id)
        return found

    def _make_hub(self, key: int) -> None:
        """Marks the key, and weighs anew every link among its holders: they can only lose."""
        self._journal.hub_changed(key)
        self.neighbourhood.generic.add(key)
        holders = set(self.neighbourhood.holders.of(key))
        for link in list(self.neighbourhood.links_among(holders)):
            if link.b in holders:
                self._weigh_again(link.a, link.b)

    def _unmake_hub(self, key: int) -> None:
        """Unmarks the key, and weighs anew every pair of its holders."""
        self._journal.hub_changed(key)
        self.neighbourhood.generic.discard(key)
        holders = sorted(self.neighbourhood.holders.all_of(key))
        for at, a in enumerate(holders):
            for b in holders[at + 1 :]:
                self._weigh_again(a, b)

    def _weigh_again(self, a: int, b: int) -> None:
        around = self.neighbourhood
        mine, theirs = around.records[a], around.records[b]
        before = around.link(a, b)
        shared = set(mine.keys).intersection(theirs.keys) - around.generic
        after = self._weigh(mine, theirs) if shared else None
        if before == after:
            return
        if before is not None:
            self._drop(before)
        if after is not None:
            self._put(after)

    def _link_all(self, record: Record, candidates: Iterable[int]) -> list[Link]:
        records = self.neighbourhood.records
        found = []
        for other in candidates:
            link = self._weigh(record, records[other])
            if link is not None:
                found.append(link)
                self._journal.link_added(link)
                self.neighbourhood.put_link(link)
                if link.accepted:
                    self._unsettled.add(link.a)
                    self._unsettled.add(link.b)
        if len(found) > 1:
            found.sort(key=lambda link: (link.a, link.b))
        return found

    def _weigh(self, one: Record, other: Record) -> Link | None:
        """The link of two records, always looked at from the lesser digest's side."""
        if one.digest > other.digest:
            one, other = other, one
        a, b = one.features, other.features
        if self._share_hub(one, other):
            a, b = self._hubs.muted(self.model, a, b)
        bits = self._bits(a, b)
        if bits < self._review_bits:
            return None
        if self._exclusive and contradiction(self.model, a, b):
            return None
        first, second = (one.id, other.id) if one.id < other.id else (other.id, one.id)
        return Link(first, second, bits, bits >= self._accept_bits)

    def _share_hub(self, one: Record, other: Record) -> bool:
        generic = self.neighbourhood.generic
        if generic.isdisjoint(one.identifiers):
            return False
        return any(token in generic and token in other.identifiers for token in one.identifiers)

    def _put(self, link: Link) -> None:
        self._journal.link_changed(link)
        self.neighbourhood.put_link(link)
        self._unsettled.update((link.a, link.b))

    def _drop(self, link: Link) -> None:
        self._journal.link_changed(link)
        self.neighbourhood.drop_link(link)
        self._unsettled.update((link.a, link.b))

    def _refuse_contradiction(self, word: Judgement) -> None:
        """Raises `JudgementsContradict` when everything said so far cannot stand beside this."""
        around = self.neighbourhood
        bound = self._bound(word.a) | self._bound(word.b)
        words = [word, *around.judgements_among(bound)]
        members = {at: Member.of(around.records[at]) for at in bound}
        reason = obstacle(
            members,
            [(said.a, said.b) for said in words if said.verdict is Verdict.MUST],
            [(said.a, said.b) for said in words if said.verdict is Verdict.NEVER],
            size_max=self.model.customer_size_max,
        )
        if reason:
            raise JudgementsContradict(word.a, word.b, reason)

    def _bound(self, record_id: int) -> set[int]:
        """Everyone who must be with a record."""
        around = self.neighbourhood
        found, ahead = {record_id}, [record_id]
        while ahead:
            for other, word in around.judgements_of(ahead.pop()).items():
                if word.verdict is Verdict.MUST and other not in found and other in around.records:
                    found.add(other)
                    ahead.append(other)
        return found
