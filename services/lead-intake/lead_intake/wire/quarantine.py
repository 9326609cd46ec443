"""Items in quarantine and their replays to protobuf and back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.intake.v1 import intake_service_pb2 as pb
from servicekit.errors import Invalid

from lead_intake.domain.leads import QuarantineReason
from lead_intake.store.quarantine import Wanted
from lead_intake.store.replays import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lead_intake.commands.replays import Replayed
    from lead_intake.domain.leads import AccountId
    from lead_intake.queries.quarantine import QuarantinePage, QuarantineView
    from lead_intake.store.quarantine import QuarantinedItem

REASONS = {
    reason: pb.QuarantineReason.Value(f"QUARANTINE_REASON_{reason.name}")
    for reason in QuarantineReason
}
_NAMES: dict[int, str] = {int(number): str(reason) for reason, number in REASONS.items()}


def wanted(channel: str, account: str, reason: int) -> Wanted:
    """Which items are asked for; raises `Invalid` for a reason that is none."""
    if reason and reason not in _NAMES:
        raise Invalid("no such reason")
    return Wanted(channel, account, _NAMES.get(reason, ""))


def choice(
    request: pb.ReplayQuarantinedRequest | pb.ReplayMatchingRequest,
    current: Mapping[AccountId, int],
    fetching: Sequence[AccountId],
) -> Choice:
    """Which items are to be mapped again; raises `Invalid`."""
    named = request.lead_ids if isinstance(request, pb.ReplayQuarantinedRequest) else ()
    try:
        lead_ids = [UUID(each) for each in named] or None
    except ValueError:
        raise Invalid("a lead id is a UUID") from None
    items = wanted(request.channel, request.account, request.reason)
    return Choice(items, lead_ids, current, fetching, force=request.force)


def page_response(page: QuarantinePage) -> pb.ListQuarantinedResponse:
    """A page of quarantined items."""
    return pb.ListQuarantinedResponse(
        items=[_item(each) for each in page.items], next_page_token=page.next_page_token
    )


def view_response(view: QuarantineView) -> pb.GetQuarantinedResponse:
    """One quarantined item, masked."""
    return pb.GetQuarantinedResponse(
        item=_item(view.item),
        position=view.item.position,
        masked_body=view.masked_body,
        differences=[
            pb.ShapeDifference(path=path, understood_types=usual, types=here)
            for path, usual, here in view.differences
        ],
        suggestions=[
            pb.Suggestion(name=each.name, path=each.path, evidence=each.evidence)
            for each in view.suggestions
        ],
        current_version=view.current_version,
    )


def replayed_response(replayed: Replayed) -> pb.ReplayQuarantinedResponse:
    """What a replay did."""
    return pb.ReplayQuarantinedResponse(
        replayed_count=replayed.replayed_count,
        unchanged_count=replayed.unchanged_count,
        not_replayable_count=replayed.not_replayable_count,
    )


def progress_response(replayed: Replayed) -> pb.ReplayMatchingResponse:
    """How far a replay has come."""
    return pb.ReplayMatchingResponse(
        total_count=replayed.total_count,
        replayed_count=replayed.replayed_count,
        unchanged_count=replayed.unchanged_count,
        not_replayable_count=replayed.not_replayable_count,
    )


def _item(item: QuarantinedItem) -> pb.QuarantinedItem:
    message = pb.QuarantinedItem(
        lead_id=str(item.lead_id),
        channel=item.channel,
        account=item.account,
        reason=item.reason,
        detail=item.detail,
        quarantine_reason=REASONS[QuarantineReason(item.reason)],
        mapping_version=item.mapping_version,
    )
    message.received_at.FromDatetime(item.received_at)
    return message
