"""Reading a dump file, of which nothing is trusted: docs/runbooks/audit.md describes its bytes."""

from __future__ import annotations

import json
import mmap
import struct
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from auditor.findings import Incomplete

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAGIC = b"leadchain-audit-dump/1\n"
RECORD = struct.Struct(">cI")
ENTRY = struct.Struct(">qIBB32s")


class Block(NamedTuple):
    """Where entries are in the file: from byte `start` up to, not including, `end`."""

    start: int
    end: int


class Entry(NamedTuple):
    """An entry as the dump has it; `fact` is the hashed bytes."""

    seq: int
    changes_state: int
    hash: bytes
    recorded_at: bytes
    fact: bytes


@dataclass(slots=True)
class Dump:
    """What a dump file says about itself, and where its entries and its state are; `parts` are those of the state."""

    path: Path
    log_id: str = ""
    size: int = 0
    hash: bytes = b""
    dumped_at_s: float = 0.0
    notes: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    state_blocks: list[Block] = field(default_factory=list)
    parts: int = 0

    @property
    def origin(self) -> str:
        """The name under which this log signs."""
        return f"leadchain/permissions/{self.log_id}"


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """The file's bytes; raises `Incomplete` where there are none."""
    try:
        with path.open("rb") as file:
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise Incomplete(f"{path.name} is empty") from None
    except OSError as error:
        raise Incomplete(f"{path.name} cannot be read: {error.strerror}") from None
    with view:
        yield view


def opened(path: Path) -> Dump:
    """Everything but the entries and the state; raises `Incomplete` when it does not end as a dump does."""
    dump = Dump(path)
    with mapped(path) as view:
        if view[: len(MAGIC)] != MAGIC:
            raise Incomplete(f"{path.name} is no dump")
        ending = b""
        for kind, block in _records(view):
            ending = kind
            _take(dump, kind, block, view)
    if ending != b"Z":
        raise Incomplete("the dump breaks off: its end record is missing")
    return dump


def rows_of(content: bytes) -> Iterator[tuple[int, int, bytes, bytes, bytes]]:
    """The fields of each entry of a block; raises ValueError where its lengths do not add up."""
    at, unpacked, size = 0, ENTRY.unpack_from, len(content)
    try:
        while at < size:
            seq, fact_len, changes_state, time_len, digest = unpacked(content, at)
            start = at + ENTRY.size
            split = start + time_len
            at = split + fact_len
            if at > size:
                raise ValueError("an entry breaks off")
            yield seq, changes_state, digest, content[start:split], content[split:at]
    except struct.error:
        raise ValueError("an entry breaks off") from None


def all_entries(dump: Dump) -> Iterator[Entry]:
    """Every entry, in the file's order; raises `Incomplete` where the file does not add up."""
    with mapped(dump.path) as view:
        for start, end in dump.blocks:
            try:
                yield from map(Entry._make, rows_of(view[start:end]))
            except ValueError as error:
                raise Incomplete(str(error)) from None


def recorded_state(dump: Dump) -> list[dict[str, Any]]:
    """The changes that make up the state on record; raises `Incomplete` when a part is missing."""
    changes: list[dict[str, Any]] = []
    with mapped(dump.path) as view:
        for start, end in dump.state_blocks:
            changes += changes_in(view[start:end])
    if len(changes) != dump.parts:
        raise Incomplete("records of the dump are missing")
    return changes


def changes_in(part: bytes) -> list[dict[str, Any]]:
    """The changes of a part of the state; raises `Incomplete` where there are none to be read."""
    try:
        return list(json.loads(part)["changes"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Incomplete("a part of the state cannot be read") from None


def _records(view: mmap.mmap) -> Iterator[tuple[bytes, Block]]:
    at = len(MAGIC)
    while at < len(view):
        if at + RECORD.size > len(view):
            raise Incomplete("the dump breaks off inside a record")
        kind, length = RECORD.unpack_from(view, at)
        start = at + RECORD.size
        at = start + length
        if at > len(view):
            raise Incomplete("the dump breaks off inside a record")
        yield kind, Block(start, at)


def _take(dump: Dump, kind: bytes, block: Block, view: mmap.mmap) -> None:
    if kind in (b"B", b"S"):
        (dump.blocks if kind == b"B" else dump.state_blocks).append(block)
        return
    try:
        stated = json.loads(view[block.start : block.end])
        _take_stated(dump, kind, stated)
    except (ValueError, KeyError, TypeError):
        raise Incomplete(f"a record {kind!r} of the dump cannot be read") from None


def _take_stated(dump: Dump, kind: bytes, stated: dict[str, Any]) -> None:
    match kind:
        case b"H":
            dump.log_id, dump.size = str(stated["log_id"]), int(stated["seq"])
            dump.hash = bytes.fromhex(stated["hash"])
            dump.dumped_at_s = float(stated["dumped_at_s"])
        case b"C":
            dump.notes.append(str(stated["note"]))
        case b"Z":
            dump.parts = int(stated["state"])
            if stated["checkpoints"] != len(dump.notes):
                raise Incomplete("records of the dump are missing")
