"""The audit log: each entry is hashed with the one before it, so that none can be changed or slipped in unnoticed.

An entry says who did what to which resource. One that alters decisions holds the changes themselves, so that the state
at any entry can be made again from the log alone. Values that may have to be forgotten are outside: an entry holds a
salted commitment of each.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from accesskit.changes import Change, FactPut, FactRemoved, LeasePut, PrincipalPut, to_plain

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


@dataclass(frozen=True, slots=True)
class Touch:
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


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def entry_after(
    head: AuditHead,
    event: Event,
    *,
    recorded_at: datetime,
    personal: Sequence[PersonalValue] = (),
) -> AuditEntry:
    """The entry that follows `head`; its number and time are part of the fact, and so of the hash.

    `personal` are the event's personal values, salted. Raises ValueError for details under a reserved name.
    """
    seq = head.seq + 1
    content = _canonical(_fact(event, seq, recorded_at, personal)).encode()
    digest = hashlib.sha256(head.hash + content).digest()
    return AuditEntry(seq, recorded_at, content, digest, bool(event.changes))


def head_after(head: AuditHead, entry: AuditEntry) -> tuple[AuditHead, dict[Subtree, bytes]]:
    """Where the log ends with one more entry, and the subtrees that it completes."""
    peaks, completed = head.peaks.grown(leaf_hash(entry.fact))
    revision = entry.seq if entry.changes_state else head.revision
    return AuditHead(entry.seq, entry.hash, revision, head.log_id, peaks.packed()), completed


def commitment(salt: bytes, value: str) -> str:
    """What the log holds in place of a personal value (hex)."""
    return hashlib.sha256(salt + value.encode()).hexdigest()


def touches(event: Event, seq: int) -> list[Touch]:
    """What an entry is about: its resource, and whatever its changes alter."""
    found: dict[str, set[str]] = {}
    if event.resource:
        found[event.resource] = set(_named_fields(event))
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
        stated["changes"] = [to_plain(change) for change in event.changes]
    if personal:
        stated["personal"] = {
            each.field: {"commitment": commitment(each.salt, each.value)} for each in personal
        }
    return stated


def _named_fields(event: Event) -> Iterator[str]:
    yield from event.personal
    named = event.details.get("fields", ())
    if isinstance(named, list | tuple):
        yield from (name for name in named if isinstance(name, str))


def _altered(change: Change, action: str) -> Iterator[tuple[str, str]]:
    match change:
        case FactPut(fact=fact) | FactRemoved(fact=fact):
            yield f"{fact.resource_type}:{fact.resource_id}", fact.relation
        case LeasePut(resource_type=kind, resource_id=name):
            yield f"{kind}:{name}", "lease"
            if not action.startswith(CLOCK_ACTIONS):
                yield f"{kind}:{name}", "owner"
        case PrincipalPut(type=kind, principal_id=name):
            yield f"{kind}:{name}", "status"


def _is_true(entry: AuditEntry, before: AuditHead) -> bool:
    if hashlib.sha256(before.hash + entry.fact).digest() != entry.hash:
        return False
    try:
        stated = json.loads(entry.fact)
        return (stated["seq"], stated["recorded_at"]) == (entry.seq, stamp(entry.recorded_at))
    except (ValueError, TypeError, KeyError):
        return False
