"""Ownership leases: how an owner changes, and what starts a lease's clock anew (PM-03).

Whose a resource is changes in `change_owner` and nowhere else, whether by assignment, claim, hand-over, release,
the sweep or offboarding. What an owner may still do is derived from the lease by `accesskit.leases`. Times are Unix
seconds.
"""

from dataclasses import dataclass, replace
from datetime import timedelta, timezone
from enum import Enum

from accesskit.changes import LeasePut
from accesskit.facts import Entity
from accesskit.leases import LeaseState, LeaseView, view
from accesskit.policy import LeaseTerms
from msgspec import structs
from servicekit.errors import Conflict, NotFound, TooMany

LEAD = "lead"
CLAIM_ZONE = timezone(timedelta(hours=8))
"""Where a claim's calendar day begins: China Standard Time, which has no summer time."""


class Cause(Enum):
    """Why an owner changed; the values are those of the audit log and of the events."""

    ASSIGNED = "assigned"
    CLAIMED = "claimed"
    HANDED_OVER = "handed_over"
    RELEASED = "released"
    LAPSED = "lapsed"
    OFFBOARDED = "offboarded"
    CONTACT_OVERDUE = "contact_overdue"
    RECYCLED = "recycled"


class UnknownLease(NotFound):
    """Nobody has ever owned the resource, or there is none."""

    def __init__(self) -> None:
        super().__init__("unknown_lease: nobody has ever owned this")


class LeaseChanged(Conflict):
    """The lease is no longer at the version that the caller has seen."""

    def __init__(self, version: int) -> None:
        super().__init__(f"lease_changed: the lease is at version {version}")
        self.version = version


class NotInPool(Conflict):
    """Somebody's lease still runs, so nobody can claim the resource."""

    def __init__(self) -> None:
        super().__init__("not_in_pool: the owner's lease still runs")


class CoolingDown(Conflict):
    """The former owner lost the resource too recently to claim it again."""

    def __init__(self, until_s: float) -> None:
        super().__init__(f"cooling_down: the former owner may claim from {until_s:.0f} on")
        self.until_s = until_s


class ClaimsUsedUp(TooMany):
    """Somebody has claimed as many resources today as the policy allows."""

    def __init__(self, claims_per_day: int, *, retry_after_s: float) -> None:
        super().__init__(
            f"claims_used_up: {claims_per_day} a day are allowed", retry_after_s=retry_after_s
        )
        self.claims_per_day = claims_per_day


class ClaimedElsewhere(Conflict):
    """Leads are claimed where their clocks start and owners' room is known: at assignment's pool."""

    def __init__(self) -> None:
        super().__init__(
            "claimed_elsewhere: claim a lead at leadchain.assignment.v1.PoolService/ClaimLead"
        )


class WrongState(Conflict):
    """The lease is in a state in which this cannot be done."""

    def __init__(self, state: LeaseState) -> None:
        super().__init__(f"wrong_state: the lease is {state.value}")
        self.state = state


class ProtectionRefused(Conflict):
    """More protection than the policy allows: `limit` names the term."""

    def __init__(self, limit: str) -> None:
        super().__init__(f"protection_refused: {limit} is reached")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease on record: what replicas know of it (`put`), and what only this service needs.

    `assignment_no` is that of the newest assignment. `noticed` is the last state for which a notice went out in this
    `episode`, which is one run of the clock. `channel` and `received_at_s` are those of a lead, where known.
    """

    put: LeasePut
    assignment_no: int = 0
    granted_at_s: float = 0.0
    noticed: str = ""
    episode: int = 0
    channel: str = ""
    received_at_s: float = 0.0

    @property
    def resource(self) -> Entity:
        """What is owned."""
        return Entity(self.put.resource_type, self.put.resource_id)

    def at(self, terms: LeaseTerms, now_s: float) -> LeaseView:
        """The lease as it stands at a time."""
        return view(self.put, terms, now_s=now_s)


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """A resource shall have another owner: nobody, that is the pool, when `owner_id` is empty.

    `lease` is what is on record, from `unowned` when nothing is. In the pool the former owner may not claim before
    `cool_until_s`. `reason` is a code that somebody gave.
    """

    lease: Lease
    owner_id: str
    cause: Cause
    cool_until_s: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Loss:
    """An owner shall lose a lead that they have by an assignment.

    `cause` is CONTACT_OVERDUE where assignment has taken it from them, RECYCLED where its owner's time is over.
    `channel` and `received_at_s` are the lead's.
    """

    resource: Entity
    owner_id: str
    assignment_no: int
    cause: Cause
    golden_id: str
    channel: str
    received_at_s: float


def unowned(resource: Entity) -> Lease:
    """The lease of a resource that nobody has owned yet."""
    return Lease(LeasePut(resource.type, resource.id, "", 0.0, 0))


def change_owner(change: OwnerChange, *, now_s: float, seq: int) -> Lease:
    """The lease under its new owner, whose clock starts now, stated by entry `seq`.

    Protection ends with its owner; an exemption belongs to the resource and stays.
    """
    lease = change.lease
    put = structs.replace(
        lease.put,
        owner_id=change.owner_id,
        former_owner_id=lease.put.owner_id or lease.put.former_owner_id,
        touched_at_s=now_s,
        suspended_until_s=0.0,
        cool_until_s=change.cool_until_s,
        version=lease.put.version + 1,
        seq=seq,
    )
    return replace(lease, put=put, granted_at_s=now_s, noticed="", episode=lease.episode + 1)


def restarted(lease: Lease, *, seq: int, **changes: float) -> Lease:
    """The lease with a new run of its clock, stated by entry `seq`; `changes` are those of its `put`."""
    put = structs.replace(lease.put, version=lease.put.version + 1, seq=seq, **changes)
    return replace(lease, put=put, noticed="", episode=lease.episode + 1)
