"""Duplicate checks and requests for access, as they travel. No value of a customer is in any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.identity.v1 import duplicates_service_pb2 as pb
from leadchain.identity.v1.access_events_pb2 import CustomerAccessRequested
from servicekit.errors import Invalid

from identity.domain.duplicates import ASKED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from identity.domain.duplicates import AccessRequest, Check, Match

PAGE_SIZE = 50
PAGE_SIZE_MAX = 1000


class MalformedId(Invalid):
    """A check or a page is named by something that is no UUID."""

    def __init__(self) -> None:
        super().__init__("check_id or page_token is not a UUID")


def fields(request: pb.CheckDuplicateRequest) -> dict[str, str]:
    """What is looked for."""
    return {name: getattr(request, name) for name in ASKED}


def uuid(text: str) -> UUID:
    """An id; raises `MalformedId`."""
    try:
        return UUID(text)
    except ValueError:
        raise MalformedId from None


def page(request: pb.ListAccessRequestsRequest) -> tuple[UUID | None, int]:
    """Where a page begins, and its size; raises `MalformedId`."""
    before = uuid(request.page_token) if request.page_token else None
    return before, min(request.page_size or PAGE_SIZE, PAGE_SIZE_MAX)


def check_response(check: Check) -> pb.CheckDuplicateResponse:
    """What one person is told."""
    return pb.CheckDuplicateResponse(
        check_id=str(check.check_id),
        outcome=pb.DuplicateOutcome.ValueType(check.outcome),
        matches=[_match(match) for match in check.matches],
        checks_left=check.checks_left,
    )


def access_response(request: AccessRequest) -> pb.RequestAccessResponse:
    """A request that was passed on."""
    return pb.RequestAccessResponse(
        request_id=str(request.request_id), has_owner=bool(request.owner_id)
    )


def requests_response(
    requests: Sequence[AccessRequest], *, person_id: str, page_size: int
) -> pb.ListAccessRequestsResponse:
    """A page of requests; whoever asked is not told of whom, nor whose they are."""
    response = pb.ListAccessRequestsResponse(
        requests=[_request(each, is_owner=each.owner_id == person_id) for each in requests]
    )
    if len(requests) == page_size:
        response.next_page_token = str(requests[-1].request_id)
    return response


def access_requested(request: AccessRequest) -> CustomerAccessRequested:
    """The fact that somebody asks an owner for access."""
    return CustomerAccessRequested(
        request_id=str(request.request_id),
        golden_id=request.golden_id,
        requester_id=request.requester_id,
        owner_id=request.owner_id,
        manager_id=request.manager_id,
    )


def _match(match: Match) -> pb.DuplicateMatch:
    candidate = match.candidate
    told = pb.DuplicateMatch(
        outcome=pb.DuplicateOutcome.ValueType(candidate.outcome),
        team=match.team,
        owner_id=match.owner_id,
        is_walled=match.is_walled,
        agreeing=candidate.agreeing,
    )
    if match.view.is_visible:
        told.golden_id, told.master_id = candidate.golden_id, candidate.master_id
    return told


def _request(request: AccessRequest, *, is_owner: bool) -> pb.AccessRequest:
    told = pb.AccessRequest(request_id=str(request.request_id), requester_id=request.requester_id)
    if is_owner:
        told.golden_id, told.owner_id = request.golden_id, request.owner_id
    told.requested_at.FromDatetime(request.requested_at)
    return told
