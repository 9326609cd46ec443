"""On what a statement was recognised as somebody's who is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.commands.reading import STRONG
from identity.domain.customers import MatchBasis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matchkit.model import Model, Record

    from identity.commands.stating import Outcome
    from identity.commands.surroundings import Surroundings


def bases(around: Surroundings, outcomes: Sequence[Outcome]) -> list[MatchBasis]:
    """The basis of each statement, in turn: a later one knows what an earlier one brought."""
    linker = around.linker
    loaded, comparison = linker.neighbourhood, _Comparison(linker.model)
    seen = set(around.known)
    found = []
    for outcome in outcomes:
        record_id = outcome.record_id
        record = loaded.records.get(record_id)
        if record is None:
            found.append(MatchBasis.NONE)
            continue
        if record_id in seen:
            found.append(comparison.alike(record, record))
        else:
            others = [loaded.record(at) for at in linker.part(record_id) & seen]
            found.append(_basis(around, comparison, record, others))
        seen.add(record_id)
    return found


def _basis(
    around: Surroundings, comparison: _Comparison, record: Record, others: Sequence[Record]
) -> MatchBasis:
    if not others:
        return MatchBasis.NEW if comparison.is_strong(record) else MatchBasis.NONE
    links = around.linker.neighbourhood.links_of(record.id)
    linked = [other for other in others if other.id in links and links[other.id].accepted]
    if not linked:
        return MatchBasis.STEWARD
    return min((comparison.alike(record, other) for other in linked), key=_STRENGTH.index)


class _Comparison:
    """What records share exactly, by a model's fields."""

    def __init__(self, model: Model) -> None:
        places = [(at, field.name, field.many) for at, field in enumerate(model.fields)]
        self._phone = [(at, many) for at, name, many in places if name == "phone"]
        self._uscc = [(at, many) for at, name, many in places if name == "uscc"]
        self._strong = [(at, many) for at, name, many in places if name in STRONG]

    def is_strong(self, record: Record) -> bool:
        """Whether the record names one person by itself."""
        return any(record.features[at] is not None for at, _ in self._strong)

    def alike(self, one: Record, other: Record) -> MatchBasis:
        """On what two records of one customer agree."""
        if _share(self._phone, one, other):
            shares_uscc = _share(self._uscc, one, other)
            return MatchBasis.PHONE_AND_USCC if shares_uscc else MatchBasis.PHONE
        is_identified = _share(self._strong, one, other)
        return MatchBasis.IDENTIFIER if is_identified else MatchBasis.SCORE


def _share(places: Sequence[tuple[int, bool]], one: Record, other: Record) -> bool:
    """Whether two records have a value in common in one of these fields."""
    for at, many in places:
        mine, theirs = one.features[at], other.features[at]
        if mine is not None and theirs is not None and _meet(mine, theirs, many=many):
            return True
    return False


def _meet(mine: object, theirs: object, *, many: bool) -> bool:
    if many and isinstance(mine, tuple) and isinstance(theirs, tuple):
        return not set(mine).isdisjoint(theirs)
    return mine == theirs


_STRENGTH = [
    MatchBasis.PHONE_AND_USCC,
    MatchBasis.PHONE,
    MatchBasis.IDENTIFIER,
    MatchBasis.SCORE,
]
