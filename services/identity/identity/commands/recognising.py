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
    loaded = linker.neighbourhood
    seen = set(around.known)
    found = []
    for outcome in outcomes:
        record_id = outcome.record_id
        record = loaded.records.get(record_id)
        if record is None:
            found.append(MatchBasis.NONE)
            continue
        if record_id in seen:
            found.append(_alike(linker.model, record, record))
        else:
            others = [loaded.record(at) for at in linker.part(record_id) & seen]
            found.append(_basis(around, record, others))
        seen.add(record_id)
    return found


def _basis(around: Surroundings, record: Record, others: Sequence[Record]) -> MatchBasis:
    model = around.linker.model
    if not others:
        return MatchBasis.NEW if _is_strong(model, record) else MatchBasis.NONE
    links = around.linker.neighbourhood.links_of(record.id)
    linked = [other for other in others if other.id in links and links[other.id].accepted]
    if not linked:
        return MatchBasis.STEWARD
    return min((_alike(model, record, other) for other in linked), key=_STRENGTH.index)


def _alike(model: Model, one: Record, other: Record) -> MatchBasis:
    """What two records share exactly."""
    shared = {
        field.name
        for field, mine, theirs in zip(model.fields, one.features, other.features, strict=True)
        if mine is not None and theirs is not None and _meet(mine, theirs, many=field.many)
    }
    if "phone" in shared:
        return MatchBasis.PHONE_AND_USCC if "uscc" in shared else MatchBasis.PHONE
    return MatchBasis.IDENTIFIER if shared & STRONG else MatchBasis.SCORE


def _meet(mine: object, theirs: object, *, many: bool) -> bool:
    if many and isinstance(mine, tuple) and isinstance(theirs, tuple):
        return not set(mine).isdisjoint(theirs)
    return mine == theirs


def _is_strong(model: Model, record: Record) -> bool:
    return any(
        value is not None and field.name in STRONG
        for field, value in zip(model.fields, record.features, strict=True)
    )


_STRENGTH = [
    MatchBasis.PHONE_AND_USCC,
    MatchBasis.PHONE,
    MatchBasis.IDENTIFIER,
    MatchBasis.SCORE,
]
