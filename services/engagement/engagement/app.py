"""The composition root of engagement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.enforcement import enforce
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from servicekit.chassis import Chassis
from servicekit.erasures import REPEAT_IDLE_S, Erasures

from engagement import rpc, subscribers
from engagement.commands.privacy import erase_leads

if TYPE_CHECKING:
    from engagement.settings import Settings


def build(settings: Settings) -> Chassis:
    """Engagement, ready to be started."""
    chassis = Chassis(settings)
    enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    erasures = Erasures(
        chassis.database, erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    chassis.work("erasures", erasures.step, idle_s=REPEAT_IDLE_S)
    subscribers.subscribe(chassis.bus, erasures)
    rpc.opportunities.serve(chassis)
    return chassis
