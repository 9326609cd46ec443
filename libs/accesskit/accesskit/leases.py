"""Ownership leases: what an owner may still do follows from the last effective follow-up, the terms and the time.

Nothing stores a lease's state: it is derived at the moment of the question, so a sweeper that comes late leaves
nobody with rights that have ended. All times are Unix seconds.
"""

import math
from enum import Enum

import msgspec

from accesskit.changes import LeasePut
from accesskit.policy.sections import DAY_S, LeaseTerms


class LeaseState(Enum):
    """Where a resource stands between its owner and the public pool (PM-03).

    The owner works in ACTIVE, NOTICE, PROTECTED and EXEMPT, only reads in READONLY, and has lost it in POOL.
    """

    ACTIVE = "active"
    NOTICE = "notice"
    READONLY = "readonly"
    POOL = "pool"
    PROTECTED = "protected"
    EXEMPT = "exempt"


class LeaseView(msgspec.Struct, frozen=True):
    """A lease as it stands at one moment; a deadline is infinite when the clock never reaches it.

    `owner_id` is who holds it on record: in POOL that may be someone whom the sweeper has yet to relieve.
    """

    resource_type: str
    resource_id: str
    owner_id: str
    state: LeaseState
    since_s: float
    notice_at_s: float
    readonly_at_s: float
    pool_at_s: float
    version: int
    former_owner_id: str = ""
    cool_until_s: float = 0.0


class Deadlines(msgspec.Struct, frozen=True, gc=False):
    """When a lease gives notice, turns read-only and ends; reached at the exact second."""

    notice_at_s: float
    readonly_at_s: float
    pool_at_s: float


_NEVER = Deadlines(math.inf, math.inf, math.inf)
_PAST = Deadlines(-math.inf, -math.inf, -math.inf)


def clock_start_s(lease: LeasePut) -> float:
    """From when a lease's days count: the last effective follow-up, or the end of its protection if later."""
    return max(lease.touched_at_s, lease.suspended_until_s)


def deadlines(lease: LeasePut, terms: LeaseTerms) -> Deadlines:
    """When the lease changes state; all past without an owner, never if exempt or of a type without leases."""
    if not lease.owner_id:
        return _PAST
    if lease.is_exempt or lease.resource_type not in terms.on:
        return _NEVER
    start_s = clock_start_s(lease)
    return Deadlines(
        start_s + terms.notice_days * DAY_S,
        start_s + terms.readonly_days * DAY_S,
        start_s + terms.pool_days * DAY_S,
    )


def view(lease: LeasePut, terms: LeaseTerms, *, now_s: float) -> LeaseView:
    """The lease as it stands at `now_s`."""
    times = deadlines(lease, terms)
    state, since_s = _state(lease, times, now_s)
    former_owner_id, cool_until_s = _former_owner(lease, times, terms)
    return LeaseView(
        resource_type=lease.resource_type,
        resource_id=lease.resource_id,
        owner_id=lease.owner_id,
        state=state,
        since_s=since_s,
        notice_at_s=times.notice_at_s,
        readonly_at_s=times.readonly_at_s,
        pool_at_s=times.pool_at_s,
        version=lease.version,
        former_owner_id=former_owner_id,
        cool_until_s=cool_until_s,
    )


def is_cooling_down(lease: LeasePut, terms: LeaseTerms, subject_id: str, *, now_s: float) -> bool:
    """Whether the subject lost this resource too recently to claim it again."""
    former_owner_id, cool_until_s = _former_owner(lease, deadlines(lease, terms), terms)
    return subject_id == former_owner_id and now_s < cool_until_s


def _state(lease: LeasePut, times: Deadlines, now_s: float) -> tuple[LeaseState, float]:
    """The state and since when; the latest deadline reached counts."""
    if now_s >= times.pool_at_s:
        return LeaseState.POOL, times.pool_at_s
    if lease.is_exempt:
        return LeaseState.EXEMPT, lease.touched_at_s
    if now_s < lease.suspended_until_s:
        return LeaseState.PROTECTED, lease.touched_at_s
    if now_s >= times.readonly_at_s:
        return LeaseState.READONLY, times.readonly_at_s
    if now_s >= times.notice_at_s:
        return LeaseState.NOTICE, times.notice_at_s
    return LeaseState.ACTIVE, clock_start_s(lease)


def _former_owner(lease: LeasePut, times: Deadlines, terms: LeaseTerms) -> tuple[str, float]:
    """Who may not claim, and until when: also an owner whom the sweeper has yet to relieve."""
    if lease.owner_id:
        return lease.owner_id, times.pool_at_s + terms.cool_down_days * DAY_S
    return lease.former_owner_id, lease.cool_until_s
