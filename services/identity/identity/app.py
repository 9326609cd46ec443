"""Puts identity together."""

from accesskit.enforcement import enforce
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from servicekit.chassis import Chassis
from servicekit.erasures import REPEAT_IDLE_S, Erasures

from identity import commands, rpc, subscribers
from identity.settings import Settings
from identity.wire import LeadReader


def build(settings: Settings) -> Chassis:
    """identity, ready to be started; raises `servicekit.sealing.InvalidKey`."""
    chassis = Chassis(settings)
    enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    reader = LeadReader(
        settings.key_ring(),
        index_key=settings.index_key.get_secret_value(),
        golden_id_key=settings.golden_key(),
    )
    erasures = Erasures(
        chassis.database,
        commands.erase_leads,
        spared=[SubjectErasureRequested.DESCRIPTOR.full_name],
    )
    chassis.work("erasures", erasures.step, idle_s=REPEAT_IDLE_S)
    subscribers.subscribe(chassis.bus, reader, erasures)
    rpc.serve(chassis.grpc, chassis.database)
    chassis.keep_book()
    return chassis
