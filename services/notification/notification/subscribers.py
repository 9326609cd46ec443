"""Events that somebody must be told about, and events that say who somebody is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.assignment.v1.clock_events_pb2 import (
    FollowUpBecameYellow,
    FollowUpOverdue,
    ReviewRequired,
)
from leadchain.assignment.v1.events_pb2 import (
    ContactOverdue,
    LeadAssigned,
    LeadMerged,
    LeadScored,
    LeadUnassignable,
    LeadWithdrawn,
)
from leadchain.assignment.v1.pool_events_pb2 import LeadClaimed, LeadPooled, PoolWarning
from leadchain.engagement.v1.behaviour_events_pb2 import BannerRaised
from leadchain.engagement.v1.follow_up_events_pb2 import OpportunityStale
from leadchain.engagement.v1.recording_events_pb2 import TranscriptionFailed
from leadchain.engagement.v1.stage_events_pb2 import DealWon, StageLooped, StageMoved, StageOverdue
from leadchain.engagement.v1.standing_events_pb2 import (
    DormantCustomerStirred,
    HealthDeclined,
    RenewalEndangered,
)
from leadchain.engagement.v1.task_events_pb2 import TaskOpened, TaskOverdue, TaskReturned
from leadchain.engagement.v1.watch_events_pb2 import (
    CompanyRiskFound,
    CustomerCompensated,
    OpportunityDowngraded,
    RepIdle,
    ServiceTroubleReported,
    SplitOrdersSuspected,
)
from leadchain.identity.v1.access_events_pb2 import CustomerAccessRequested
from leadchain.intake.v1.channel_events_pb2 import ChannelSilent, SubscriptionLost
from leadchain.intake.v1.config_events_pb2 import QuarantineRatioHigh
from leadchain.intake.v1.facts_events_pb2 import ReceiptReported
from leadchain.intake.v1.import_events_pb2 import InquiryRepeated
from leadchain.intake.v1.privacy_events_pb2 import (
    SubjectErasureRequested,
    SubjectExportRequested,
    SubjectRequestOverdue,
)
from leadchain.permissions.v1.events_pb2 import CustomerReleased, OwnershipDemoted, OwnershipGranted
from leadchain.reporting.v1.events_pb2 import LedgerDiscrepancy
from leadchain.reporting.v1.settlement_events_pb2 import FollowUpRateSettled
from servicekit.erasures import asked, parts

from notification.commands import keeping, privacy, receipts
from notification.wire import happenings as wire
from notification.wire import privacy as privacy_wire
from notification.wire.receipts import carrier_receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork
    from servicekit.erasures import Erasures

    from notification.commands.keeping import Keeper
    from notification.domain.reminders import Ownership

TOLD = (
    BannerRaised,
    ChannelSilent,
    CompanyRiskFound,
    ContactOverdue,
    CustomerAccessRequested,
    CustomerCompensated,
    CustomerReleased,
    DealWon,
    DormantCustomerStirred,
    FollowUpBecameYellow,
    FollowUpOverdue,
    FollowUpRateSettled,
    HealthDeclined,
    InquiryRepeated,
    LeadAssigned,
    LeadPooled,
    LeadScored,
    LeadUnassignable,
    LedgerDiscrepancy,
    OpportunityDowngraded,
    OpportunityStale,
    OwnershipDemoted,
    PoolWarning,
    QuarantineRatioHigh,
    RenewalEndangered,
    RepIdle,
    ReviewRequired,
    ServiceTroubleReported,
    SplitOrdersSuspected,
    StageLooped,
    StageMoved,
    StageOverdue,
    SubjectRequestOverdue,
    SubscriptionLost,
    TaskOpened,
    TaskOverdue,
    TaskReturned,
    TranscriptionFailed,
)
"""Events that a policy may tell of."""

OWNING: Mapping[Any, Callable[[Any], list[Ownership]]] = {
    LeadAssigned: wire.assigned,
    LeadPooled: wire.pooled,
    LeadClaimed: wire.claimed,
    LeadMerged: wire.merged,
    LeadWithdrawn: wire.withdrawn,
    OwnershipGranted: wire.granted,
    CustomerReleased: wire.released,
}
"""Events that say who owns what."""


def told_fields() -> dict[str, frozenset[str]]:
    """The fields of every event that a policy may tell of, by the event's name."""
    return {
        event.DESCRIPTOR.name: wire.field_names(event.DESCRIPTOR)
        | ({"resource"} if wire.has_resource(event.DESCRIPTOR) else frozenset())
        for event in TOLD
    }


def subscribe(bus: Bus, keeper: Keeper, erasures: Erasures) -> None:
    """Events this service acts on."""
    for event_class in {*TOLD, *OWNING}:
        _hear(bus, event_class, keeper)

    @bus.on_batch(ReceiptReported)
    async def take_receipts(events: Sequence[ReceiptReported], uow: UnitOfWork) -> None:
        """A carrier says whether a text or template message reached its phone (AS-10)."""
        await receipts.take_carrier_receipts(uow, [carrier_receipt(event) for event in events])

    @bus.on(SubjectErasureRequested)
    async def erase_subject(event: SubjectErasureRequested, uow: UnitOfWork) -> None:
        """A card shows what helps to say whose the lead is."""
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


def _hear(bus: Bus, event_class: Any, keeper: Keeper) -> None:
    owning = OWNING.get(event_class)
    name = event_class.DESCRIPTOR.name
    is_told, used = name in keeper.policy.events, keeper.policy.fields_of(name)

    # An event that comes again finds its reminders by their keys, and an owner by a time that is no newer.
    @bus.on_batch(event_class, is_convergent=True)
    async def hear(events: Sequence[Any], uow: UnitOfWork) -> None:
        """Whoever owns what an event is about is known before anybody is told."""
        if owning is not None:
            await keeping.take_over(uow, [each for event in events for each in owning(event)])
        if is_told:
            told = [
                wire.happening(event, traceparent=uow.traceparent_of(event), used=used)
                for event in events
            ]
            await keeper.keep_reminders(uow, told)
