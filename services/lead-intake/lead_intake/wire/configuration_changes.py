"""Changes of configuration to protobuf."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.intake.v1 import intake_service_pb2 as pb

if TYPE_CHECKING:
    from datetime import datetime

    from lead_intake.queries.configuration_changes import ChangePage


def removed_response(closed_at: datetime) -> pb.RemoveAccountResponse:
    """Since when an account is closed."""
    response = pb.RemoveAccountResponse()
    response.closed_at.FromDatetime(closed_at)
    return response


def changes_response(page: ChangePage) -> pb.ListConfigurationChangesResponse:
    """A page of changes."""
    response = pb.ListConfigurationChangesResponse(next_page_token=page.next_page_token)
    for each in page.changes:
        change = response.changes.add(
            change_id=str(each.change_id),
            kind=each.kind,
            resource_id=each.resource_id,
            actor_id=each.actor_id,
            approval_id=each.approval_id,
            old_json=each.old_json,
            new_json=each.new_json,
        )
        change.changed_at.FromDatetime(each.changed_at)
    return response
