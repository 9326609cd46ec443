"""Decides who may do what with a lead, and what the audit log says about how that came to be.

The owner may read and edit; everybody else may read. Every change of an owner is an audit entry, and each entry's
hash covers the one before it, so that none can be changed, removed or slipped in unnoticed.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import NewType
from uuid import UUID

from servicekit.errors import Invalid

LeadId = NewType("LeadId", UUID)
SubjectId = NewType("SubjectId", str)

CHECKS_MAX = 2000
GENESIS_HASH = bytes(32)
"""What stands for the hash before the first entry."""


class MalformedLeadId(Invalid):
    """A lead is named by something that is no UUID."""

    def __init__(self) -> None:
        super().__init__("lead_id is not a UUID")


class TooManyChecks(Invalid):
    """More checks in one request than one statement should answer."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} checks; at most {CHECKS_MAX} are answered at once")
        self.count = count


class Reason(Enum):
    """Why a subject may or may not do something; the values are those of the contract."""

    OWNER = "owner"
    READER = "reader"
    NOT_OWNER = "not_owner"
    UNKNOWN_LEAD = "unknown_lead"
    UNKNOWN_ACTION = "unknown_action"


@dataclass(frozen=True, slots=True)
class Question:
    """May this subject do this (read or edit) to this lead?"""

    subject_id: str
    action: str
    lead_id: LeadId


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, its reason, and the audit entry that made it so (0 when none did)."""

    allowed: bool
    reason: Reason
    audit_seq: int = 0


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owns a lead since which assignment; `audit_seq` is the entry that recorded it."""

    lead_id: LeadId
    owner_id: SubjectId
    assignment_no: int
    audit_seq: int
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class Assignment:
    """A lead was given to somebody, as assignment says; `event_id` is its event's."""

    event_id: str
    lead_id: LeadId
    assignee_id: SubjectId
    assignment_no: int


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Where the audit log ends: the last entry's number and hash."""

    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry: `hash` is SHA-256 over the previous entry's hash and `fact`, canonical JSON that holds ids only."""

    seq: int
    recorded_at: datetime
    fact: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Grant:
    """An ownership that took effect, and who owned the lead before (empty when nobody did)."""

    assignment: Assignment
    ownership: Ownership
    previous_owner_id: str


@dataclass(slots=True)
class Granting:
    """What some assignments led to, oldest first, and the head of the audit log afterwards."""

    head: AuditHead
    grants: list[Grant] = field(default_factory=list)
    entries: list[AuditEntry] = field(default_factory=list)


def decide(question: Question, ownership: Ownership | None) -> Decision:
    """Whether the subject may; `ownership` is the lead's, None when the lead has never had an owner."""
    if question.action not in {"read", "edit"}:
        return Decision(allowed=False, reason=Reason.UNKNOWN_ACTION)
    if ownership is None:
        return Decision(allowed=False, reason=Reason.UNKNOWN_LEAD)
    if question.subject_id == ownership.owner_id:
        return Decision(allowed=True, reason=Reason.OWNER, audit_seq=ownership.audit_seq)
    if question.action == "read" and question.subject_id:
        return Decision(allowed=True, reason=Reason.READER, audit_seq=ownership.audit_seq)
    return Decision(allowed=False, reason=Reason.NOT_OWNER, audit_seq=ownership.audit_seq)


def grant(
    assignments: Sequence[Assignment],
    ownerships: Mapping[LeadId, Ownership],
    head: AuditHead,
    *,
    now: datetime,
) -> Granting:
    """Applies assignments in their order to the ownerships on record.

    Only a higher assignment number replaces an owner, so an assignment that comes late or twice changes nothing.
    """
    current = dict(ownerships)
    granting = Granting(head)
    for assignment in assignments:
        before = current.get(assignment.lead_id)
        if before is not None and before.assignment_no >= assignment.assignment_no:
            continue
        granted = _grant(assignment, before, granting.head.seq + 1, now=now)
        entry = entry_after(granting.head, _fact(granted), recorded_at=now)
        granting.head = AuditHead(entry.seq, entry.hash)
        granting.grants.append(granted)
        granting.entries.append(entry)
        current[assignment.lead_id] = granted.ownership
    return granting


def _grant(assignment: Assignment, before: Ownership | None, seq: int, *, now: datetime) -> Grant:
    number = assignment.assignment_no
    ownership = Ownership(assignment.lead_id, assignment.assignee_id, number, seq, now)
    return Grant(assignment, ownership, "" if before is None else before.owner_id)


def _fact(granted: Grant) -> dict[str, object]:
    """What the audit log keeps of a grant: ids only, never anybody's data."""
    return {
        "action": "ownership_granted",
        "assignment_no": granted.ownership.assignment_no,
        "cause_event_id": granted.assignment.event_id,
        "lead_id": str(granted.ownership.lead_id),
        "owner_id": granted.ownership.owner_id,
        "previous_owner_id": granted.previous_owner_id,
    }


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def entry_after(
    head: AuditHead, fact: Mapping[str, object], *, recorded_at: datetime
) -> AuditEntry:
    """The entry that follows `head`; its number and time are part of the fact, and so of the hash."""
    seq = head.seq + 1
    stamped = {**fact, "recorded_at": _stamp(recorded_at), "seq": seq}
    content = _canonical(stamped).encode()
    return AuditEntry(seq, recorded_at, content, hashlib.sha256(head.hash + content).digest())


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
