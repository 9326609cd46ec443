"""Protobuf to domain and back: facts, principals, and what replicas follow."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, cast

import msgspec
from accesskit.canonical import NotCanonical, canonical_json
from accesskit.changes import PrincipalPut
from accesskit.facts import checked_name
from accesskit.wire import change_to_pb, fact_from_pb, fact_to_pb
from leadchain.permissions.v1 import facts_service_pb2 as pb
from servicekit.errors import Invalid, TooLarge

from permissions.domain.facts import Applied, FactFilter, FactsToWrite, Precondition

if TYPE_CHECKING:
    from accesskit.facts import Fact
    from leadchain.permissions.v1 import changes_pb2

    from permissions.queries.facts import FactsPage
    from permissions.queries.following import Part, Step

CONTEXT_CHARS_MAX = 4_000
STEP_BYTES_MAX = 3_500_000
"""Largest step that is sent; a client takes no message above 4 MiB, and a snapshot comes in parts."""


class BadContext(Invalid):
    """The stored arguments of a condition are no JSON object, or more than a condition could need."""

    def __init__(self) -> None:
        super().__init__(f"context_json is not a JSON object of {CONTEXT_CHARS_MAX} characters")


class StepTooLarge(TooLarge):
    """So much changed in one transaction that a snapshot is the shorter way."""

    def __init__(self) -> None:
        super().__init__("too many changes in one step; take a snapshot")


def facts_to_write(request: pb.WriteFactsRequest) -> FactsToWrite:
    """What a request asks to be written; raises `BadContext`. Names and numbers are checked by the domain."""
    return FactsToWrite(
        puts=[_fact(message) for message in request.puts],
        removals=[_fact(message) for message in request.removals],
        preconditions=[
            Precondition(_fact(given.fact), given.must_be_absent) for given in request.preconditions
        ],
        approval_id=request.approval_id,
    )


def fact_filter(request: pb.ReadFactsRequest) -> FactFilter:
    """Which facts a request is about; raises `BadName`."""
    wanted = FactFilter(
        request.resource_type,
        request.resource_id,
        request.relation,
        request.subject_type,
        request.subject_id,
    )
    for field, value in wanted._asdict().items():
        if value:
            checked_name(value, field)
    return wanted


def read_facts_response(page: FactsPage) -> pb.ReadFactsResponse:
    """A page of facts as an answer."""
    return pb.ReadFactsResponse(
        facts=[fact_to_pb(fact) for fact in page.facts], next_page_token=page.next_token
    )


def principals(request: pb.PutPrincipalsRequest) -> list[PrincipalPut]:
    """The principals of a request, unchecked."""
    return [
        PrincipalPut(
            message.id,
            cast("Any", message.type),
            cast("Any", message.status),
            message.epoch,
            message.is_test,
        )
        for message in request.principals
    ]


def snapshot_response(part: Part) -> pb.SnapshotResponse:
    """A part of a snapshot as a message."""
    return pb.SnapshotResponse(
        changes=[change_to_pb(change) for change in part.changes],
        revision=part.revision,
        log_id=part.log_id,
        is_last=part.is_last,
    )


def watch_response(step: Step, *, log_id: str) -> pb.WatchResponse:
    """A step as a message; raises `StepTooLarge`."""
    response = pb.WatchResponse(
        previous_revision=step.previous_revision,
        revision=step.revision,
        changes=[change_to_pb(change) for change in step.changes],
        log_id=log_id,
    )
    if response.ByteSize() > STEP_BYTES_MAX:
        raise StepTooLarge
    return response


def applied_revision(request: pb.ConfirmRevisionRequest, *, service: str) -> Applied:
    """What a replica says it has applied; raises `BadName`, or `Invalid` for a time that is none."""
    try:
        applied_at = request.applied_at.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Invalid("applied_at is no time") from None
    instance_id = checked_name(request.instance_id, "instance id")
    return Applied(service, instance_id, request.revision, applied_at)


def _fact(message: changes_pb2.Fact) -> Fact:
    if len(message.context_json) > CONTEXT_CHARS_MAX:
        raise BadContext
    try:
        fact = fact_from_pb(message)
        canonical_json(fact.context)
    except (ValueError, RecursionError, NotCanonical):
        raise BadContext from None
    if not isinstance(fact.context, dict | None):
        raise BadContext
    return msgspec.structs.replace(fact, seq=0)
