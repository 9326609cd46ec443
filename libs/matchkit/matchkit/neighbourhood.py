"""What is known around some records: who holds which key, what links them, who is one customer.

In memory it is the whole world. A service loads the part that a batch can touch: the holders of the batch's keys and
of the keys that become or cease to be hubs, the members of their families, and the links and judgements among them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from matchkit.errors import RecordUnknown
from matchkit.families import Judgement, Link, Verdict
from matchkit.holders import Holders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from matchkit.model import Record

_NOTHING: Mapping[int, Any] = {}


class Neighbourhood:
    """The records that are known, and everything between them.

    `generic` are the hubs' keys, and `declared` those of them that are hubs' whoever holds them; `parts` holds the
    customers of more than one record.
    """

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}
        self.holders = Holders()
        self.generic: set[int] = set()
        self.declared: set[int] = set()
        self.parts: dict[int, frozenset[int]] = {}
        self._links: defaultdict[int, dict[int, Link]] = defaultdict(dict)
        self._judgements: dict[int, dict[int, Judgement]] = {}

    def load(
        self,
        records: Iterable[Record],
        *,
        links: Iterable[Link] = (),
        judgements: Iterable[Judgement] = (),
        parts: Iterable[frozenset[int]] = (),
        crowds: Mapping[int, int] | None = None,
        generic: Iterable[int] = (),
    ) -> None:
        """Takes in what a store holds; `crowds` says how many unloaded records hold a key.

        Of a key all holders must be loaded, or else it must be in `generic` and its other holders
        counted in `crowds`.
        """
        for record in records:
            self.add(record)
        self.put_links(links)
        for word in judgements:
            self.put_judgement(word)
        for part in parts:
            self.put_part(part)
        for key, unloaded in (crowds or {}).items():
            self.holders.crowd(key, unloaded)
        self.generic.update(generic)

    def record(self, record_id: int) -> Record:
        """One record; raises `RecordUnknown`."""
        found = self.records.get(record_id)
        if found is None:
            raise RecordUnknown(record_id)
        return found

    def add(self, record: Record) -> None:
        """Adds a record and makes it a holder of its keys."""
        self.records[record.id] = record
        self.holders.join(record.keys, record.id)

    def declare(self, keys: Iterable[int]) -> None:
        """Says of keys that they are hubs' by somebody's word."""
        self.declared.update(keys)
        self.generic.update(self.declared)

    def link(self, a: int, b: int) -> Link | None:
        """The link between two records."""
        return self._links.get(a, {}).get(b)

    def links_of(self, record_id: int) -> Mapping[int, Link]:
        """The links of a record, by the other end."""
        return self._links.get(record_id, {})

    def put_link(self, link: Link) -> None:
        """Adds or replaces a link."""
        self._links[link.a][link.b] = link
        self._links[link.b][link.a] = link

    def put_links(self, links: Iterable[Link]) -> None:
        """Adds or replaces many links."""
        ends = self._links
        for link in links:
            ends[link.a][link.b] = ends[link.b][link.a] = link

    def drop_link(self, link: Link) -> None:
        """Takes a link away."""
        for mine, other in ((link.a, link.b), (link.b, link.a)):
            ends = self._links[mine]
            del ends[other]
            if not ends:
                del self._links[mine]

    def is_judged(self, record_id: int) -> bool:
        """Whether anything was said of a record."""
        return record_id in self._judgements

    def judgement(self, a: int, b: int) -> Judgement | None:
        """What was said of two records."""
        return self._judgements.get(a, {}).get(b)

    def judgements_of(self, record_id: int) -> Mapping[int, Judgement]:
        """What was said of a record, by the other one."""
        return self._judgements.get(record_id, {})

    def put_judgement(self, word: Judgement) -> None:
        """Adds a judgement."""
        self._judgements.setdefault(word.a, {})[word.b] = word
        self._judgements.setdefault(word.b, {})[word.a] = word

    def drop_judgement(self, word: Judgement) -> None:
        """Takes a judgement back."""
        del self._judgements[word.a][word.b]
        del self._judgements[word.b][word.a]

    def part(self, record_id: int) -> frozenset[int]:
        """The customer of a record, as last settled."""
        return self.parts.get(record_id) or frozenset((record_id,))

    def put_part(self, part: frozenset[int]) -> None:
        """Says who is one customer."""
        for record_id in part:
            if len(part) > 1:
                self.parts[record_id] = part
            else:
                self.parts.pop(record_id, None)

    def family(self, record_id: int) -> set[int]:
        """Everyone whom accepted links and `must` judgements connect with a record."""
        found, ahead = {record_id}, [record_id]
        while ahead:
            at = ahead.pop()
            for other, link in self._links.get(at, _NOTHING).items():
                if other not in found and link.accepted:
                    found.add(other)
                    ahead.append(other)
            for other, word in self._judgements.get(at, _NOTHING).items():
                if other not in found and word.verdict is Verdict.MUST and other in self.records:
                    found.add(other)
                    ahead.append(other)
        return found

    def links_among(self, record_ids: Iterable[int]) -> Iterator[Link]:
        """The links whose lesser record is one of these."""
        for record_id in record_ids:
            for link in self.links_of(record_id).values():
                if link.a == record_id:
                    yield link

    def judgements_among(self, record_ids: Iterable[int]) -> Iterator[Judgement]:
        """The judgements whose lesser record is one of these."""
        for record_id in record_ids:
            for word in self.judgements_of(record_id).values():
                if word.a == record_id:
                    yield word
