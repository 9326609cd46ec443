"""The quick way along the chain: a stretch at a time, tile by tile, for a log that is as it was written.

It says only whether everything fits. Where anything does not, or is not certain to, `auditor.chain` follows again with
care and finds out at which entry.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import chain, islice
from typing import TYPE_CHECKING

from auditor import plain
from auditor.chain import KEY_ACTIONS, Followed, Stretch, stated_by, uncollected
from auditor.dump import Entry, mapped, rows_of
from auditor.tree import TILE_LEAVES, tile_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class _Doubt(Exception):  # noqa: N818 - errors are named by what is wrong
    """An entry does not fit."""


def linked(stretch: Stretch) -> Followed:
    """Follows a stretch whose entries all fit; with `misfit`, not followed, when one may not.

    What entries that change state say is left to `auditor.contents`.
    """
    with uncollected(), mapped(stretch.path) as view:
        rows = chain.from_iterable(rows_of(view[b.start : b.end]) for b in stretch.blocks)
        try:
            return _linked(stretch, rows)
        except (_Doubt, ValueError):
            return Followed(misfit=stretch.first_seq)


def _linked(stretch: Stretch, rows: Iterator[tuple[int, int, bytes, bytes, bytes]]) -> Followed:
    found = Followed()
    while tile := list(islice(rows, TILE_LEAVES)):
        seqs, flags, digests, times, facts = zip(*tile, strict=True)
        first_seq = stretch.first_seq + found.count
        if seqs != tuple(range(first_seq, first_seq + len(tile))):
            raise _Doubt
        _follow(found, digests, facts)
        leaves = [sha256(b"\0" + fact).digest() for fact in facts]
        for size in stretch.sizes & set(seqs):
            found.partials[size] = leaves[: size % TILE_LEAVES]
        if len(leaves) == TILE_LEAVES:
            found.tiles.append(tile_root(leaves))
        _read_steady(zip(seqs, times, facts, flags, strict=True))
        _note_keys(found, [Entry(*row) for row in tile] if _may_hold_keys(facts) else ())
        found.count += len(tile)
    return found


def _follow(found: Followed, digests: Sequence[bytes], facts: Sequence[bytes]) -> None:
    """Compares the hashes of a tile with those that its bytes give, but the first one of a stretch."""
    if found.first_link is None:
        found.first_link = (digests[0], facts[0])
        made = [digests[0]]
        made += [sha256(b + f).digest() for b, f in zip(digests, facts[1:], strict=False)]
    else:
        before = (found.last_hash, *digests)
        made = [sha256(b + f).digest() for b, f in zip(before, facts, strict=False)]
    if tuple(made) != digests:
        raise _Doubt
    found.last_hash = digests[-1]


def _read_steady(rows: Iterator[tuple[int, bytes, bytes, int]]) -> None:
    """Compares what entries that change no state say with their rows."""
    matched = plain.ENTRY.fullmatch
    for seq, time, fact, changes_state in rows:
        if changes_state:
            continue
        match = matched(fact.decode())
        if match is None:
            if stated_by(Entry(seq, changes_state, b"", time, fact)) is None:
                raise _Doubt
        elif match.group(8, 9, 10) != (None, time.decode(), str(seq)):
            raise _Doubt


def _may_hold_keys(facts: Sequence[bytes]) -> bool:
    """Whether any entry may be of a signing key, in whatever way its name may be written."""
    together = b"".join(facts)
    return b"signing_key" in together or b"\\" in together


def _note_keys(found: Followed, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if b"signing_key" in entry.fact or b"\\" in entry.fact:
            stated = stated_by(entry)
            if stated is None:
                raise _Doubt
            if stated.get("action") in KEY_ACTIONS:
                found.keys.append((entry.seq, stated))
