"""How somebody leaves: what ends, and who gets what they own (PM-06).

Everything happens in one transaction. What a person owned goes to the successor who was named, else to their nearest
active superior, else to the public pool (公海池). What they wrote stays theirs; what they could do does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
from accesskit.changes import PrincipalPut
from accesskit.facts import Fact, checked_name
from servicekit.errors import Conflict, Forbidden, Invalid, NotFound

from permissions.domain.facts import MANAGER, ReplicaState, is_org_edge
from permissions.domain.sessions import UnknownPrincipal, check_request_id

REASONS = frozenset({"resigned", "dismissed", "transferred", "security", "other"})
HISTORY = frozenset({"author", "requester"})
"""Relations that say what somebody did; they stay when the person leaves."""
CONFIRMED_WITHIN = timedelta(seconds=1)
"""How soon every process that decides by itself must know; later is an alarm."""


class BadReason(Invalid):
    """Not one of the reasons for which people leave."""

    def __init__(self) -> None:
        super().__init__(f"reason is one of: {', '.join(sorted(REASONS))}")


class NotAPerson(Conflict):
    """Services are not offboarded; their keys are revoked."""

    def __init__(self) -> None:
        super().__init__("the principal is no person")


class OwnDeparture(Forbidden):
    """Nobody offboards or suspends themselves: somebody else has to be left who can."""

    def __init__(self) -> None:
        super().__init__("nobody offboards or suspends themselves")


class UnfitSuccessor(Conflict):
    """The successor is unknown, not active, no person, or the one who leaves."""

    def __init__(self) -> None:
        super().__init__("the successor is not another active person")


class AlreadyDeparted(Conflict):
    """Whoever has left is not suspended or resumed; they may only be put on record anew."""

    def __init__(self) -> None:
        super().__init__("the principal has departed")


class UnknownOffboarding(NotFound):
    """No offboarding has this request id."""

    def __init__(self) -> None:
        super().__init__("no offboarding has this request_id")


@dataclass(frozen=True, slots=True)
class OffboardingRequest:
    """Who leaves, why, and who succeeds them; an empty successor is found by rule."""

    request_id: str
    principal_id: str
    successor_id: str
    reason: str
    requested_by: str

    def __post_init__(self) -> None:
        """Refuses what is malformed, and departures of one's own."""
        check_request_id(self.request_id)
        checked_name(self.principal_id, "principal_id")
        if self.successor_id:
            checked_name(self.successor_id, "successor_id")
        if self.reason not in REASONS:
            raise BadReason
        if self.principal_id == self.requested_by:
            raise OwnDeparture


@dataclass(frozen=True, slots=True)
class Belongings:
    """What a person has when they leave. `facts` are all that name them; `managers` the chart above them."""

    session_ids: Sequence[str]
    device_ids: Sequence[str]
    api_key_ids: Sequence[str]
    facts: Sequence[Fact]
    managers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Departure:
    """What is decided: who the person is afterwards, which facts end and which take their place, and who succeeds."""

    principal: PrincipalPut
    successor_id: str
    withdrawn: Sequence[Fact]
    repointed: Sequence[Fact]
    """Manager edges of subordinates as they will be; their entry's number is filled in when they are written."""

    @property
    def former_edges(self) -> list[Fact]:
        """The subordinates' edges that end."""
        return [fact for fact in self.withdrawn if self.is_subordinate(fact)]

    @property
    def grants(self) -> list[Fact]:
        """Everything else that ends."""
        return [fact for fact in self.withdrawn if not self.is_subordinate(fact)]

    def is_subordinate(self, fact: Fact) -> bool:
        """Whether the fact names the person as somebody's manager."""
        return is_org_edge(fact) and fact.subject_id == self.principal.principal_id


@dataclass(frozen=True, slots=True)
class OffboardingReport:
    """What an offboarding did. Counts are of things ended or moved; `revision` is the log's with all of it."""

    request_id: str
    principal_id: str
    reason: str
    epoch: int
    successor_id: str
    session_count: int = 0
    device_count: int = 0
    api_key_count: int = 0
    approval_count: int = 0
    export_count: int = 0
    grant_count: int = 0
    subordinate_count: int = 0
    handed_over_count: int = 0
    released_count: int = 0

    def with_leases(self, count: int) -> "OffboardingReport":
        """The report with what became of the leases: all of them went one way."""
        if self.successor_id:
            return replace(self, handed_over_count=count)
        return replace(self, released_count=count)


