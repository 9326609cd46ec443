"""Approvals to protobuf and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from accesskit.canonical import params_hash
from accesskit.decisions import Circumstances, Question
from accesskit.facts import checked_name
from google.protobuf.timestamp_pb2 import Timestamp
from leadchain.permissions.v1 import approvals_service_pb2 as pb
from leadchain.permissions.v1.changes_pb2 import Entity
from servicekit.errors import Invalid, TooLarge
from servicekit.masking import mask_text

from permissions.commands.approvals import Asked, Ballot, Use
from permissions.domain.approvals import Status
from permissions.domain.approvers import SecondFactor, Verdict
from permissions.queries.approvals import Wanted

if TYPE_CHECKING:
    from leadchain.permissions.v1.permissions_service_pb2 import Circumstances as PbCircumstances

    from permissions.commands.approvals import Used
    from permissions.domain.approvals import AccessRequest, Emergency
    from permissions.domain.approvers import Vote
    from permissions.queries.acting import Actor
    from permissions.queries.approvals import Page, Shown

PARAMS_CHARS_MAX = 100_000
SUMMARY_CHARS_MAX = 500
REASON_CHARS_MAX = 2_000
KEY_CHARS_MAX = 200
PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000


def second_factor(actor: pb.Actor) -> SecondFactor:
    """How a gateway says that a person proved to be there."""
    is_stated = actor.HasField("authenticated_at")
    at_s = actor.authenticated_at.ToNanoseconds() / 1e9 if is_stated else None
    return SecondFactor(frozenset(actor.amr), at_s)


def asked(request: pb.RequestAccessRequest, actor: Actor) -> Asked:
    """The request that arrives; raises `Invalid` and `TooLarge`."""
    return Asked(
        request_id=checked_name(request.request_id, "request_id"),
        actor=actor,
        question=question(request.deed, request.circumstances),
        template=request.template,
        binding_token=request.binding_token,
        summary=_summary(request.summary),
        reason=_bounded(request.reason, "reason", REASON_CHARS_MAX),
    )


def emergency(request: pb.BreakGlassRequest, actor: Actor) -> Asked:
    """The emergency that arrives; raises `Invalid` and `TooLarge`."""
    return Asked(
        request_id=checked_name(request.request_id, "request_id"),
        actor=actor,
        question=question(request.deed, request.circumstances),
        summary=_summary(request.summary),
        reason=_bounded(request.reason, "reason", REASON_CHARS_MAX),
    )


def ballot(request: pb.VoteRequest, actor: Actor) -> Ballot:
    """The vote that arrives; raises `Invalid`."""
    request_id = checked_name(request.request_id, "request_id")
    return Ballot(request_id, actor, request.group, _verdict(request.verdict))


def review(request: pb.ReviewBreakGlassRequest, actor: Actor) -> Ballot:
    """The review that arrives; raises `Invalid`."""
    request_id = checked_name(request.request_id, "request_id")
    return Ballot(request_id, actor, "", _verdict(request.verdict))


def use(request: pb.UseApprovalRequest, actor: Actor) -> Use:
    """The use that arrives; raises `Invalid`, also when the deed is another's than the actor's."""
    if not request.idempotency_key:
        raise Invalid("idempotency_key is empty")
    if request.deed.subject_id != actor.person_id:
        raise Invalid("only the subject of a deed uses its approval")
    key = _bounded(request.idempotency_key, "idempotency_key", KEY_CHARS_MAX)
    approval_id = checked_name(request.approval_id, "approval_id")
    asked = question(request.deed, request.circumstances, approval_id=approval_id)
    return Use(asked, key, actor.caller_id, actor.proof)


def question(deed: pb.Deed, circumstances: PbCircumstances, *, approval_id: str = "") -> Question:
    """What is to be done, as a question; raises `Invalid` and `TooLarge`."""
    return Question(
        subject_id=checked_name(deed.subject_id, "subject_id"),
        action=checked_name(deed.action, "action"),
        resource_type=checked_name(deed.resource.type, "resource type"),
        resource_id=checked_name(deed.resource.id, "resource id"),
        circumstances=_circumstances(circumstances),
        approval_id=approval_id,
        params_hash=_hash(deed.params_json),
    )


def wanted(request: pb.ListRequestsRequest, actor: Actor) -> Wanted:
    """The page that is asked for; raises `Invalid`."""
    after_id = checked_name(request.after_id, "after_id") if request.after_id else ""
    page_size = min(request.page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    return Wanted(actor.person_id, request.awaiting_vote, after_id, page_size)


def request_id(text: str) -> str:
    """A request's id; raises `Invalid`."""
    return checked_name(text, "request_id")


