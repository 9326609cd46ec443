"""Tags to protobuf and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.identity.v1 import tags_service_pb2 as pb
from leadchain.identity.v1.customer_events_pb2 import CustomerChanged

from identity.domain import pages
from identity.domain.tags import Computation, Definition, MalformedTag, Metric
from identity.queries.tags import Search

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from identity.domain.customers import Customer
    from identity.domain.tags import Tag, Tagged
    from identity.queries.tags import Found

TAGS_FIELD = "tags"
"""The field that a `CustomerChanged` names when somebody's tags change."""


def definition(message: pb.Tag) -> Definition:
    """What a tag is to mean; raises `MalformedTag` when its kind and its rule for machines do not fit."""
    is_computed = message.HasField("computed_by")
    if is_computed != (message.kind == pb.TAG_KIND_COMPUTED) or not message.kind:
        raise MalformedTag("a computed tag, and no other, says by what it is computed")
    return Definition(
        message.name,
        message.dimension,
        message.rule,
        message.source,
        _computation(message.computed_by) if is_computed else None,
        message.is_closing,
    )


def search(request: pb.FindCustomersRequest) -> Search:
    """The customers wanted; raises `WrongPageToken`."""
    return Search(
        tuple(request.all_of),
        tuple(request.none_of),
        request.with_closed,
        request.page_size,
        pages.number(request.page_token) or 0,
    )


def found_response(found: Found) -> pb.FindCustomersResponse:
    """A page of customers."""
    return pb.FindCustomersResponse(
        customers=[
            pb.FoundCustomer(golden_id=golden_id, master_id=master_id)
            for golden_id, master_id in found.customers
        ],
        next_page_token="" if found.next_after is None else str(found.next_after),
    )


def tag(known: Tag) -> pb.Tag:
    """A tag on record."""
    meant = known.definition
    message = pb.Tag(
        name=meant.name,
        dimension=meant.dimension,
        kind=pb.TagKind.ValueType(meant.kind),
        rule=meant.rule,
        source=meant.source,
        is_closing=meant.is_closing,
        synonyms=known.synonyms,
        customer_count=known.customer_count,
        made_by=known.made_by,
    )
    if (computed := meant.computed_by) is not None:
        message.computed_by.metric = pb.TagMetric.ValueType(computed.metric)
        message.computed_by.within_days = computed.within_days
        message.computed_by.at_least = computed.at_least
    message.made_at.FromDatetime(known.made_at)
    if known.retired_at is not None:
        message.retired_at.FromDatetime(known.retired_at)
    if known.computed_at is not None:
        message.computed_at.FromDatetime(known.computed_at)
    return message


def customer_tags(tags: Sequence[Tagged]) -> pb.GetCustomerTagsResponse:
    """A customer's tags."""
    return pb.GetCustomerTagsResponse(tags=[_tagged(each) for each in tags])


def tags_changed(customer: Customer, *, actor: str, at: datetime) -> CustomerChanged:
    """The fact that somebody's tags changed."""
    changed = CustomerChanged(golden_id=customer.golden_id, fields=[TAGS_FIELD], actor=actor)
    changed.modified_at.FromDatetime(at)
    return changed


def _computation(message: pb.TagRule) -> Computation:
    try:
        metric = Metric(message.metric)
    except ValueError:
        raise MalformedTag("what is counted is not known") from None
    return Computation(metric, message.within_days, message.at_least)


def _tagged(tagged: Tagged) -> pb.CustomerTag:
    meant = tagged.definition
    message = pb.CustomerTag(
        tag=meant.name,
        rule=meant.rule,
        source=meant.source,
        evidence=tagged.evidence,
        actor=tagged.actor,
    )
    message.since.FromDatetime(tagged.since)
    if tagged.until is not None:
        message.until.FromDatetime(tagged.until)
    return message
