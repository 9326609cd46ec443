"""LeasesService's requests to domain, and answers back."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from accesskit.facts import Entity, checked_name
from accesskit.leases import LeaseState
from accesskit.policy import FollowUp, LeaseTerms, Policy
from leadchain.permissions.v1 import leases_service_pb2 as pb
from servicekit.errors import Invalid

from permissions.commands.claims import HANDED_OVER_MAX, HandOver
from permissions.domain.follow_ups import TOUCHES_MAX, Touch
from permissions.store.lease_states import Wanted
from permissions.wire.leases import entity_to_pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accesskit.leases import LeaseView
    from google.protobuf.timestamp_pb2 import Timestamp
    from leadchain.permissions.v1 import changes_pb2

    from permissions.commands.claims import HandedOver
    from permissions.commands.follow_ups import Reported
    from permissions.commands.lease_clocks import ChangedLease
    from permissions.domain.follow_ups import TouchResult
    from permissions.queries.leases import LeaseEvent, LeaseStory, Page

PAGE_SIZE = 100
PAGE_SIZE_MAX = 2000
DAYS_MAX = 36_500
_CODE = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Days:
    """Days of other lease terms; 0 where they stay as they are."""

    notice: float
    readonly: float
    pool: float


def entity(message: changes_pb2.Entity) -> Entity:
    """A typed id of a request; raises `BadName`."""
    return Entity(
        checked_name(message.type, "resource.type"), checked_name(message.id, "resource.id")
    )


def code(text: str) -> str:
    """A reason, which is a code and no prose, for the log keeps it for ever; raises `Invalid`."""
    if not _CODE.fullmatch(text):
        raise Invalid("reason is no code of 1 to 40 of a to z, 0 to 9 and _")
    return text


def touches(request: pb.ReportTouchesRequest) -> list[Touch]:
    """The reported follow-ups; raises `Invalid`."""
    if not 0 < len(request.touches) <= TOUCHES_MAX:
        raise Invalid(f"{len(request.touches)} touches; 1 to {TOUCHES_MAX} are taken at once")
    return [_touch(each) for each in request.touches]


def hand_over(request: pb.HandOverRequest, *, actor: str) -> HandOver:
    """The hand-over asked for; raises `Invalid`."""
    if not 0 < len(request.resources) <= HANDED_OVER_MAX:
        count = len(request.resources)
        raise Invalid(f"{count} resources; 1 to {HANDED_OVER_MAX} are handed over at once")
    return HandOver(
        resources=[entity(each) for each in request.resources],
        from_id=checked_name(request.from_id, "from_id"),
        to_id=checked_name(request.to_id, "to_id"),
        actor=actor,
        reason=code(request.reason),
    )


def days(request: pb.ProtectLeaseRequest) -> int:
    """For how many days to protect; raises `Invalid`."""
    if not 0 < request.days <= DAYS_MAX:
        raise Invalid(f"days is not 1 to {DAYS_MAX}")
    return request.days


def wanted(request: pb.ListLeasesRequest) -> Wanted:
    """Which leases to list; raises `Invalid`."""
    if request.page_size > PAGE_SIZE_MAX:
        raise Invalid(f"page_size is above {PAGE_SIZE_MAX}")
    state = "" if not request.state else _named(request.state).value
    owner_id = request.owner_id and checked_name(request.owner_id, "owner_id")
    after = _after(request.page_token)
    return Wanted(owner_id, state, after, request.page_size or PAGE_SIZE)


def candidate(request: pb.PreviewLeasesRequest, terms: LeaseTerms) -> LeaseTerms:
    """The terms to try in place of `terms`; raises `PolicyInvalid` or `Invalid`."""
    if request.document:
        return Policy.parse(request.document).lease
    tried = msgspec.structs.replace(
        terms,
        notice_days=request.notice_days or terms.notice_days,
        readonly_days=request.readonly_days or terms.readonly_days,
        pool_days=request.pool_days or terms.pool_days,
    )
    if not 0 < tried.notice_days <= tried.readonly_days <= tried.pool_days <= DAYS_MAX:
        raise Invalid("days are not in the order notice, readonly, pool")
    return tried


def report_touches_response(reported: Reported) -> pb.ReportTouchesResponse:
    """What became of follow-ups."""
    results = [_result(each) for each in reported.results]
    return pb.ReportTouchesResponse(results=results, token=reported.token)


def hand_over_response(handed_over: HandedOver) -> pb.HandOverResponse:
    """What became of a hand-over."""
    names = [f"HAND_OVER_OUTCOME_{outcome.name}" for outcome in handed_over.outcomes]
    outcomes = [pb.HandOverOutcome.Value(name) for name in names]
    return pb.HandOverResponse(outcomes=outcomes, token=handed_over.token)


def changed(done: ChangedLease) -> tuple[pb.LeaseStatus, str]:
    """The lease after a change, and the consistency token."""
    return lease_status(done.view), done.token


def lease_status(standing: LeaseView) -> pb.LeaseStatus:
    """A lease as a message; deadlines that never come are absent."""
    status = pb.LeaseStatus(
        resource=entity_to_pb(Entity(standing.resource_type, standing.resource_id)),
        owner_id=standing.owner_id,
        state=pb.LeaseState.Value(f"LEASE_STATE_{standing.state.name}"),
        version=standing.version,
        former_owner_id=standing.former_owner_id,
    )
    _set(status.since, standing.since_s)
    _set(status.notice_at, standing.notice_at_s)
    _set(status.readonly_at, standing.readonly_at_s)
    _set(status.pool_at, standing.pool_at_s)
    _set(status.cool_until, standing.cool_until_s)
    return status


def get_lease_response(story: LeaseStory) -> pb.GetLeaseResponse:
    """A lease and its history."""
    history = [_event(each) for each in story.history]
    return pb.GetLeaseResponse(lease=lease_status(story.view), history=history)


def list_leases_response(page: Page) -> pb.ListLeasesResponse:
    """A page of leases."""
    token = "" if page.end is None else str(page.end)
    leases = [lease_status(each) for each in page.leases]
    return pb.ListLeasesResponse(leases=leases, next_page_token=token)


def preview_response(counts: Mapping[LeaseState, tuple[int, int]]) -> pb.PreviewLeasesResponse:
    """How many leases are, and would be, in each state."""
    return pb.PreviewLeasesResponse(
        counts=[
            pb.LeaseCount(
                state=pb.LeaseState.Value(f"LEASE_STATE_{state.name}"),
                count_now=now,
                count_then=then,
            )
            for state, (now, then) in counts.items()
        ]
    )


def _touch(message: pb.Touch) -> Touch:
    evidence = message.evidence
    if not message.HasField("at") or not math.isfinite(evidence.call_s):
        raise Invalid("a touch needs a time, and a call a finite length")
    return Touch(
        resource=entity(message.resource),
        actor_id=checked_name(message.actor_id, "actor_id"),
        at_s=message.at.ToMicroseconds() / 1e6,
        follow_up=FollowUp(
            call_s=evidence.call_s,
            forms=evidence.forms,
            attachments=evidence.attachments,
            customer_messages=evidence.customer_messages,
            has_geofenced_visit=evidence.has_geofenced_visit,
        ),
    )


def _result(result: TouchResult) -> pb.TouchResult:
    return pb.TouchResult(
        outcome=pb.TouchOutcome.Value(f"TOUCH_OUTCOME_{result.outcome.name}"),
        lacking=result.lacking,
        lacking_count=result.lacking_count,
    )


def _event(event: LeaseEvent) -> pb.LeaseEvent:
    stated = event.stated
    message = pb.LeaseEvent(
        seq=event.entry.seq,
        action=str(stated.get("action", "")),
        actor_id=str(stated.get("actor", "")),
        cause=str(stated.get("cause", "")),
        owner_id=str(stated.get("owner_id", "")),
        previous_owner_id=str(stated.get("previous_owner_id", "")),
    )
    message.at.FromDatetime(event.entry.recorded_at)
    return message


def _named(state: int) -> LeaseState:
    try:
        return LeaseState[pb.LeaseState.Name(state).removeprefix("LEASE_STATE_")]  # type: ignore[arg-type]
    except (ValueError, KeyError):
        raise Invalid("state is none that is known") from None


def _after(page_token: str) -> Entity:
    kind, _, name = page_token.partition(":")
    if not page_token:
        return Entity("", "")
    return Entity(checked_name(kind, "page_token"), checked_name(name, "page_token"))


def _set(field: Timestamp, at_s: float) -> None:
    if 0 < at_s < math.inf:
        field.FromDatetime(datetime.fromtimestamp(at_s, UTC))
