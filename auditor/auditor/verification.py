"""One audit: the chain, the tree, every checkpoint and signature, the keys, and the state, from a dump alone."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from multiprocessing import get_context
from typing import TYPE_CHECKING

from auditor import dump as dumps
from auditor import notes
from auditor.chain import GENESIS, Followed, Stretch, follow, uncollected
from auditor.contents import agree
from auditor.findings import Finding, Incomplete, Kind, Report
from auditor.links import linked
from auditor.notes import KeyHistory
from auditor.state import Replay, differences
from auditor.tampering import named
from auditor.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from auditor.dump import Block, Dump
    from auditor.notes import Checkpoint, Keys

BLOCK_ENTRIES = 1024
STRETCH_BLOCKS = 32
"""Blocks that one process follows at a time: about 33,000 entries."""


def verify(
    path: Path, *, published: Iterable[str] = (), keys: Keys | None = None, processes: int = 0
) -> Report:
    """Audits a dump against its own checkpoints and those `published` elsewhere, with `keys` known from elsewhere.

    `processes` is how many to use, 0 for as many as there are cores. Raises `Incomplete`.
    """
    started = time.perf_counter()
    with uncollected():
        dump = dumps.opened(path)
        checkpoints = _checkpoints(dump, published)
        report = _quickly(dump, checkpoints, keys or {}, processes or os.cpu_count() or 1)
        report = report or _carefully(dump, checkpoints, keys or {})
    if not report.findings and dump.size and not checkpoints:
        raise Incomplete("no checkpoint seals this log")
    report.seconds = time.perf_counter() - started
    return report


def _quickly(
    dump: Dump, checkpoints: list[Checkpoint], keys: Keys, processes: int
) -> Report | None:
    """The report of a log that is whole; None where anything at all is in doubt."""
    audit = _Audit(dump, checkpoints, keys)
    with _links(_stretches(dump, audit.sizes), processes) as links:
        if not agree(dump):
            return None
        audit.run(links)
    report = audit.concluded()
    return report if audit.is_followed and not report.findings else None


def _carefully(dump: Dump, checkpoints: list[Checkpoint], keys: Keys) -> Report:
    """The report of any log, whatever was done to it."""
    state = dumps.recorded_state(dump)
    audit = _Audit(dump, checkpoints, keys)
    audit.run(map(follow, _stretches(dump, audit.sizes)))
    found = []
    if audit.misfit is not None:
        found = [named(dump, audit.misfit)]
    elif audit.is_followed:
        found = differences(audit.replay, state, now_s=dump.dumped_at_s)
    return audit.concluded(found)


class _Audit:
    """What is known so far while the stretches come in, in their order."""

    def __init__(self, dump: Dump, checkpoints: list[Checkpoint], keys: Keys) -> None:
        self.sizes = frozenset(checkpoint.size for checkpoint in checkpoints)
        self.replay = Replay()
        self.misfit: int | None = None
        self.is_followed = False
        self._dump = dump
        self._checkpoints = checkpoints
        self._sizes = [checkpoint.size for checkpoint in checkpoints]
        self._keys = keys
        self._history = KeyHistory(dump.origin, keys)
        self._report = Report(checkpoints=len(checkpoints), state=dump.parts)
        self._tree = Tree()
        self._last_hash = GENESIS
        self._sealed_before = 0

    def run(self, stretches: Iterable[Followed]) -> None:
        """Joins the stretches up to the end, which is compared, or to the first `misfit`."""
        for followed in stretches:
            self._join(followed)
            if self.misfit is not None:
                return
        self._compare_end()

    def concluded(self, found: Iterable[Finding] = ()) -> Report:
        """What it came to, with what was `found` elsewhere."""
        self._report.findings += [*found, *self._history.findings]
        self._report.is_key_trusted = self._history.is_trusted
        return self._report

    def _join(self, followed: Followed) -> None:
        """Adds a stretch to those before it."""
        first_seq = self._report.entries + 1
        if followed.first_link is not None:
            digest, fact = followed.first_link
            if sha256(self._last_hash + fact).digest() != digest:
                followed = Followed(misfit=first_seq)
        for seq, stated in followed.keys:
            self._history.take(seq, stated)
        self._grow(followed, first_seq)
        self.replay.merge(followed.replay)
        self._report.entries += followed.count
        self._last_hash = followed.last_hash
        self.misfit = followed.misfit

    def _grow(self, followed: Followed, first_seq: int) -> None:
        """Grows the tree over a stretch, which begins with a tile, and compares the checkpoints in it."""
        tiles = iter(followed.tiles)
        low = bisect_left(self._sizes, first_seq)
        high = bisect_left(self._sizes, first_seq + followed.count)
        for checkpoint in self._checkpoints[low:high]:
            while self._tree.tiles < checkpoint.size // 256:
                self._tree.add(next(tiles))
            self._compare(checkpoint, self._tree.root(followed.partials[checkpoint.size]))
        for root in tiles:
            self._tree.add(root)

    def _compare(self, checkpoint: Checkpoint, root: bytes) -> None:
        """One checkpoint with the log up to it."""
        key = self._history.in_force(checkpoint.size)
        # Two checkpoints of one size may disagree: then nothing above the one before them is agreed upon.
        is_second = checkpoint.size == self._report.sealed_size
        first = (self._sealed_before if is_second else self._report.sealed_size) + 1
        if checkpoint.origin != self._dump.origin:
            self._find(checkpoint.size, Kind.FORKED, "a checkpoint of another log")
        elif checkpoint.root != root:
            self._find(min(first, checkpoint.size), Kind.FORKED, "the sealed log was another")
        elif key is None or not checkpoint.is_signed_by(checkpoint.origin, key):
            self._find(checkpoint.size, Kind.RESIGNED, "not signed by the key in force")
        else:
            if not is_second:
                self._sealed_before = self._report.sealed_size
            self._report.sealed_size = checkpoint.size
            self._count_cosignatures(checkpoint)

    def _count_cosignatures(self, checkpoint: Checkpoint) -> None:
        for name, signature in checkpoint.lines:
            if name == checkpoint.origin or name not in self._keys:
                continue
            known = (k for k in self._keys[name] if signature.startswith(notes.key_id(name, k)))
            if any(checkpoint.is_signed_by(name, key) for key in known):
                self._report.cosignatures += 1
            else:
                self._find(checkpoint.size, Kind.RESIGNED, f"a bad signature of {name}")

    def _compare_end(self) -> None:
        """The end of the log with where it says that it ends, and with the last checkpoint."""
        end, entries = self._dump.size, self._report.entries
        longest = max([end, *self._sizes])
        if longest > entries:
            self._find(entries + 1, Kind.TRUNCATED, f"{longest} entries are vouched for", "log")
        elif end < entries:
            self._find(end + 1, Kind.INSERTED, "entries after the end", "log")
        elif self._dump.hash != self._last_hash:
            self._find(max(entries, 1), Kind.MODIFIED, "the end is another", "head")
        else:
            self.is_followed = True

    def _find(self, seq: int, kind: Kind, detail: str, place: str = "checkpoint") -> None:
        self._report.findings.append(Finding(seq, kind, place, detail))


def _checkpoints(dump: Dump, published: Iterable[str]) -> list[Checkpoint]:
    """All of them, in order of size; those that are given twice once."""
    found = {}
    for note in dict.fromkeys([*dump.notes, *published]):
        try:
            checkpoint = notes.read(note)
        except ValueError:
            raise Incomplete("a checkpoint cannot be read") from None
        found[checkpoint.text, checkpoint.lines] = checkpoint
    return sorted(found.values(), key=lambda checkpoint: checkpoint.size)


def _stretches(dump: Dump, sizes: frozenset[int]) -> list[Stretch]:
    starts = range(0, len(dump.blocks), STRETCH_BLOCKS)
    return [
        Stretch(dump.path, _share(dump.blocks, at), 1 + at * BLOCK_ENTRIES, sizes) for at in starts
    ]


def _share(blocks: Sequence[Block], at: int) -> Sequence[Block]:
    return blocks[at : at + STRETCH_BLOCKS]


@contextmanager
def _links(stretches: Sequence[Stretch], processes: int) -> Iterator[Iterable[Followed]]:
    """The stretches, quickly followed; by other processes, at once, where there are enough of them."""
    if processes == 1 or len(stretches) < 2:
        yield map(linked, stretches)
        return
    workers = min(processes - 1, len(stretches))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield pool.map(linked, stretches)
