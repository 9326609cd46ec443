"""What a linker did since it was last asked: exactly what a store has to write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matchkit.families import Judgement, Link
    from matchkit.model import Record


class Regrouping(msgspec.Struct, frozen=True):
    """The same records, grouped otherwise: customers before and after, each by least record.

    A new record is in `new` only, a removed one in `old` only.
    """

    old: tuple[frozenset[int], ...]
    new: tuple[frozenset[int], ...]


class Changes(msgspec.Struct, frozen=True):
    """The net difference: what came and went again in between is not in it.

    A link whose weight changed is in both lists. `regroupings` also name each new record.
    """

    records_added: tuple[Record, ...]
    records_removed: tuple[int, ...]
    links_added: tuple[Link, ...]
    links_removed: tuple[Link, ...]
    judgements_added: tuple[Judgement, ...]
    judgements_removed: tuple[Judgement, ...]
    hubs_made: tuple[int, ...]
    hubs_unmade: tuple[int, ...]
    regroupings: tuple[Regrouping, ...]


def regroupings(
    old: Mapping[int, frozenset[int]], new: Mapping[int, frozenset[int]]
) -> tuple[Regrouping, ...]:
    """The least groups of customers whose membership differs, by record before and after."""
    found = []
    seen: set[int] = set()
    for record_id in sorted(old.keys() | new.keys()):
        if record_id in seen:
            continue
        touched = _closure(record_id, old, new)
        seen |= touched
        before, after = _parts(touched, old), _parts(touched, new)
        if before != after:
            found.append(Regrouping(before, after))
    return tuple(found)


def _closure(
    record_id: int, old: Mapping[int, frozenset[int]], new: Mapping[int, frozenset[int]]
) -> set[int]:
    found, ahead = {record_id}, [record_id]
    while ahead:
        at = ahead.pop()
        for part in (old.get(at), new.get(at)):
            if part is not None and not part <= found:
                ahead += part - found
                found |= part
    return found


def _parts(
    record_ids: Iterable[int], parts: Mapping[int, frozenset[int]]
) -> tuple[frozenset[int], ...]:
    return tuple(sorted({parts[at] for at in record_ids if at in parts}, key=min))
