"""Following the chain through a stretch of blocks: what each process of an audit does with its share.

An entry fits when its hash is that of the entry before and its bytes, and when its bytes state its number, its time
and whether it changes state. Hashes are never taken from a dump without being made again.
"""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any

from auditor.dump import Block, Entry, mapped, rows_of
from auditor.state import Replay
from auditor.tree import TILE_LEAVES, tile_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

GENESIS = bytes(32)
KEY_ACTIONS = frozenset({"signing_key_announced", "signing_key_rotated"})
_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Stretch:
    """Blocks to follow, of which the first entry has to be `first_seq`; `sizes` are those of checkpoints."""

    path: Path
    blocks: Sequence[Block]
    first_seq: int
    sizes: frozenset[int]


@dataclass(slots=True)
class Followed:
    """What a stretch came to.

    `first_link` is the first entry's hash and bytes, which whoever knows the entry before has to compare. `tiles` are
    the roots of whole tiles, `partials` the leaf hashes of a tile up to each checkpoint's size.
    `misfit` is the number that the first entry that does not fit ought to have.
    """

    first_link: tuple[bytes, bytes] | None = None
    last_hash: bytes = GENESIS
    count: int = 0
    tiles: list[bytes] = field(default_factory=list)
    partials: dict[int, list[bytes]] = field(default_factory=dict)
    replay: Replay = field(default_factory=Replay)
    keys: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    misfit: int | None = None


@contextmanager
def uncollected() -> Iterator[None]:
    """Spares the collector the growing state, which has no cycles and would be walked again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def follow(stretch: Stretch) -> Followed:
    """Follows a stretch up to its end, or to the first entry that does not fit."""
    with uncollected():
        return _follow(stretch)


def _follow(stretch: Stretch) -> Followed:
    found, leaves = Followed(), []
    expected = stretch.first_seq
    try:
        for entry in _entries(stretch):
            if found.first_link is None:
                found.first_link = (entry.hash, entry.fact)
            elif sha256(found.last_hash + entry.fact).digest() != entry.hash:
                found.misfit = expected
                break
            stated = stated_by(entry)
            if stated is None or entry.seq != expected:
                found.misfit = expected
                break
            _note(found, expected, stated)
            leaves.append(sha256(b"\0" + entry.fact).digest())
            found.last_hash = entry.hash
            if expected in stretch.sizes:
                found.partials[expected] = leaves.copy() if len(leaves) < TILE_LEAVES else []
            if len(leaves) == TILE_LEAVES:
                found.tiles.append(tile_root(leaves))
                leaves = []
            expected += 1
    except (ValueError, KeyError, TypeError, AttributeError):
        found.misfit = expected
    found.count = expected - stretch.first_seq
    return found


def stated_by(entry: Entry) -> dict[str, Any] | None:
    """What an entry's bytes state; None when they are not JSON, or state something else than the entry's row."""
    try:
        text = entry.fact.decode()
        stated, end = _decode(text)
        fits = (
            end == len(text)
            and stated["seq"] == entry.seq
            and stated["recorded_at"] == entry.recorded_at.decode()
            and ("changes" in stated) == bool(entry.changes_state)
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return stated if fits else None


def _note(found: Followed, seq: int, stated: dict[str, Any]) -> None:
    if "changes" in stated:
        found.replay.apply(seq, stated["changes"])
    if stated.get("action") in KEY_ACTIONS:
        found.keys.append((seq, stated))


def _entries(stretch: Stretch) -> Iterator[Entry]:
    with mapped(stretch.path) as view:
        rows = chain.from_iterable(rows_of(view[b.start : b.end]) for b in stretch.blocks)
        yield from map(Entry._make, rows)
