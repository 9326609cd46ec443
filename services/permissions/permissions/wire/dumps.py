"""The dump file: what an auditor is given. docs/runbooks/audit.md describes its bytes.

After the first line, records follow: a letter, the length of the content in four bytes, the content. `H` is where the
log ends, `C` a checkpoint, `S` changes that state a part of the state, `B` entries, `Z` that nothing is missing.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

from accesskit.changes import to_plain

from permissions.domain.audit import AuditEntry, AuditHead, stamp
from permissions.domain.checkpoints import Checkpoint

if TYPE_CHECKING:
    from accesskit.changes import Change

MAGIC = b"leadchain-audit-dump/1\n"
_RECORD = struct.Struct(">cI")
_ENTRY = struct.Struct(">qIBB32s")


class DumpWriter:
    """Turns what is dumped into the file's bytes, and counts it. `now_s` is the time of the dump, Unix seconds."""

    def __init__(self, *, now_s: float) -> None:
        self._now_s = now_s
        self._counts = {"entries": 0, "checkpoints": 0, "state": 0}

    def part(self, part: AuditHead | Checkpoint | tuple[Change, ...] | list[AuditEntry]) -> bytes:
        """The first line and where the log ends, which come first; a checkpoint, a part of the state, or entries."""
        if isinstance(part, AuditHead):
            end = {"log_id": part.log_id, "seq": part.seq, "hash": part.hash.hex()}
            return MAGIC + _json_record(b"H", {**end, "dumped_at_s": self._now_s})
        if isinstance(part, Checkpoint):
            self._counts["checkpoints"] += 1
            return _json_record(b"C", {"size": part.size, "note": part.full_note})
        if isinstance(part, list):
            self._counts["entries"] += len(part)
            return _record(b"B", b"".join(map(_entry, part)))
        self._counts["state"] += len(part)
        return _json_record(b"S", {"changes": [to_plain(change) for change in part]})

    def end(self) -> bytes:
        """That nothing is missing."""
        return _json_record(b"Z", self._counts)


def _entry(entry: AuditEntry) -> bytes:
    time = stamp(entry.recorded_at).encode()
    head = _ENTRY.pack(entry.seq, len(entry.fact), entry.changes_state, len(time), entry.hash)
    return b"".join((head, time, entry.fact))


def _json_record(kind: bytes, value: object) -> bytes:
    return _record(kind, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def _record(kind: bytes, content: bytes) -> bytes:
    return _RECORD.pack(kind, len(content)) + content
