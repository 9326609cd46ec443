"""The audit log: each entry is hashed with the one before it, so that none can be changed or slipped in unnoticed.

An entry says who did what to which resource. One that alters decisions holds the changes themselves, so that the state
at any entry can be made again from the log alone.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from accesskit.changes import Change, to_plain

GENESIS_HASH = bytes(32)
"""What stands for the hash before the first entry."""


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Where the log ends: the last entry's number and hash, and the last one that changed state."""

    seq: int
    hash: bytes
    revision: int = 0
    log_id: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry: `hash` is SHA-256 over the previous entry's hash and `fact`, canonical JSON that holds ids only."""

    seq: int
    recorded_at: datetime
    fact: bytes
    hash: bytes
    changes_state: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something to be recorded. `action` is a past tense such as `fact_written`; `actor` is a principal's id.

    `resource` is the written form of what it happened to. `details` hold ids, codes and numbers only. `personal` are
    values that may have to be forgotten one day: the log keeps a salted commitment of each.
    """

    action: str
    actor: str
    resource: str = ""
    details: Mapping[str, object] = field(default_factory=dict)
    changes: Sequence[Change] = ()
    personal: Mapping[str, str] = field(default_factory=dict)


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def entry_after(head: AuditHead, event: Event, *, recorded_at: datetime) -> AuditEntry:
    """The entry that follows `head`; its number and time are part of the fact, and so of the hash."""
    seq = head.seq + 1
    content = _canonical(_fact(event, seq, recorded_at)).encode()
    digest = hashlib.sha256(head.hash + content).digest()
    return AuditEntry(seq, recorded_at, content, digest, bool(event.changes))


def _fact(event: Event, seq: int, recorded_at: datetime) -> dict[str, object]:
    stated: dict[str, object] = {
        **event.details,
        "action": event.action,
        "actor": event.actor,
        "recorded_at": _stamp(recorded_at),
        "seq": seq,
    }
    if event.resource:
        stated["resource"] = event.resource
    if event.changes:
        stated["changes"] = [to_plain(change) for change in event.changes]
    return stated


def first_misfit(head: AuditHead, entries: Iterable[AuditEntry]) -> tuple[AuditHead, int | None]:
    """Follows the chain from `head` through `entries`, which are in order of number.

    Returns where it got to, and the number of the first entry that does not fit: changed, missing, or with another
    number or time than its fact states. None when all fit.
    """
    for entry in entries:
        expected = head.seq + 1
        if entry.seq != expected or not _is_true(entry, head):
            return head, expected
        head = AuditHead(entry.seq, entry.hash)
    return head, None


def _is_true(entry: AuditEntry, before: AuditHead) -> bool:
    if hashlib.sha256(before.hash + entry.fact).digest() != entry.hash:
        return False
    try:
        stated = json.loads(entry.fact)
        return (stated["seq"], stated["recorded_at"]) == (entry.seq, _stamp(entry.recorded_at))
    except (ValueError, TypeError, KeyError):
        return False


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
