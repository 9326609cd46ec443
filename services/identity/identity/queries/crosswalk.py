"""What can be asked about the crosswalk: whose row it is, how complete it is, how fields are read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity.domain.crosswalk import (
    MappedSource,
    MissingRow,
    SourceNotFound,
    SystemMapping,
    UnknownSystem,
    read,
)
from identity.policies.systems import InvalidSystemPolicy, parse_field_map
from identity.store import crosswalk, system_rows
from identity.store.customers import customer_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicekit.database import Database

    from identity.commands.system_rows import Desk
    from identity.domain.customers import Customer
    from identity.domain.field_maps import FieldMap
    from identity.domain.systems import SystemPolicy
    from identity.store.crosswalk import KeptSource, UnmappedField


@dataclass(frozen=True, slots=True)
class Found:
    """A row and what its customer is called."""

    source: MappedSource
    golden_id: str
    master_id: str


@dataclass(frozen=True, slots=True)
class SystemView:
    """A system, its field map if it has one, and what it sends that nobody reads."""

    policy: SystemPolicy
    field_map: FieldMap | None
    writable: frozenset[str]
    unmapped: Sequence[UnmappedField]


@dataclass(frozen=True, slots=True)
class MapTrial:
    """What a field map would do with rows that came: how many, how many otherwise than now, and which fields."""

    field_map: FieldMap
    row_count: int
    changed_count: int
    misfits: Mapping[tuple[str, str], int]
    unknown: Mapping[str, int]
    filled: Mapping[str, int]


async def look_up(database: Database, desk: Desk, *, system: str, key: str) -> Found:
    """The customer of a row; raises `SourceNotFound`."""
    try:
        digest = desk.digests.of_source(system, key)
    except ValueError:
        raise SourceNotFound from None
    async with database.raw() as raw:
        found = await crosswalk.source_of_key(raw, system, digest)
    if found is None:
        raise SourceNotFound
    kept, golden_id, master_id = found
    return Found(_source(kept, desk), golden_id, master_id)


async def sources_of(
    database: Database, desk: Desk, customer_id: str, *, after: tuple[str, int], limit: int
) -> tuple[Customer, list[MappedSource]]:
    """A customer and its rows behind one, by system; raises `CustomerNotFound`."""
    async with database.raw() as raw:
        customer = await customer_named(raw, customer_id)
        kept = await crosswalk.sources_of(raw, customer.customer_id, after=after, limit=limit)
    return customer, [_source(each, desk) for each in kept]


async def mapping_report(
    database: Database, desk: Desk, *, system: str, missing_max: int
) -> list[SystemMapping]:
    """How completely systems are mapped, the known ones without any row too."""
    async with database.raw() as raw:
        counts = await crosswalk.counts(raw, system)
        reasons = await crosswalk.reasons(raw, system)
        missing = await crosswalk.missing(raw, system, limit=missing_max)
    rows: dict[str, list[MissingRow]] = {}
    for each in missing:
        key = desk.seals.open_key(each.key_digest, each.sealed_key)
        rows.setdefault(each.system, []).append(
            MissingRow(each.entity, key, each.reason, each.received_at)
        )
    known = {system} if system else {*counts, *desk.systems.policies}
    return [
        SystemMapping(
            name,
            *counts.get(name, (0, 0, 0)),
            unmapped=tuple(reasons.get(name, ())),
            missing=tuple(rows.get(name, ())),
        )
        for name in sorted(known)
    ]


async def system_view(database: Database, desk: Desk, system: str) -> SystemView:
    """A system and its field map; raises `UnknownSystem`."""
    policy = desk.systems.policies.get(system)
    if policy is None:
        raise UnknownSystem
    async with database.raw() as raw:
        unmapped = await crosswalk.unmapped(raw, system)
    writable = desk.systems.writable(system)
    return SystemView(policy, desk.systems.maps.get(system), writable, unmapped)


async def try_map(database: Database, desk: Desk, document: str, *, row_max: int) -> MapTrial:
    """What a field map would do with the latest rows of its system; raises `InvalidSystemPolicy`."""
    field_map = parse_field_map(document)
    if field_map.system not in desk.systems.policies:
        raise InvalidSystemPolicy(f"no such system: {field_map.system}")
    async with database.raw() as raw:
        kept = await system_rows.latest_rows(raw, field_map.system, limit=row_max)
    systems = desk.systems.with_map(field_map)
    misfits: Counter[tuple[str, str]] = Counter()
    unknown: Counter[str] = Counter()
    filled: Counter[str] = Counter()
    changed_count = 0
    for source in map(desk.open_row, kept):
        tried = read(source, systems).mapped
        changed_count += tried.fields != read(source, desk.systems).mapped.fields
        misfits.update((each.field, each.reason) for each in tried.misfits)
        unknown.update(tried.unknown)
        filled.update(tried.fields.keys())
    return MapTrial(field_map, len(kept), changed_count, misfits, unknown, filled)


def _source(kept: KeptSource, desk: Desk) -> MappedSource:
    return MappedSource(
        kept.source_id,
        kept.system,
        desk.seals.open_key(kept.key_digest, kept.sealed_key),
        kept.modified_at,
        kept.received_at,
        kept.verified_at,
        kept.deleted_at,
    )
