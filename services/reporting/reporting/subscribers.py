"""Every event about a lead: reporting reads them all, to say where each lead stands and stood.

Projections converge: an event that comes twice or late leaves the row that it would have left. Beside them, each seal
of the audit log is read, whose witness reporting is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from leadchain.assignment.v1.clock_events_pb2 import (
    FollowUpBecameYellow,
    FollowUpOverdue,
    ReviewRequired,
)
from leadchain.assignment.v1.events_pb2 import (
    ContactOverdue,
    LeadAssigned,
    LeadContacted,
    LeadDeclined,
    LeadMerged,
    LeadUnassignable,
    LeadWithdrawn,
)
from leadchain.assignment.v1.pool_events_pb2 import LeadClaimed, LeadPooled
from leadchain.engagement.v1.follow_up_events_pb2 import FollowUpBecameEffective, FollowUpRecorded
from leadchain.intake.v1.events_pb2 import DeliveryQuarantined, LeadReceived, LeadRejected
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from leadchain.notification.v1.events_pb2 import ReminderDelivered, ReminderFailed
from leadchain.permissions.v1.events_pb2 import AuditSealed, OwnershipGranted
from servicekit.erasures import asked, parts
from servicekit.events import Event

from reporting import projections
from reporting.commands import privacy
from reporting.store import seals
from reporting.wire import assignments, facts
from reporting.wire import privacy as privacy_wire
from reporting.wire import seals as seal_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork
    from servicekit.erasures import Erasures

    from reporting.domain.assignments import Stretch
    from reporting.domain.leads import Fact

E = TypeVar("E", bound=Event)


def subscribe(bus: Bus, erasures: Erasures) -> None:
    """Events this service acts on, and what each says about its lead."""
    _project(bus, LeadReceived, facts.received)
    _project(bus, LeadRejected, facts.rejected)
    _project(bus, DeliveryQuarantined, facts.quarantined)
    _project(bus, LeadAssigned, facts.assigned, assignments.assigned)
    _project(bus, LeadUnassignable, facts.unassignable)
    _project(bus, LeadMerged, facts.merged)
    _project(bus, LeadWithdrawn, facts.withdrawn)
    _project(bus, LeadContacted, facts.contacted)
    _project(bus, LeadDeclined, facts.declined, assignments.declined)
    _project(bus, ContactOverdue, facts.overdue)
    _project(bus, FollowUpBecameYellow, facts.late, assignments.late)
    _project(bus, FollowUpOverdue, facts.late, assignments.late)
    _project(bus, ReviewRequired, facts.review_required)
    _project(bus, LeadPooled, facts.pooled, assignments.pooled)
    _project(bus, LeadClaimed, facts.claimed)
    _project(bus, FollowUpRecorded, facts.followed_up)
    _project(bus, OwnershipGranted, facts.granted)
    _project(bus, ReminderDelivered, facts.reminded)
    _project(bus, ReminderFailed, facts.not_reminded)

    @bus.on_batch(FollowUpBecameEffective, is_convergent=True)
    async def project_effective(events: Sequence[FollowUpBecameEffective], uow: UnitOfWork) -> None:
        await projections.project(uow, events, facts.effective)
        await projections.project_effective(uow, events)

    @bus.on(AuditSealed)
    async def keep_seal(event: AuditSealed, uow: UnitOfWork) -> None:
        await seals.keep_seal(uow.raw, seal_wire.seal(event, received_at=uow.now))

    @bus.on(SubjectErasureRequested)
    async def erase_subject(event: SubjectErasureRequested, uow: UnitOfWork) -> None:
        """Reports name nobody; what waits in dead letters might."""
        erased = await erasures.carry_out(uow, *asked(event.request_id, event.lead_ids))
        uow.publish(
            privacy_wire.subject_erased(event.request_id, erased), key=event.request_id, cause=event
        )

    @bus.on(SubjectExportRequested)
    async def export_subject(event: SubjectExportRequested, uow: UnitOfWork) -> None:
        """Whoever asks what is kept about them is told of this too."""
        records = await privacy.kept_about(uow, asked(event.request_id, event.lead_ids).keys)
        for part in parts(records):
            uow.publish(
                privacy_wire.subject_exported(event.request_id, part),
                key=event.request_id,
                cause=event,
            )


def _project(
    bus: Bus,
    event_class: type[E],
    translate: Callable[[E, str | None], Fact],
    translate_assignment: Callable[[E], Stretch] | None = None,
) -> None:
    @bus.on_batch(event_class, is_convergent=True)
    async def project(events: Sequence[E], uow: UnitOfWork) -> None:
        """Reminders may be about no lead; the others always are."""
        about_leads = [event for event in events if getattr(event, "lead_id", "")]
        if not about_leads:
            return
        await projections.project(uow, about_leads, translate)
        if translate_assignment is not None:
            await projections.project_assignments(uow, about_leads, translate_assignment)
