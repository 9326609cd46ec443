"""The public pool: who may take a lead out of it, and how often.

Permissions decides when somebody loses a lead (its lease), and whether a caller may claim at all; who of several
claimers gets it, and whether they have room, is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servicekit.errors import Conflict, Forbidden

from assignment.domain.leads import LeadId, Pooled, RepId
from assignment.domain.reps import is_full

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from assignment.domain.leads import StoredLead
    from assignment.domain.reps import Rep


class NotInPool(Conflict):
    """The lead is not in the pool, or not any longer."""

    def __init__(self, lead_id: LeadId) -> None:
        super().__init__(f"lead {lead_id} is not in the pool")


class AskedAgain(Conflict):
    """The customer has another lead that is open: whoever has that one has the customer."""

    def __init__(self, lead_id: LeadId, open_lead_id: LeadId) -> None:
        super().__init__(f"the customer of lead {lead_id} asked again: lead {open_lead_id} is open")


class MayNotClaim(Forbidden):
    """Somebody takes no leads."""

    def __init__(self, rep_id: RepId) -> None:
        super().__init__(f"rep {rep_id} is not on the roster, or takes no leads")


class CoolingDown(Conflict):
    """Somebody who lost a lead lately may not take it back at once."""

    def __init__(self, lead_id: LeadId, until: datetime) -> None:
        super().__init__(f"lead {lead_id} was yours; you may claim it from {until:%Y-%m-%d %H:%M}Z")


class NoRoom(Conflict):
    """Somebody has as many open leads as they may have."""

    def __init__(self, rep: Rep, open_count: int) -> None:
        super().__init__(f"rep {rep.rep_id} has {open_count} of {rep.capacity} leads open")


class TooManyClaims(Conflict):
    """Somebody has claimed as many leads today as they may."""

    def __init__(self, rep_id: RepId, claimed: int, limit: int) -> None:
        super().__init__(f"rep {rep_id} has claimed {claimed} leads today, at most {limit}")


@dataclass(frozen=True, slots=True)
class PoolTerms:
    """How long a former owner must wait, and how many leads somebody may claim on one day."""

    cool_down: timedelta
    claims_per_day: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A lead that somebody claimed: until when they must make contact, and how many more they may claim today."""

    contact_due_at: datetime
    left_today: int


def pooled(stored: StoredLead) -> Pooled:
    """How a lead lies in the pool; raises `NotInPool`."""
    if isinstance(stored.standing, Pooled):
        return stored.standing
    raise NotInPool(stored.lead.lead_id)


def check_cool_down(stored: StoredLead, rep_id: RepId, terms: PoolTerms, *, now: datetime) -> None:
    """Raises `NotInPool`, and `CoolingDown` for its former owner."""
    standing = pooled(stored)
    until = standing.pooled_at + terms.cool_down
    if rep_id == standing.previous_owner_id and now < until:
        raise CoolingDown(stored.lead.lead_id, until)


def claims_left(rep: Rep, claimed: int, open_count: int, terms: PoolTerms) -> int:
    """How many more somebody may claim after this; raises `TooManyClaims` and `NoRoom`."""
    if claimed >= terms.claims_per_day:
        raise TooManyClaims(rep.rep_id, claimed, terms.claims_per_day)
    if is_full(rep, open_count):
        raise NoRoom(rep, open_count)
    return terms.claims_per_day - claimed - 1
