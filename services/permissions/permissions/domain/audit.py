"""The audit log: each entry is hashed with the one before it, so that none can be changed or slipped in unnoticed.

An entry says who did what to which resource. One that alters decisions holds the changes themselves, so that the state
at any entry can be made again from the log alone. Values that may have to be forgotten are outside: an entry holds a
salted commitment of each.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec
from accesskit.changes import Change, FactPut, FactRemoved, LeasePut, PrincipalPut

from permissions.domain.merkle import Peaks, Subtree, leaf_hash

GENESIS_HASH = bytes(32)
"""What stands for the hash before the first entry."""

SALT_BYTES = 16
CLOCK_ACTIONS = "lease_"
"""How the names of actions begin that move a lease's clock and leave its owner."""

RESERVED_DETAILS = frozenset({"changes", "personal"})


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Where the log ends: the last entry's number and hash, the last one that changed state, and the tree's peaks."""

    seq: int
    hash: bytes
    revision: int = 0
    log_id: str = ""
    tree: bytes = b""

    @property
    def peaks(self) -> Peaks:
        """The peaks of the tree over all entries."""
        return Peaks.unpacked(self.seq, self.tree)


class AuditEntry(NamedTuple):
    """One entry: `hash` is SHA-256 over the previous entry's hash and `fact`, canonical JSON that holds ids only."""

    seq: int
    recorded_at: datetime
    fact: bytes
    hash: bytes
    changes_state: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something to be recorded. `action` is a past tense such as `fact_written`; `actor` is a principal's id.

    `resource` is the written form of what it happened to. `details` hold ids, codes and numbers only; a list of names
    under `fields` says which fields of the resource it was about. `personal` are values that may have to be forgotten
    one day, and `about` is whom they are of, the actor unless it says otherwise.
    """

    action: str
    actor: str
    resource: str = ""
    details: Mapping[str, object] = field(default_factory=dict)
    changes: Sequence[Change] = ()
    personal: Mapping[str, str] = field(default_factory=dict)
    about: str = ""


class Touch(NamedTuple):
    """That an entry is about a resource, and about which of its fields and relations."""

    resource: str
    seq: int
    action: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonalValue:
    """A value behind a commitment; without its salt and itself, the commitment says nothing. It is stored sealed."""

    seq: int
    field: str
    about: str
    salt: bytes
    value: str


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A personal value as it is stored."""

    seq: int
    field: str
    about: str
    salt: bytes
    sealed: bytes


def sealing_context(seq: int, field: str) -> bytes:
    """What a personal value is sealed for: one field of one entry; it opens nowhere else."""
    return f"audit:{seq}:{field}".encode()


_quickly = msgspec.json.Encoder(order="sorted").encode
_exactly = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_IN_DOUBT = re.compile(rb"[:,\[](?:null|-?0\.0000|-?[0-9.]++e)")
"""What the quick encoder may have written otherwise than the exact one: infinity, and numbers with an exponent."""
_MAY_BE_EXPONENT = re.compile(rb"e[-0-9]")


def canonical(stated: Mapping[str, object]) -> bytes:
    """JSON with sorted keys, without spaces, in UTF-8, numbers as Python writes them; of plain data and changes."""
    content = _quickly(stated)
    may_differ = b"null" in content or b"0.0000" in content or _MAY_BE_EXPONENT.search(content)
    if may_differ and _IN_DOUBT.search(content):
        return _exactly(msgspec.to_builtins(stated)).encode()
    return content


def entry_after(
    before: AuditHead | AuditEntry,
    event: Event,
    *,
    recorded_at: datetime,
    personal: Sequence[PersonalValue] = (),
) -> AuditEntry:
    """The entry that follows the log's end or its last entry; the fact, and so the hash, holds its number and time.

    `personal` are the event's personal values, salted. Raises ValueError for details under a reserved name.
    """
    seq = before.seq + 1
    content = canonical(_fact(event, seq, recorded_at, personal))
    digest = hashlib.sha256(before.hash + content).digest()
    return AuditEntry(seq, recorded_at, content, digest, bool(event.changes))


def head_after(
    head: AuditHead, entries: Sequence[AuditEntry]
) -> tuple[AuditHead, dict[Subtree, bytes]]:
    """Where the log ends with some more entries, at least one, and the subtrees that they complete."""
    peaks, completed = head.peaks.grown([leaf_hash(entry.fact) for entry in entries])
    changing = (entry.seq for entry in reversed(entries) if entry.changes_state)
    revision, last = next(changing, head.revision), entries[-1]
    return AuditHead(last.seq, last.hash, revision, head.log_id, peaks.packed()), completed


def commitment(salt: bytes, value: str) -> str:
    """What the log holds in place of a personal value (hex)."""
    return hashlib.sha256(salt + value.encode()).hexdigest()


def touches(event: Event, seq: int) -> list[Touch]:
    """What an entry is about: its resource, and whatever its changes alter."""
    found: dict[str, set[str]] = {}
    if event.resource:
        found[event.resource] = _named_fields(event)
    for change in event.changes:
        for resource, name in _altered(change, event.action):
            found.setdefault(resource, set()).add(name)
    return [
        Touch(resource, seq, event.action, tuple(sorted(names)))
        for resource, names in found.items()
    ]


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


@lru_cache(maxsize=64)
def stamp(time: datetime) -> str:
    """How the log writes a time."""
    return time.astimezone(UTC).isoformat()


def _fact(
    event: Event, seq: int, recorded_at: datetime, personal: Sequence[PersonalValue]
) -> dict[str, object]:
    if not RESERVED_DETAILS.isdisjoint(event.details):
        raise ValueError(f"details may not be named {sorted(RESERVED_DETAILS)}")
    stated: dict[str, object] = {
        **event.details,
        "action": event.action,
        "actor": event.actor,
        "recorded_at": stamp(recorded_at),
        "seq": seq,
    }
    if event.resource:
        stated["resource"] = event.resource
    if event.changes:
        stated["changes"] = event.changes
    if personal:
        stated["personal"] = {
            each.field: {"commitment": commitment(each.salt, each.value)} for each in personal
        }
    return stated


def _named_fields(event: Event) -> set[str]:
    if not event.personal and "fields" not in event.details:
        return set()
    named = event.details.get("fields", ())
    if not isinstance(named, list | tuple):
        named = ()
    return {*event.personal, *(name for name in named if isinstance(name, str))}


def _altered(change: Change, action: str) -> Sequence[tuple[str, str]]:
    """The resources and what of them a change alters."""
    match change:
        case FactPut() | FactRemoved():
            fact = change.fact
            return ((f"{fact.resource_type}:{fact.resource_id}", fact.relation),)
        case LeasePut():
            resource = f"{change.resource_type}:{change.resource_id}"
            if action.startswith(CLOCK_ACTIONS):
                return ((resource, "lease"),)
            return ((resource, "lease"), (resource, "owner"))
        case PrincipalPut():
            return ((f"{change.type}:{change.principal_id}", "status"),)
    return ()


def _is_true(entry: AuditEntry, before: AuditHead) -> bool:
    if hashlib.sha256(before.hash + entry.fact).digest() != entry.hash:
        return False
    try:
        stated = json.loads(entry.fact)
        return (stated["seq"], stated["recorded_at"]) == (entry.seq, stamp(entry.recorded_at))
    except (ValueError, TypeError, KeyError):
        return False