@dataclass(frozen=True, slots=True)
class Offboarding:
    """An offboarding that was done; `written_at` is the database's clock at the end of its transaction."""

    report: OffboardingReport
    revision: int
    token: str
    offboarded_at: datetime
    written_at: datetime


def check_person(principal: PrincipalPut | None) -> PrincipalPut:
    """The principal; raises `UnknownPrincipal` or `NotAPerson`."""
    if principal is None:
        raise UnknownPrincipal
    if principal.type != "user":
        raise NotAPerson
    return principal


def depart(
    request: OffboardingRequest, principals: Mapping[str, PrincipalPut], belongings: Belongings
) -> Departure:
    """What the departure changes. Somebody who has left can be offboarded again: for what has come since.

    `principals` are the person, the named successor and the superiors. Raises `UnknownPrincipal`, `NotAPerson` or
    `UnfitSuccessor`.
    """
    person = check_person(principals.get(request.principal_id))
    above = superiors_of(person.principal_id, belongings.managers)
    edges = [fact for fact in belongings.facts if _manages(fact, person.principal_id)]
    return Departure(
        principal=msgspec.structs.replace(person, status="departed", epoch=person.epoch + 1),
        successor_id=_successor(request, principals, above),
        withdrawn=[fact for fact in belongings.facts if not _is_history(fact)],
        repointed=[_edge(fact.resource_id, above[0]) for fact in edges] if above else [],
    )


def superiors_of(person_id: str, managers: Mapping[str, str]) -> list[str]:
    """The person's managers, nearest first; the chart has no cycle, but one would end this too."""
    above: list[str] = []
    at = managers.get(person_id)
    while at is not None and at not in above and at != person_id:
        above.append(at)
        at = managers.get(at)
    return above


def report_of(
    request: OffboardingRequest, departure: Departure, belongings: Belongings
) -> OffboardingReport:
    """The report so far: without leases, approvals and exports."""
    return OffboardingReport(
        request_id=request.request_id,
        principal_id=request.principal_id,
        reason=request.reason,
        epoch=departure.principal.epoch,
        successor_id=departure.successor_id,
        session_count=len(belongings.session_ids),
        device_count=len(belongings.device_ids),
        api_key_count=len(belongings.api_key_ids),
        grant_count=len(departure.grants),
        subordinate_count=len(departure.former_edges),
    )


def suspended(principal: PrincipalPut | None) -> PrincipalPut:
    """The principal suspended, in a new epoch unless they were already; raises for the unknown and the departed."""
    known = _not_departed(principal)
    if known.status == "suspended":
        return known
    return msgspec.structs.replace(known, status="suspended", epoch=known.epoch + 1)


def resumed(principal: PrincipalPut | None) -> PrincipalPut:
    """The principal active, in the epoch that the suspension began; raises for the unknown and the departed."""
    known = _not_departed(principal)
    return msgspec.structs.replace(known, status="active")


def is_late(offboarding: Offboarding, replicas: Sequence[ReplicaState], *, now: datetime) -> bool:
    """Whether a process took longer than a second to apply it, or has not confirmed for longer than that: an alarm."""
    due = offboarding.written_at + CONFIRMED_WITHIN
    said = [replica.confirmation for replica in replicas]
    if any(confirmation is not None and confirmation.applied_at > due for confirmation in said):
        return True
    return now > due and None in said


def _not_departed(principal: PrincipalPut | None) -> PrincipalPut:
    if principal is None:
        raise UnknownPrincipal
    if principal.status == "departed":
        raise AlreadyDeparted
    return principal


def _successor(
    request: OffboardingRequest, principals: Mapping[str, PrincipalPut], above: Sequence[str]
) -> str:
    if not request.successor_id:
        return next((id_ for id_ in above if _can_succeed(principals.get(id_))), "")
    is_self = request.successor_id == request.principal_id
    if is_self or not _can_succeed(principals.get(request.successor_id)):
        raise UnfitSuccessor
    return request.successor_id


def _can_succeed(principal: PrincipalPut | None) -> bool:
    return principal is not None and (principal.type, principal.status) == ("user", "active")


def _manages(fact: Fact, person_id: str) -> bool:
    return is_org_edge(fact) and fact.subject_id == person_id


def _is_history(fact: Fact) -> bool:
    return fact.relation in HISTORY and fact.resource_type != "user"


def _edge(person_id: str, manager_id: str) -> Fact:
    return Fact("user", person_id, MANAGER, "user", manager_id)
