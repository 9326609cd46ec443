"""Everything about other systems, put together: what they say, what they are told, how late they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from leadchain.intake.v1.facts_events_pb2 import SourceRecordChanged

from identity.commands.arbitration import Arbitration
from identity.commands.comparing import Comparing
from identity.commands.system_rows import Desk, take_in
from identity.commands.writing_back import WritingBack
from identity.connectors.installed import connectors_of
from identity.policies.systems import load_systems
from identity.rpc import crosswalk, freshness
from identity.wire import systems as wire
from identity.workers import asking, comparing, writing_back
from identity.workers import freshness as freshness_work
from identity.workers.asking import Asker
from identity.workers.comparing import NightlyComparison
from identity.workers.freshness import FreshnessWatch
from identity.workers.writing_back import BackWriter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicekit.bus import Bus
    from servicekit.chassis import Chassis
    from servicekit.database import UnitOfWork

    from identity.commands.golden import GoldenRecords
    from identity.commands.resolving import Resolver
    from identity.connectors.protocol import Connector
    from identity.domain.systems import Systems
    from identity.settings import Settings


@dataclass(frozen=True, slots=True)
class Doors:
    """The systems as they are known, and the connectors that there are; `zone` is whose nights are compared."""

    systems: Systems
    connectors: Mapping[str, Connector]
    zone: ZoneInfo

    @classmethod
    def of(cls, settings: Settings) -> Doors:
        """What the settings give; raises `InvalidSystemPolicy`, `InvalidDoors`."""
        systems = load_systems()
        connectors = connectors_of(settings.connectors_file, systems)
        return cls(systems, connectors, ZoneInfo(settings.time_zone))


def serve(chassis: Chassis, settings: Settings, resolver: Resolver, records: GoldenRecords) -> None:
    """Reads what systems say, and answers, watches, compares and tells. Follows the resolver behind golden records."""
    golden_seals = records.archive.golden_seals
    doors = Doors.of(settings)
    desk = Desk(settings.key_ring(), resolver.seals, resolver.digests, doors.systems, resolver)
    arbitration = Arbitration(desk, golden_seals, told=list(doors.connectors))
    resolver.followers.append(arbitration.follow)
    records.listeners.append(arbitration.arbitrate)
    subscribe(chassis.bus, desk)
    crosswalk.serve(chassis, desk)
    freshness.serve(chassis, desk)
    _work(chassis, doors, desk, Comparing(desk, golden_seals, arbitration, doors.zone))


def subscribe(bus: Bus, desk: Desk) -> None:
    """Reads rows of other systems from the bus."""

    @bus.on_batch(SourceRecordChanged)
    async def take_in_rows(events: Sequence[SourceRecordChanged], uow: UnitOfWork) -> None:
        """What another system says of a customer is a statement like a lead's."""
        await take_in(uow, [wire.source_row(event, desk.ring) for event in events], desk)


def _work(chassis: Chassis, doors: Doors, desk: Desk, nightly: Comparing) -> None:
    database, connectors = chassis.database, doors.connectors
    chassis.workers += connectors.values()
    if connectors:
        writer = BackWriter(database, WritingBack(desk), connectors)
        chassis.work("back writer", writer.step, idle_s=writing_back.IDLE_S)
        asker = Asker(database, desk, connectors)
        chassis.work("asker", asker.step, idle_s=asking.IDLE_S)
    watch = FreshnessWatch(database, doors.systems)
    chassis.work("freshness watch", watch.step, idle_s=freshness_work.IDLE_S)
    comparison = NightlyComparison(database, nightly)
    chassis.work("nightly comparison", comparison.step, idle_s=comparing.IDLE_S)
