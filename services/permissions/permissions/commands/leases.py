"""What permissions does: owners' rights follow assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from permissions import store, wire
from permissions.domain import grant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import UnitOfWork

    from permissions.wire import Arrival


async def grant_ownerships(uow: UnitOfWork, arrivals: Sequence[Arrival]) -> None:
    """Gives each lead to whom it is assigned, writes it into the audit log, and publishes it.

    The same few statements for any number of assignments. Those that are not newer than what is on record change
    nothing and are not published.
    """
    assignments = [arrival.assignment for arrival in arrivals]
    head = await store.lock_head(uow.raw)
    lead_ids = {assignment.lead_id for assignment in assignments}
    ownerships = await store.ownerships_of(uow.raw, lead_ids)
    granting = grant(assignments, ownerships, head, now=uow.now)
    if not granting.grants:
        return
    newest = {granted.ownership.lead_id: granted.ownership for granted in granting.grants}
    await store.save(uow.raw, list(newest.values()), granting.entries, granting.head)
    events = {arrival.event.event_id: arrival.event for arrival in arrivals}
    occurred_at = Timestamp()
    occurred_at.FromDatetime(uow.now)
    for granted in granting.grants:
        cause = events[granted.assignment.event_id]
        event = wire.ownership_granted(granted, cause, occurred_at=occurred_at)
        uow.publish(event, key=event.lead_id, cause=cause)
