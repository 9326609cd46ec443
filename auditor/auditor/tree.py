"""The tree of RFC 6962, folded from the left: only the roots of complete subtrees are held."""

from __future__ import annotations

from hashlib import sha256

TILE_LEAVES = 256
TILE_LEVEL = 8
EMPTY_ROOT = sha256(b"").digest()


def tile_root(leaves: list[bytes]) -> bytes:
    """The root over a power of two of leaf hashes."""
    while len(leaves) > 1:
        pairs = iter(leaves)
        leaves = [
            sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)
        ]
    return leaves[0]


def peaks_of(leaves: list[bytes]) -> list[bytes]:
    """The roots of the complete subtrees of fewer than a tile of leaf hashes, the largest first."""
    peaks, begin = [], 0
    for level in reversed(range(TILE_LEVEL)):
        if len(leaves) >> level & 1:
            peaks.append(tile_root(leaves[begin : begin + (1 << level)]))
            begin += 1 << level
    return peaks


class Tree:
    """Grows by whole tiles; gives the root over them and some leaves more."""

    def __init__(self) -> None:
        self.tiles = 0
        self._peaks: list[bytes] = []

    def add(self, root: bytes) -> None:
        """One more tile of 256 leaves, by its root."""
        count = self.tiles
        while count & 1:
            root = sha256(b"\1" + self._peaks.pop() + root).digest()
            count >>= 1
        self._peaks.append(root)
        self.tiles += 1

    def root(self, leaves: list[bytes]) -> bytes:
        """The root with fewer than a tile of leaf hashes after the tiles."""
        hashes = [*self._peaks, *peaks_of(leaves)]
        if not hashes:
            return EMPTY_ROOT
        *before, root = hashes
        for left in reversed(before):
            root = sha256(b"\1" + left + root).digest()
        return root
