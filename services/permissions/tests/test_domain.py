"""Who may do what, and the chain of the audit log, decided without servers."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from permissions.domain import (
    GENESIS_HASH,
    Assignment,
    AuditEntry,
    AuditHead,
    Granting,
    LeadId,
    Ownership,
    Question,
    Reason,
    SubjectId,
    decide,
    entry_after,
    first_misfit,
    grant,
)

NOON = datetime(2026, 2, 7, 12, tzinfo=UTC)
LEAD = LeadId(UUID(int=1))
START = AuditHead(0, GENESIS_HASH)
OWNED = Ownership(LEAD, SubjectId("rep-ana"), 1, 7, NOON)


def an_assignment(to: str, number: int, *, lead: LeadId = LEAD) -> Assignment:
    return Assignment(f"event-{to}-{number}", lead, SubjectId(to), number)


def granted(*assignments: Assignment, onto: Ownership | None = None) -> Granting:
    return grant(assignments, {} if onto is None else {LEAD: onto}, START, now=NOON)


@pytest.mark.parametrize(
    ("subject", "action", "allowed", "reason"),
    [
        ("rep-ana", "edit", True, Reason.OWNER),
        ("rep-ana", "read", True, Reason.OWNER),
        ("rep-bo", "edit", False, Reason.NOT_OWNER),
        ("rep-bo", "read", True, Reason.READER),
        ("", "read", False, Reason.NOT_OWNER),
        ("", "edit", False, Reason.NOT_OWNER),
        ("rep-ana", "delete", False, Reason.UNKNOWN_ACTION),
        ("rep-ana", "", False, Reason.UNKNOWN_ACTION),
        ("rep-ana", "EDIT", False, Reason.UNKNOWN_ACTION),
    ],
)
def test_the_owner_may_edit_and_everyone_else_may_only_read(
    subject: str, action: str, *, allowed: bool, reason: Reason
) -> None:
    decision = decide(Question(subject, action, LEAD), OWNED)

    assert (decision.allowed, decision.reason) == (allowed, reason)


def test_a_decision_names_the_audit_entry_that_made_it_so() -> None:
    assert decide(Question("rep-bo", "edit", LEAD), OWNED).audit_seq == 7


@pytest.mark.parametrize("action", ["read", "edit"])
def test_nobody_may_do_anything_to_a_lead_that_nobody_owned(action: str) -> None:
    decision = decide(Question("rep-ana", action, LEAD), None)

    assert (decision.allowed, decision.reason) == (False, Reason.UNKNOWN_LEAD)
    assert decision.audit_seq == 0


def test_a_hand_over_names_who_owned_the_lead_before() -> None:
    granting = granted(an_assignment("rep-ana", 1), an_assignment("rep-bo", 2))

    owners = [(each.previous_owner_id, each.ownership.owner_id) for each in granting.grants]
    assert owners == [("", "rep-ana"), ("rep-ana", "rep-bo")]


@pytest.mark.parametrize("number", [1, 2])
def test_an_assignment_that_is_not_newer_changes_nothing(number: int) -> None:
    on_record = replace(OWNED, assignment_no=2)

    granting = granted(an_assignment("rep-bo", number), onto=on_record)

    assert granting == Granting(START)


@given(numbers=st.lists(st.integers(1, 6), min_size=1, max_size=10))
def test_the_highest_assignment_owns_the_lead_in_whatever_order_they_come(
    numbers: list[int],
) -> None:
    granting = granted(*[an_assignment(f"rep-{number}", number) for number in numbers])

    assert granting.grants[-1].ownership.owner_id == f"rep-{max(numbers)}"


def test_an_entry_is_chained_to_the_one_before_over_canonical_bytes() -> None:
    granting = granted(an_assignment("rep-ana", 1), an_assignment("rep-bo", 2))

    first, second = granting.entries
    assert first.hash == hashlib.sha256(GENESIS_HASH + first.fact).digest()
    assert second.hash == hashlib.sha256(first.hash + second.fact).digest()
    assert granting.head == AuditHead(2, second.hash)
    fact = json.loads(second.fact)
    assert second.fact == json.dumps(fact, sort_keys=True, separators=(",", ":")).encode()
    assert fact == {
        "action": "ownership_granted",
        "assignment_no": 2,
        "cause_event_id": "event-rep-bo-2",
        "lead_id": str(LEAD),
        "owner_id": "rep-bo",
        "previous_owner_id": "rep-ana",
        "recorded_at": "2026-02-07T12:00:00+00:00",
        "seq": 2,
    }


def chain(length: int) -> list[AuditEntry]:
    entries, head = [], START
    for number in range(length):
        entries.append(entry_after(head, {"number": number}, recorded_at=NOON))
        head = AuditHead(entries[-1].seq, entries[-1].hash)
    return entries


def test_a_whole_chain_fits() -> None:
    entries = chain(5)

    assert first_misfit(START, entries) == (AuditHead(5, entries[-1].hash), None)


@pytest.mark.parametrize(
    "change",
    [
        {"fact": b"{}"},
        {"hash": b"0" * 32},
        {"recorded_at": NOON + timedelta(seconds=1)},
        {"seq": 9},
    ],
)
def test_a_changed_entry_does_not_fit(change: dict[str, object]) -> None:
    entries = chain(5)
    entries[2] = replace(entries[2], **change)  # type: ignore[arg-type]

    reached, misfit = first_misfit(START, entries)

    assert (reached.seq, misfit) == (2, 3)


@pytest.mark.parametrize("fact", [b"not json", b"[]", b"{}", b"\xff"])
def test_an_entry_that_was_forged_whole_but_states_nothing_does_not_fit(fact: bytes) -> None:
    entries = chain(1)
    forged = hashlib.sha256(entries[0].hash + fact).digest()
    entries.append(AuditEntry(2, NOON, fact, forged))

    assert first_misfit(START, entries)[1] == 2


def test_a_missing_entry_is_named_itself() -> None:
    entries = chain(5)
    del entries[2]

    assert first_misfit(START, entries)[1] == 3
