"""Puts permissions together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.guard import AccessGuard
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from leadchain.permissions.v1.events_pb2 import FactsChanged
from servicekit.chassis import Chassis
from servicekit.erasures import REPEAT_IDLE_S, Erasures

from permissions import authzen, rpc, subscribers
from permissions.commands import privacy, watching
from permissions.commands.bootstrap import Bootstrap
from permissions.commands.sealing import Keyring
from permissions.commands.watching import Watch
from permissions.queries.guarding import OwnState
from permissions.queries.live import Live

if TYPE_CHECKING:
    from servicekit.sealing import KeyRing

    from permissions.settings import Settings


def build(settings: Settings) -> Chassis:
    """permissions, ready to be started."""
    chassis = Chassis(settings)
    chassis.workers.append(Bootstrap(chassis.database, settings.bootstrap_file))
    live = follow(chassis, settings.key_ring())
    erasures = Erasures(
        chassis.database, privacy.erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    chassis.work("erasures", erasures.step, idle_s=REPEAT_IDLE_S)
    subscribers.subscribe(chassis.bus, live, erasures)
    checks = rpc.decisions.serve(chassis, live)
    chassis.routes = authzen.routes(
        checks, live, chassis.verifier, base_url=settings.authzen_base_url
    )
    guard = AccessGuard(chassis.name, OwnState(live, checks))
    chassis.grpc.guard_with(guard)
    chassis.verifier.is_revoked = guard.is_revoked
    for service in rpc.SERVICES:
        service.serve(chassis, live)
    rpc.audit.serve(chassis, live, keyring(settings))
    chassis.work("watch", Watch(chassis.database).step, idle_s=watching.IDLE_S)
    return chassis


def keyring(settings: Settings) -> Keyring | None:
    """The keys that seal the audit log; None where none is configured. Raises ValueError for a malformed one."""
    text = settings.audit_signing_key
    return Keyring(text.get_secret_value()) if text else None


def follow(chassis: Chassis, field_keys: KeyRing) -> Live:
    """The state in memory, awake at every commit of this process and of the others."""
    live = Live(chassis.database, field_keys=field_keys)
    chassis.workers.append(live)

    async def wake(_: object) -> None:
        live.wake()

    chassis.database.on_announce.append(wake)
    chassis.announcements.hear(FactsChanged, lambda _: live.wake())
    return live
