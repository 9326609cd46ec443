"""Follow-ups: only an effective one (FU-06) starts an owner's clock anew, and none wakes a lease that has ended."""

from dataclasses import dataclass
from enum import Enum

from accesskit.facts import Entity
from accesskit.leases import LeaseState
from accesskit.policy import EffectiveFollowUp, FollowUp, LeaseTerms

from permissions.domain.leases import Lease

TOUCHES_MAX = 1000
AHEAD_S_MAX = 60.0
"""How far ahead of the server's time a follow-up may be: clocks differ by less than a minute."""


class TouchOutcome(Enum):
    """What became of a reported follow-up; the names are those of the contract."""

    COUNTED = "counted"
    INEFFECTIVE = "ineffective"
    NOT_NEWER = "not_newer"
    READONLY = "readonly"
    POOL = "pool"
    NOT_THE_OWNER = "not_the_owner"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Touch:
    """Somebody followed up a resource at a time (Unix seconds)."""

    resource: Entity
    actor_id: str
    at_s: float
    follow_up: FollowUp


@dataclass(frozen=True, slots=True)
class TouchResult:
    """The outcome; `lacking` are signals, any `lacking_count` of which would have made the follow-up effective."""

    outcome: TouchOutcome
    lacking: tuple[str, ...] = ()
    lacking_count: int = 0


def ineffective(touch: Touch, wanted: EffectiveFollowUp) -> TouchResult | None:
    """What the follow-up lacks; None when it is effective."""
    if wanted.is_met_by(touch.follow_up):
        return None
    given = touch.follow_up
    lacking = {
        f"call_s>={wanted.call_s_min:g}": given.call_s >= wanted.call_s_min,
        f"forms>={wanted.forms_min}": given.forms >= wanted.forms_min,
        f"attachments>={wanted.attachments_min}": given.attachments >= wanted.attachments_min,
        f"customer_messages>={wanted.customer_messages_min}": (
            given.customer_messages >= wanted.customer_messages_min
        ),
        "geofenced_visit": given.has_geofenced_visit,
    }
    met_count = sum(lacking.values())
    names = tuple(name for name, is_met in lacking.items() if not is_met)
    return TouchResult(TouchOutcome.INEFFECTIVE, names, wanted.need - met_count)


def touched_at_s(touch: Touch, *, now_s: float) -> float:
    """When an effective follow-up counts from: its own time, at most a minute ahead."""
    return min(touch.at_s, now_s + AHEAD_S_MAX)


def judge_touch(
    touch: Touch, lease: Lease | None, terms: LeaseTerms, *, now_s: float
) -> TouchOutcome:
    """What becomes of an effective follow-up; only COUNTED changes the lease."""
    if lease is None:
        return TouchOutcome.UNKNOWN
    state = lease.at(terms, now_s).state
    if state is LeaseState.POOL:
        return TouchOutcome.POOL
    if touch.actor_id != lease.put.owner_id:
        return TouchOutcome.NOT_THE_OWNER
    if state is LeaseState.READONLY:
        return TouchOutcome.READONLY
    if touched_at_s(touch, now_s=now_s) <= lease.put.touched_at_s:
        return TouchOutcome.NOT_NEWER
    return TouchOutcome.COUNTED
