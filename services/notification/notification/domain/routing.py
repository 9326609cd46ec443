"""Where a reminder goes next: decided anew each time that it is due, from who the recipient is by then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from notification.domain.people import Person, Standing
from notification.domain.quiet_hours import quiet_until
from notification.domain.reminders import Reason, State, TargetKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from notification.domain.addresses import Address
    from notification.domain.kinds import Kind, Policy
    from notification.domain.reminders import Reminder, Subject, Target

LAST_WAIT_STEP = 100
"""The step of a reminder that has no further route and waits for its last receipt."""

NEVER = datetime(9999, 1, 1, tzinfo=ZoneInfo("UTC"))

_STANDINGS = {Standing.FROZEN: Reason.FROZEN, Standing.DEPARTED: Reason.DEPARTED}


@dataclass(frozen=True, slots=True)
class Due:
    """A reminder whose time has come, and what is known of it.

    `owner_id` is who owns its resource now: None when nobody ever told, empty when nobody does. `is_begun` when one of
    its messages was taken up, not only queued.
    """

    reminder_id: UUID
    kind: str
    target: Target
    subject: Subject
    state: State
    step: int
    attempt_count: int
    accepted_at: datetime | None
    last_reason: str
    owner_id: str | None
    owner_assignment_no: int
    is_begun: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Nothing is sent before a time."""

    until: datetime
    step: int


@dataclass(frozen=True, slots=True)
class Routed:
    """It goes to these addresses of one person; at `next_at` the next step begins unless somebody has it."""

    person: Person
    owner_id: str
    step: int
    addresses: Sequence[Address]
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing more is sent; what is under way may still succeed until `until`."""

    until: datetime
    step: int


@dataclass(frozen=True, slots=True)
class Ended:
    """It is over, and why. `recipient_id` is whom it would have reached, as far as known."""

    state: State
    reason: Reason
    recipient_id: str


Decision = Held | Routed | Waiting | Ended


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a new reminder begins: on its first route, or due for the router where that is not clear at once."""

    reminder: Reminder
    route: Routed | None


@dataclass(frozen=True, slots=True)
class Directory:
    """What is known of people: their addresses, whether they work here, and who leads them."""

    person: Callable[[str], Person | None]
    standing: Callable[[str], Standing]
    manager: Callable[[str], str]


def beginning(
    reminder: Reminder,
    owner: tuple[str, int] | None,
    policy: Policy,
    directory: Directory,
    *,
    now: datetime,
) -> Beginning:
    """How a reminder begins whose resource has this owner (with the number of the assignment), as far as known."""
    owner_id, assignment_no = owner or (None, 0)
    due = Due(
        reminder_id=reminder.reminder_id,
        kind=reminder.kind,
        target=reminder.target,
        subject=reminder.subject,
        state=State.DUE,
        step=0,
        attempt_count=0,
        accepted_at=None,
        last_reason="",
        owner_id=owner_id,
        owner_assignment_no=assignment_no,
    )
    decision = decide(due, policy, directory, now=now)
    return Beginning(reminder, decision if isinstance(decision, Routed) else None)


def decide(due: Due, policy: Policy, directory: Directory, *, now: datetime) -> Decision:
    """What becomes of a reminder that is due."""
    kind = policy.kinds.get(due.kind)
    if kind is None or _is_superseded(due):
        return Ended(State.SUPERSEDED, Reason.SUPERSEDED, due.owner_id or "")
    recipient_id, missing = recipient_of(due.target, due.owner_id, directory)
    reason = missing or _STANDINGS.get(directory.standing(recipient_id))
    if reason is not None:
        return Ended(State.FAILED, reason, recipient_id)
    person = directory.person(recipient_id) or Person(recipient_id)
    return _route(due, kind, person, policy, now)


def recipient_of(
    target: Target, owner_id: str | None, directory: Directory
) -> tuple[str, Reason | None]:
    """Who a target is now, and why it is nobody."""
    owner = target.person_id if owner_id is None else owner_id
    match target.kind:
        case TargetKind.PERSON:
            return target.person_id, None
        case TargetKind.OWNER:
            return owner, None if owner else Reason.NO_OWNER
        case TargetKind.MANAGER_OF_OWNER if not owner and not target.manager_id:
            return "", Reason.NO_OWNER
        case TargetKind.MANAGER_OF_OWNER:
            manager = directory.manager(owner) or target.manager_id
        case TargetKind.MANAGER_OF_PERSON:
            manager = directory.manager(target.person_id) or target.manager_id
    return manager, None if manager else Reason.NO_MANAGER


def _is_superseded(due: Due) -> bool:
    """Whether a later assignment has a reminder of its own."""
    number = due.subject.assignment_no
    return due.target.kind is TargetKind.OWNER and 0 < number < due.owner_assignment_no


def _route(due: Due, kind: Kind, person: Person, policy: Policy, now: datetime) -> Decision:
    if due.state is State.SENDING and not due.is_begun:
        # The queue is long: a second message to everybody in it would make it longer.
        return Waiting(now + timedelta(seconds=kind.receipt_within_s), due.step)
    begun = due.state in {State.SENDING, State.AWAITING}
    step = due.step + 1 if begun else due.step
    if not kind.is_important:
        zone = ZoneInfo(person.zone) if person.zone else policy.zone
        until = quiet_until(policy.quiet_hours, now=now, zone=zone)
        if until is not None:
            return Waiting(until, due.step) if begun else Held(until, step)
    for number in range(step, len(kind.steps)):
        addresses = person.usable(kind.steps[number], now=now)
        if addresses:
            next_at = now + timedelta(seconds=kind.receipt_within_s)
            return Routed(person, due.owner_id or "", number, addresses, next_at)
    return _nothing_left(due, person, policy, now)


def _nothing_left(due: Due, person: Person, policy: Policy, now: datetime) -> Decision:
    """No further route: what was sent may yet be confirmed, or it is over."""
    if due.state is State.SENDING:
        return Waiting(NEVER, due.step)
    if due.state is State.AWAITING and due.step < LAST_WAIT_STEP:
        since = due.accepted_at or now
        return Waiting(since + timedelta(seconds=policy.give_up_after_s), LAST_WAIT_STEP)
    if due.state is State.AWAITING or due.accepted_at is not None:
        return Ended(State.FAILED, Reason.NO_RECEIPT, person.recipient_id)
    if due.last_reason:
        return Ended(State.FAILED, Reason(due.last_reason), person.recipient_id)
    reason = Reason.OFFLINE if person.addresses and person.is_offline(now=now) else None
    return Ended(State.FAILED, reason or Reason.NO_RECIPIENT, person.recipient_id)
