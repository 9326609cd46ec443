"""Puts identity together."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from accesskit.enforcement import enforce
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from matchkit.model import Model
from servicekit.chassis import Chassis
from servicekit.erasures import REPEAT_IDLE_S, Erasures

from identity import rpc, subscribers
from identity.commands import aliases, facts, row_erasing
from identity.commands.aliases import Rotation
from identity.commands.erasing import Erasing
from identity.commands.golden import GoldenRecords
from identity.commands.resolving import Resolver
from identity.commands.tags import follow_regrouping
from identity.queries.walls import Walls
from identity.seals import Digests, Seals
from identity.store.golden_archive import Archive
from identity.wire.leads import LeadReader
from identity.workers import over_merges
from identity.workers.over_merges import OverMergeWatch

if TYPE_CHECKING:
    from identity.settings import Settings


def build(settings: Settings) -> Chassis:
    """identity, ready to be started; raises `servicekit.sealing.InvalidKey` and `matchkit.errors.ModelInvalid`."""
    chassis = Chassis(settings)
    replica = enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    resolver = resolver_of(settings)
    records = GoldenRecords(Archive.of(chassis.database, resolver.seals, settings.key_ring()))
    resolver.followers += [records.follow, follow_regrouping]
    erasing = Erasing(
        resolver,
        forget=[records.forget_leads, facts.forget_leads, row_erasing.forget_leads],
        tell=[records.kept_about, facts.kept_about],
    )
    erasures = Erasures(
        chassis.database,
        erasing.erase_leads,
        spared=[SubjectErasureRequested.DESCRIPTOR.full_name],
    )
    chassis.work("erasures", erasures.step, idle_s=REPEAT_IDLE_S)
    subscribers.subscribe(chassis.bus, LeadReader(settings.key_ring()), resolver)
    subscribers.subscribe_to_requests(chassis.bus, erasures, erasing)
    chassis.work("golden_ids", Rotation(chassis.database, resolver).step, idle_s=aliases.IDLE_S)
    rpc.identity.serve(chassis)
    rpc.resolution.serve(chassis, resolver)
    rpc.stewardship.serve(chassis, resolver)
    rpc.explanation.serve(chassis, resolver.model, resolver.seals, resolver.digests)
    watch = OverMergeWatch(chassis.database, resolver.model)
    chassis.work("over_merges", watch.step, idle_s=over_merges.IDLE_S)
    rpc.golden.serve(chassis, records, replica)
    rpc.pictures.serve(chassis, settings, resolver, replica)
    rpc.tags.serve(chassis, Walls(replica))
    rpc.backfills.serve(chassis, resolver)
    rpc.systems.serve(chassis, settings, resolver, records)
    chassis.keep_book()
    return chassis


def resolver_of(settings: Settings) -> Resolver:
    """The resolver with the keys and the model of the settings, and no followers yet."""
    return Resolver(
        Model.load(settings.matching_model or shipped_model()),
        Seals(settings.key_ring()),
        Digests(settings.index_key.get_secret_value()),
        settings.golden_keys(),
    )


def shipped_model() -> Path:
    """The model of Chinese business customers."""
    return Path(str(resources.files("matchkit") / "models" / "cn-b2b.yaml"))
