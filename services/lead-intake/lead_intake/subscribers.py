"""Events that lead-intake acts on: what the other services answer to requests about people."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from leadchain.assignment.v1.privacy_events_pb2 import (
    SubjectErasedInAssignment,
    SubjectExportedFromAssignment,
)
from leadchain.engagement.v1.privacy_events_pb2 import (
    SubjectErasedInEngagement,
    SubjectExportedFromEngagement,
)
from leadchain.identity.v1.privacy_events_pb2 import (
    SubjectErasedInIdentity,
    SubjectExportedFromIdentity,
)
from leadchain.notification.v1.privacy_events_pb2 import (
    SubjectErasedInNotification,
    SubjectExportedFromNotification,
)
from leadchain.permissions.v1.privacy_events_pb2 import (
    SubjectErasedInPermissions,
    SubjectExportedFromPermissions,
)
from leadchain.reporting.v1.privacy_events_pb2 import (
    SubjectErasedInReporting,
    SubjectExportedFromReporting,
)
from servicekit.events import Event

from lead_intake.commands import subjects
from lead_intake.wire import subjects as wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from servicekit.bus import Bus
    from servicekit.database import UnitOfWork

    from lead_intake.domain.subjects import Answer
    from lead_intake.seals import Seals

E = TypeVar("E", bound=Event)


def subscribe(bus: Bus, seals: Seals) -> None:
    """Registers what lead-intake reads: two kinds of answers of each service that was asked."""
    _take(bus, SubjectErasedInIdentity, "identity", wire.erased, seals)
    _take(bus, SubjectErasedInAssignment, "assignment", wire.erased, seals)
    _take(bus, SubjectErasedInEngagement, "engagement", wire.erased, seals)
    _take(bus, SubjectErasedInNotification, "notification", wire.erased, seals)
    _take(bus, SubjectErasedInReporting, "reporting", wire.erased, seals)
    _take(bus, SubjectErasedInPermissions, "permissions", wire.erased, seals)
    _take(bus, SubjectExportedFromIdentity, "identity", wire.exported, seals)
    _take(bus, SubjectExportedFromAssignment, "assignment", wire.exported, seals)
    _take(bus, SubjectExportedFromEngagement, "engagement", wire.exported, seals)
    _take(bus, SubjectExportedFromNotification, "notification", wire.exported, seals)
    _take(bus, SubjectExportedFromReporting, "reporting", wire.exported, seals)
    _take(bus, SubjectExportedFromPermissions, "permissions", wire.exported, seals)


def _take(
    bus: Bus,
    event_class: type[E],
    service: str,
    translate: Callable[[E, str], Answer],
    seals: Seals,
) -> None:
    @bus.on(event_class)
    async def take_answer(event: E, uow: UnitOfWork) -> None:
        await subjects.take_answer(uow, translate(event, service), seals)
