"""What owners answer to a lead: they take it on, or give it back, and how often they may on one day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from servicekit.errors import Conflict, Forbidden, Invalid

from assignment.domain.calendars import USUAL_ZONE
from assignment.domain.leads import LeadId, Owned, RepId

if TYPE_CHECKING:
    from assignment.domain.leads import StoredLead

REASONS = frozenset({"busy", "wrong_region", "wrong_industry", "conflict_of_interest", "other"})


class UnknownReason(Invalid):
    """A lead is given back for a reason that is none of the known ones."""

    def __init__(self) -> None:
        super().__init__(f"the reason is none of {', '.join(sorted(REASONS))}")


class NotYours(Forbidden):
    """Only the rep who owns a lead can answer for it."""

    def __init__(self, lead_id: LeadId) -> None:
        super().__init__(f"only the owner of lead {lead_id} can accept or decline it")


class ContactMade(Conflict):
    """A lead whose customer has been contacted is not given back."""

    def __init__(self, lead_id: LeadId) -> None:
        super().__init__(f"lead {lead_id} has been contacted; hand it over instead")


class TooManyDeclines(Conflict):
    """Somebody has given back as many leads today as they may."""

    def __init__(self, rep_id: RepId, declined: int, limit: int) -> None:
        super().__init__(f"rep {rep_id} has declined {declined} leads today, at most {limit}")


class NobodyElse(Conflict):
    """A lead stays with its owner, since nobody else could take it."""

    def __init__(self, lead_id: LeadId, refused: int) -> None:
        super().__init__(
            f"nobody else can take lead {lead_id}: {refused} reps were passed over; it stays where it is"
        )


@dataclass(frozen=True, slots=True)
class Declined:
    """A lead that was given back: who has it now, and how often its owner before may do so again today."""

    assignee_id: RepId
    left_today: int


def owner_answering(stored: StoredLead, rep_id: RepId) -> Owned:
    """The assignment that somebody answers for; raises `NotYours` for anybody but the owner."""
    if isinstance(stored.standing, Owned) and stored.standing.assignee_id == rep_id:
        return stored.standing
    raise NotYours(stored.lead.lead_id)


def check_declinable(stored: StoredLead, owned: Owned, reason: str) -> None:
    """Raises `UnknownReason`, and `ContactMade` for a lead that is worked on."""
    if reason not in REASONS:
        raise UnknownReason
    if owned.contacted_at is not None:
        raise ContactMade(stored.lead.lead_id)


def declines_left(rep_id: RepId, declined: int, limit: int) -> int:
    """How often somebody may decline after this time; raises `TooManyDeclines` when not even this time."""
    if declined >= limit:
        raise TooManyDeclines(rep_id, declined, limit)
    return limit - declined - 1


def day_began(at: datetime, zone: str = USUAL_ZONE) -> datetime:
    """The midnight before a moment, by the clocks of a zone."""
    local = at.astimezone(ZoneInfo(zone))
    return datetime.combine(local.date(), time(), ZoneInfo(zone))
