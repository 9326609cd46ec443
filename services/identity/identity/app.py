"""Puts identity together."""

from accesskit.enforcement import enforce
from servicekit.chassis import Chassis

from identity import rpc, subscribers
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
    subscribers.subscribe(chassis.bus, reader)
    rpc.serve(chassis.grpc, chassis.database)
    chassis.keep_book()
    return chassis
