"""Decides what may be told about a customer who exists behind a wall: that they do, and whom to ask."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from servicekit.errors import Conflict, Invalid, NotFound, TooMany

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta
    from uuid import UUID

MATCHES_MAX = 5
SECONDS_PER_MINUTE = 60.0

ASKED = ("phone", "email", "uscc", "company", "name")
"""By what a customer may be looked for."""


class NothingToLookFor(Invalid):
    """Neither a phone, an e-mail or a USCC is given, nor a company with a name."""

    def __init__(self) -> None:
        super().__init__("a phone, an e-mail, a USCC, or a company with a name is needed")


class UnreadableProbe(Invalid):
    """What is given is no phone, e-mail, USCC, company or name."""

    def __init__(self) -> None:
        super().__init__("nothing that is given can be read")


class TooManyChecks(TooMany):
    """One person asked more often than the policy allows: a check is no way to go through phone numbers."""

    def __init__(self) -> None:
        super().__init__("too many duplicate checks", retry_after_s=SECONDS_PER_MINUTE)


class CheckNotFound(NotFound):
    """There is no such check of this person's that is young enough, or it has no such match."""

    def __init__(self) -> None:
        super().__init__("no such match of a recent check")


class NotWalled(Conflict):
    """The person may see the customer already."""

    def __init__(self) -> None:
        super().__init__("the customer is not behind a wall")


class Outcome(IntEnum):
    """How surely a customer exists; the numbers are those of the contract and of the database."""

    NONE = 1
    MAY_EXIST = 2
    EXISTS = 3


@dataclass(frozen=True, slots=True)
class WallPolicy:
    """What is told about a customer behind a wall, how often one may ask, how long a check is good for a request."""

    shows_team: bool
    shows_owner: bool
    checks_per_minute: int
    request_within: timedelta


@dataclass(frozen=True, slots=True)
class Likeness:
    """How one record compares to what is looked for.

    `posterior` is the engine's, `is_vetoed` says that the two contradict each other, `has_identifier` that they share a
    phone, an e-mail or the like that is not everybody's. `agreeing` names the fields that are equal.
    """

    customer_id: int
    posterior: float
    is_accepted: bool
    is_review: bool
    is_vetoed: bool
    has_identifier: bool
    agreeing: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """Weak evidence, and strong evidence beside a contradiction, is only that the customer may exist."""
        if self.is_vetoed:
            return Outcome.MAY_EXIST if self.has_identifier else Outcome.NONE
        if self.is_accepted or self.has_identifier:
            return Outcome.EXISTS
        return Outcome.MAY_EXIST if self.is_review else Outcome.NONE


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer who was found; `lead_ids` are by what their owner is known."""

    customer_id: int
    golden_id: str
    master_id: str
    lead_ids: tuple[UUID, ...]
    outcome: Outcome
    agreeing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What one person may know of a customer: whether they may see them, and whose they are."""

    is_visible: bool
    owner_id: str = ""
    manager_id: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A customer who was found, as it is told to one person; values never are."""

    candidate: Candidate
    view: View
    team: str = ""
    owner_id: str = ""

    @property
    def is_walled(self) -> bool:
        """Whether the person has to ask for access."""
        return not self.view.is_visible


@dataclass(frozen=True, slots=True)
class Check:
    """One check: who asked, by what, and what was found."""

    check_id: UUID
    actor_id: str
    checked_at: datetime
    asked: tuple[str, ...]
    matches: tuple[Match, ...]
    checks_left: int

    @property
    def outcome(self) -> Outcome:
        """That of the surest match."""
        return max((match.candidate.outcome for match in self.matches), default=Outcome.NONE)


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Somebody asks the owner of a customer for access."""

    request_id: UUID
    check_id: UUID
    match_index: int
    golden_id: str
    requester_id: str
    owner_id: str
    manager_id: str
    requested_at: datetime


def probe(fields: Mapping[str, str]) -> dict[str, str]:
    """What is to be looked for, blanks left out; raises `NothingToLookFor`."""
    given = {name: text.strip() for name, text in fields.items() if name in ASKED and text.strip()}
    if given.keys() & {"phone", "email", "uscc"} or given.keys() >= {"company", "name"}:
        return given
    raise NothingToLookFor


def best_of(likenesses: Iterable[Likeness]) -> list[Likeness]:
    """The best record of each customer who may be meant, surest first, at most five; ties by who is older here."""
    best: dict[int, Likeness] = {}
    for found in likenesses:
        known = best.get(found.customer_id)
        if found.outcome is not Outcome.NONE and (known is None or _surer(found) > _surer(known)):
            best[found.customer_id] = found
    ranked = sorted(
        best.values(), key=lambda found: (-found.outcome, -found.posterior, found.customer_id)
    )
    return ranked[:MATCHES_MAX]


def told(policy: WallPolicy, candidate: Candidate, view: View) -> Match:
    """What one person is told of a customer."""
    return Match(
        candidate,
        view,
        team=view.manager_id if policy.shows_team else "",
        owner_id=view.owner_id if policy.shows_owner else "",
    )


def admitted(policy: WallPolicy, recent_count: int) -> int:
    """How many checks are left in the minute after one more; raises `TooManyChecks` when none is."""
    if recent_count >= policy.checks_per_minute:
        raise TooManyChecks
    return policy.checks_per_minute - recent_count - 1


def _surer(found: Likeness) -> tuple[int, float]:
    return (found.outcome, found.posterior)
