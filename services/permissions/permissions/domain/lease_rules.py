"""What may be done with a lease in which state: claims, releases, protection, unlocking, demotion.

Each function raises the refusal's type or returns; who may do it at all is the policy's business. Times are Unix
seconds.
"""

from datetime import UTC, date, datetime, timedelta

from accesskit.leases import LeaseState, is_cooling_down
from accesskit.policy import DAY_S, LeaseTerms

from permissions.domain.leases import (
    CLAIM_ZONE,
    LEAD,
    Cause,
    ClaimedElsewhere,
    ClaimsUsedUp,
    CoolingDown,
    Lease,
    LeaseChanged,
    Loss,
    NotInPool,
    OwnerChange,
    ProtectionRefused,
    WrongState,
)

_SUSPENDED = frozenset({LeaseState.PROTECTED, LeaseState.EXEMPT})
_WORKING = frozenset({LeaseState.ACTIVE, LeaseState.NOTICE, LeaseState.PROTECTED})


def check_claimed_here(resource_type: str) -> None:
    """Raises `ClaimedElsewhere` for a lead."""
    if resource_type == LEAD:
        raise ClaimedElsewhere


def claim(lease: Lease, terms: LeaseTerms, claimant_id: str, *, now_s: float) -> OwnerChange:
    """The claim of a resource; raises `NotInPool` or `CoolingDown`."""
    standing = lease.at(terms, now_s)
    if standing.state is not LeaseState.POOL:
        raise NotInPool
    if is_cooling_down(lease.put, terms, claimant_id, now_s=now_s):
        raise CoolingDown(standing.cool_until_s)
    return OwnerChange(lease, claimant_id, Cause.CLAIMED)


def claim_day(now_s: float) -> date:
    """The calendar day to which a claim counts."""
    return datetime.fromtimestamp(now_s, CLAIM_ZONE).date()


def check_claim_count(count: int, terms: LeaseTerms, *, now_s: float) -> None:
    """Raises `ClaimsUsedUp` when `count` claims of today are all that the policy allows."""
    if count >= terms.claims_per_day:
        now = datetime.fromtimestamp(now_s, UTC).astimezone(CLAIM_ZONE)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        raise ClaimsUsedUp(
            terms.claims_per_day, retry_after_s=(midnight - now) / timedelta(seconds=1)
        )


def is_claimed_by(lease: Lease, claimant_id: str, *, version: int | None) -> bool:
    """Whether the lease is what the claimant's own claim of that version made of it."""
    if version is None:
        return False
    return lease.put.version == version + 1 and lease.put.owner_id == claimant_id


def check_version(lease: Lease, version: int | None) -> None:
    """Raises `LeaseChanged` unless the lease is at the version that the caller has seen; None is any."""
    if version is not None and lease.put.version != version:
        raise LeaseChanged(lease.put.version)


def release(lease: Lease, terms: LeaseTerms, *, now_s: float) -> OwnerChange:
    """The passing to the pool, where the owner cools down from now on; raises `WrongState` when it is there already."""
    if lease.at(terms, now_s).state is LeaseState.POOL:
        raise WrongState(LeaseState.POOL)
    return OwnerChange(lease, "", Cause.RELEASED, now_s + terms.cool_down_days * DAY_S)


def take_back(lease: Lease, terms: LeaseTerms, loss: Loss, *, now_s: float) -> OwnerChange | None:
    """The passing of a lead to the pool for a reason of assignment's; the former owner cools down from now on.

    None where the lease is not this owner's by this assignment, or not any longer. Protection and exemption keep a lead
    whose owner's time is over; they keep none that assignment has taken back already, for nobody contacted it.
    """
    if lease.put.owner_id != loss.owner_id or lease.assignment_no != loss.assignment_no:
        return None
    if loss.cause is Cause.RECYCLED and lease.at(terms, now_s).state in _SUSPENDED:
        return None
    return OwnerChange(lease, "", loss.cause, now_s + terms.cool_down_days * DAY_S)


def check_unlock(lease: Lease, terms: LeaseTerms, *, now_s: float) -> None:
    """Raises `WrongState` unless the lease is read-only."""
    state = lease.at(terms, now_s).state
    if state is not LeaseState.READONLY:
        raise WrongState(state)


def protected_until_s(
    lease: Lease, terms: LeaseTerms, *, days: int, protected_count: int, now_s: float
) -> float:
    """Until when `days` of protection last.

    `protected_count` is how many resources of the owner are protected now. It ends at most `protected_days_max` after
    the last effective follow-up, so that nobody protects what they never follow up. Raises `WrongState` or
    `ProtectionRefused`.
    """
    state = lease.at(terms, now_s).state
    if state not in _WORKING:
        raise WrongState(state)
    until_s = now_s + days * DAY_S
    if until_s > lease.put.touched_at_s + terms.protected_days_max * DAY_S:
        raise ProtectionRefused("protected_days_max")
    if state is not LeaseState.PROTECTED and protected_count >= terms.protected_count_max:
        raise ProtectionRefused("protected_count_max")
    return max(until_s, lease.put.suspended_until_s)


def check_exemption(lease: Lease, terms: LeaseTerms, *, now_s: float) -> None:
    """Raises `WrongState` for what is in the pool: nobody is left whose lease could be exempt."""
    if lease.at(terms, now_s).state is LeaseState.POOL:
        raise WrongState(LeaseState.POOL)


def due_notice(lease: Lease, terms: LeaseTerms, *, now_s: float) -> LeaseState | None:
    """The state, NOTICE or READONLY, of which the owner has yet to be told in this run of the clock."""
    state = lease.at(terms, now_s).state
    if state is LeaseState.NOTICE and not lease.noticed:
        return state
    if state is LeaseState.READONLY and lease.noticed != LeaseState.READONLY.value:
        return state
    return None


def lapse(lease: Lease, terms: LeaseTerms, *, now_s: float) -> OwnerChange | None:
    """The passing to the pool of what somebody still owns on record although the lease is over.

    The former owner cools down from the moment the lease ended, however late this is noticed.
    """
    standing = lease.at(terms, now_s)
    if not lease.put.owner_id or standing.state is not LeaseState.POOL:
        return None
    return OwnerChange(lease, "", Cause.LAPSED, standing.cool_until_s)