def request(shown: Shown) -> pb.AccessRequest:
    """A request with its votes."""
    message = _request(shown.request)
    message.reason = shown.reason
    for vote in shown.votes:
        message.votes.append(_vote(vote))
    return message


def used_response(used: Used, token: str) -> pb.UseApprovalResponse:
    """That a deed may be done, once."""
    return pb.UseApprovalResponse(
        used_at=_stamp(used.at_s), is_repeated=used.is_repeated, token=token
    )


def page_response(page: Page) -> pb.ListRequestsResponse:
    """A page of requests."""
    requests = [_request(each) for each in page.requests]
    return pb.ListRequestsResponse(requests=requests, complete=page.is_complete)


_STATUSES = {
    Status.PENDING: pb.APPROVAL_STATUS_PENDING,
    Status.APPROVED: pb.APPROVAL_STATUS_APPROVED,
    Status.DENIED: pb.APPROVAL_STATUS_DENIED,
    Status.EXPIRED: pb.APPROVAL_STATUS_EXPIRED,
    Status.CANCELLED: pb.APPROVAL_STATUS_CANCELLED,
    Status.USED: pb.APPROVAL_STATUS_USED,
}
_VERDICTS = {Verdict.APPROVE: pb.VERDICT_APPROVE, Verdict.DENY: pb.VERDICT_DENY}


def _verdict(number: int) -> Verdict:
    for verdict, stated in _VERDICTS.items():
        if stated == number:
            return verdict
    raise Invalid("verdict is neither approve nor deny")


def _hash(params_json: str) -> str:
    if not params_json:
        return ""
    _bounded(params_json, "params_json", PARAMS_CHARS_MAX)
    try:
        params: Any = json.loads(params_json, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        raise Invalid("params_json is not JSON with each key once") from None
    if not isinstance(params, dict):
        raise Invalid("params_json is not a JSON object")
    return params_hash(params)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    stated = dict(pairs)
    if len(stated) != len(pairs):
        raise ValueError("a key is given twice")
    return stated


def _summary(text: str) -> str:
    return mask_text(_bounded(text, "summary", SUMMARY_CHARS_MAX))[:SUMMARY_CHARS_MAX]


def _bounded(text: str, what: str, chars_max: int) -> str:
    if len(text) > chars_max:
        raise TooLarge(f"{what} is longer than {chars_max} characters")
    if "\x00" in text:
        raise Invalid(f"{what} holds a null character")
    return text


def _circumstances(stated: PbCircumstances) -> Circumstances | None:
    if not stated.ByteSize():
        return None
    return Circumstances(stated.session_id, stated.device_id, stated.address, stated.epoch or None)


def _request(request: AccessRequest) -> pb.AccessRequest:
    deed = request.deed
    message = pb.AccessRequest(
        request_id=request.id,
        template=request.template,
        requester_id=request.requester_id,
        subject_id=deed.subject_id,
        action=deed.action,
        resource=Entity(type=deed.resource_type, id=deed.resource_id),
        params_hash=deed.params_hash,
        summary=request.summary,
        status=_STATUSES[request.status],
        requested_at=_stamp(request.requested_at_s),
        expires_at=_stamp(request.expires_at_s),
        usable_until=_stamp(request.usable_until_s),
        used_at=_stamp(request.used_at_s),
    )
    if request.emergency is not None:
        _add_emergency(message, request.emergency)
    return message


def _add_emergency(message: pb.AccessRequest, emergency: Emergency) -> None:
    message.is_break_glass = True
    message.review_by.FromDatetime(datetime.fromtimestamp(emergency.review_by_s, UTC))
    message.reviewed_by = emergency.reviewed_by
    if emergency.review is not None:
        message.review = _VERDICTS[emergency.review]
    message.notify_ids.extend(emergency.notify_ids)


def _vote(vote: Vote) -> pb.ApprovalVote:
    return pb.ApprovalVote(
        approver_id=vote.approver_id,
        group=vote.group,
        verdict=_VERDICTS[vote.verdict],
        voted_at=_stamp(vote.voted_at_s),
    )


def _stamp(at_s: float | None) -> Timestamp | None:
    if at_s is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(datetime.fromtimestamp(at_s, UTC))
    return stamp
