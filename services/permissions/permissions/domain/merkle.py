"""The tree of RFC 6962 over the log's entries: what proves that an entry, or an earlier log, is part of the log.

To grow it, only the peaks are needed: the roots of the complete subtrees that the log divides into from the left. The
roots of complete subtrees of at least `TILE_LEAVES` leaves are kept, so that a proof reads a logarithmic number of
them and at most two tiles of entries.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

TILE_LEVEL = 8
TILE_LEAVES = 1 << TILE_LEVEL
HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


class Subtree(NamedTuple):
    """A complete subtree: the 2^`level` leaves from leaf `number` * 2^`level`, counted from 0."""

    level: int
    number: int


class Range(NamedTuple):
    """Leaves from `begin` up to, not including, `end`, counted from 0."""

    begin: int
    end: int


def leaf_hash(content: bytes) -> bytes:
    """The hash of one entry's bytes."""
    return hashlib.sha256(b"\0" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees beside each other."""
    return hashlib.sha256(b"\1" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Peaks:
    """The roots of the complete subtrees of a log of `size` entries, the largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    @classmethod
    def unpacked(cls, size: int, packed: bytes) -> "Peaks":
        """What `packed` wrote; raises ValueError when it cannot be of a log of that size."""
        if len(packed) != HASH_BYTES * size.bit_count():
            raise ValueError(f"{len(packed)} bytes are not the peaks of {size} entries")
        starts = range(0, len(packed), HASH_BYTES)
        return cls(size, tuple(packed[start : start + HASH_BYTES] for start in starts))

    def packed(self) -> bytes:
        """The hashes, one after the other."""
        return b"".join(self.hashes)

    def grown(self, leaves: Iterable[bytes]) -> tuple["Peaks", dict[Subtree, bytes]]:
        """The peaks with more leaves, given by their hashes, and the subtrees of a tile or more that they complete."""
        hashes, size, completed = list(self.hashes), self.size, {}
        for root in leaves:
            level, rest = 0, size
            while rest & 1:
                root = node_hash(hashes.pop(), root)  # noqa: PLW2901 - the leaf grows into a subtree
                level += 1
                rest >>= 1
                if level >= TILE_LEVEL:
                    completed[Subtree(level, rest)] = root
            hashes.append(root)
            size += 1
        return Peaks(size, tuple(hashes)), completed

    def root(self) -> bytes:
        """The root of the whole tree."""
        return folded(self.hashes) if self.hashes else EMPTY_ROOT


def folded(hashes: Sequence[bytes]) -> bytes:
    """The root over adjacent complete subtrees, the largest first."""
    *before, root = hashes
    for left in reversed(before):
        root = node_hash(left, root)
    return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over some leaf hashes."""
    peaks, _ = Peaks().grown(leaves)
    return peaks.root()


def subtrees(covered: Range) -> list[Subtree]:
    """The complete subtrees that a range of the tree divides into, from the left."""
    found, (begin, end) = [], covered
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        found.append(Subtree(level, begin >> level))
        begin += 1 << level
    return found


def root_from(covered: Range, known: Mapping[Subtree, bytes]) -> bytes:
    """The root over a range, from the roots of its complete subtrees."""
    return folded([known[each] for each in subtrees(covered)]) if covered.end else EMPTY_ROOT


def inclusion_path(index: int, size: int) -> list[Range]:
    """Which ranges' roots, from the leaf up, prove that leaf `index` is in the tree of `size` (RFC 6962 2.1.1)."""
    path, begin, end = [], 0, size
    while end - begin > 1:
        middle = begin + _left_size(end - begin)
        if index < middle:
            path.append(Range(middle, end))
            end = middle
        else:
            path.append(Range(begin, middle))
            begin = middle
    return path[::-1]


def consistency_path(old_size: int, size: int) -> list[Range]:
    """Which ranges' roots prove that the tree of `old_size` leaves is the beginning of that of `size` (2.1.2)."""
    path: list[Range] = []
    begin, end = 0, size
    while old_size < end and old_size > begin:
        middle = begin + _left_size(end - begin)
        if old_size <= middle:
            path.append(Range(middle, end))
            end = middle
        else:
            path.append(Range(begin, middle))
            begin = middle
    if begin and old_size:
        path.append(Range(begin, end))
    return path[::-1]


def _left_size(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
