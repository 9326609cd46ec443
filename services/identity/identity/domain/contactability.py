"""Decides whether a customer may be contacted now: do not disturb, over all systems (ID-17).

327 customers who had renewed were called four times and more, because each of three systems counted its own calls.
Here all that is known of one customer is counted together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta


class Purpose(IntEnum):
    """What a contact would be for; the numbers are those of the contract and of the database."""

    ANY = 0
    MARKETING = 1
    SALES = 2
    RENEWAL = 3
    SERVICE = 4


class Suppressed(IntEnum):
    """For what somebody is on lead-intake's list of those who are left alone; the numbers are its."""

    MARKETING = 1
    CONTACT = 2
    ALL = 3


class Channel(IntEnum):
    """By what a contact would be made; the numbers are those of the contract and of the database."""

    ANY = 0
    CALL = 1
    CHAT = 2
    SMS = 3
    EMAIL = 4
    MEETING = 5


class Refusal(StrEnum):
    """Why a customer may not be contacted; the words are those of the policy."""

    RENEWED = "renewed"
    CONTACTED_OFTEN = "contacted_often"
    OPEN_COMPLAINT = "open_complaint"
    SUPPRESSED = "suppressed"
    OBJECTED = "objected"


@dataclass(frozen=True, slots=True)
class ContactPolicy:
    """The limits. `heeded` says which refusals matter for a purpose; one that is not named there heeds none.

    A contact that our own people marked within `same_contact_within` of one that a system reported is that contact.
    """

    version: int
    renewed_within: timedelta
    contacts_max: int
    window: timedelta
    same_contact_within: timedelta
    complaint_types: frozenset[str]
    heeded: Mapping[Purpose, frozenset[Refusal]]

    def since(self, now: datetime) -> datetime:
        """How far back facts matter."""
        return now - max(self.window, self.renewed_within)

    def is_complaint(self, ticket_type: str) -> bool:
        """Whether tickets of this type are complaints; case does not matter."""
        return ticket_type.strip().lower() in self.complaint_types


@dataclass(frozen=True, slots=True)
class Touch:
    """One contact from us to a customer; `is_marked` when our own people say so and no system reported it."""

    at: datetime
    system: str
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint that is not solved."""

    opened_at: datetime
    system: str


@dataclass(frozen=True, slots=True)
class Signing:
    """A contract that all have signed."""

    at: datetime
    system: str


@dataclass(frozen=True, slots=True)
class Objection:
    """A customer's wish not to be contacted, for a purpose and by a channel, or any."""

    purpose: Purpose
    channel: Channel
    made_at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a customer that bears on contacting them."""

    touches: Sequence[Touch] = ()
    complaints: Sequence[Complaint] = ()
    signings: Sequence[Signing] = ()
    objections: Sequence[Objection] = ()
    suppressed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why not; `until` is None when nobody knows."""

    refusal: Refusal
    since: datetime
    until: datetime | None
    count: int
    systems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a customer may be contacted: there is no reason why not. `contact_count` is that of the window."""

    reasons: tuple[Reason, ...]
    contact_count: int

    @property
    def may(self) -> bool:
        """The answer."""
        return not self.reasons

    @property
    def not_before(self) -> datetime | None:
        """When every reason will have passed; None when there is none, or one that does not pass by itself."""
        ends = [reason.until for reason in self.reasons]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None


@dataclass(frozen=True, slots=True)
class Wish:
    """A contact that somebody has in mind."""

    purpose: Purpose
    channel: Channel


def may_contact(policy: ContactPolicy, known: Situation, wish: Wish, *, now: datetime) -> Answer:
    """Whether the wish is granted, with every reason against it that its purpose heeds."""
    touches = counted(policy, known.touches, now=now)
    case = _Case(policy, known, wish, touches, now)
    heeded = policy.heeded.get(wish.purpose, frozenset())
    reasons = (
        reason for refusal, find in _FINDERS.items() if refusal in heeded for reason in find(case)
    )
    return Answer(tuple(reasons), len(touches))


def counted(policy: ContactPolicy, touches: Sequence[Touch], *, now: datetime) -> list[Touch]:
    """The contacts of the window, oldest first, each once: a mark beside a report is the same contact."""
    reported = [touch.at for touch in touches if not touch.is_marked]
    within = policy.same_contact_within
    return sorted(
        (
            touch
            for touch in touches
            if now - policy.window < touch.at <= now
            and not (touch.is_marked and any(abs(touch.at - at) <= within for at in reported))
        ),
        key=lambda touch: touch.at,
    )


@dataclass(frozen=True, slots=True)
class _Case:
    policy: ContactPolicy
    known: Situation
    wish: Wish
    touches: Sequence[Touch]
    now: datetime


def _renewed(case: _Case) -> Iterator[Reason]:
    start = case.now - case.policy.renewed_within
    signings = [signing for signing in case.known.signings if start < signing.at <= case.now]
    if signings:
        last = max(signing.at for signing in signings)
        until = last + case.policy.renewed_within
        systems = _systems(signings)
        yield Reason(Refusal.RENEWED, last, until, len(signings), systems)


def _contacted_often(case: _Case) -> Iterator[Reason]:
    touches, allowed = case.touches, case.policy.contacts_max
    if len(touches) >= allowed:
        # One more fits when the window has left all but `allowed - 1` behind.
        oldest_that_counts = touches[len(touches) - allowed]
        until = oldest_that_counts.at + case.policy.window
        since = touches[allowed - 1].at
        yield Reason(Refusal.CONTACTED_OFTEN, since, until, len(touches), _systems(touches))


def _open_complaint(case: _Case) -> Iterator[Reason]:
    complaints = case.known.complaints
    if complaints:
        since = min(complaint.opened_at for complaint in complaints)
        yield Reason(Refusal.OPEN_COMPLAINT, since, None, len(complaints), _systems(complaints))


def _suppressed(case: _Case) -> Iterator[Reason]:
    if case.known.suppressed_at is not None:
        yield Reason(Refusal.SUPPRESSED, case.known.suppressed_at, None, 1)


def _objected(case: _Case) -> Iterator[Reason]:
    standing = [wish for wish in case.known.objections if _stands(wish, case.wish, case.now)]
    if standing:
        ends = [objection.until for objection in standing]
        until = None if None in ends else max(end for end in ends if end is not None)
        since = min(objection.made_at for objection in standing)
        yield Reason(Refusal.OBJECTED, since, until, len(standing))


def _stands(objection: Objection, wish: Wish, now: datetime) -> bool:
    """Whether an objection is against a wish; one that names no channel stands against all, and so does the other way.

    A wish without a channel may become any, so whatever channel the customer does not want stands against it.
    """
    is_over = objection.until is not None and objection.until <= now
    same_purpose = objection.purpose in {Purpose.ANY, wish.purpose}
    same_channel = Channel.ANY in {objection.channel, wish.channel} or (
        objection.channel is wish.channel
    )
    return not is_over and same_purpose and same_channel


def _systems(facts: Sequence[Touch] | Sequence[Complaint] | Sequence[Signing]) -> tuple[str, ...]:
    return tuple(sorted({fact.system for fact in facts}))


_FINDERS: Mapping[Refusal, Callable[[_Case], Iterator[Reason]]] = {
    Refusal.SUPPRESSED: _suppressed,
    Refusal.OBJECTED: _objected,
    Refusal.RENEWED: _renewed,
    Refusal.CONTACTED_OFTEN: _contacted_often,
    Refusal.OPEN_COMPLAINT: _open_complaint,
}
