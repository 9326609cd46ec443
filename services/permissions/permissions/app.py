"""Puts permissions together."""

from servicekit.chassis import Chassis

from permissions import rpc, subscribers
from permissions.settings import Settings


def build(settings: Settings) -> Chassis:
    """permissions, ready to be started."""
    chassis = Chassis(settings)
    subscribers.subscribe(chassis.bus)
    chassis.workers.append(rpc.serve(chassis.grpc, chassis.database))
    return chassis
