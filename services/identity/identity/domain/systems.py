"""The systems that say something about customers, and what each may be told (ID-06, ID-12)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from identity.domain.field_maps import MAIN_ENTITY, EntityMap, FieldMap, writable_fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class SystemPolicy:
    """One system.

    `delay_max` is how late its facts may be, `expected_every` how often it is heard at the least when all is well.
    `writable` are the canonical fields that may be written back to it; none when it is only read. Of equal times the
    smaller `rank` wins.
    """

    name: str
    label_zh: str
    label_en: str
    key_label: str
    delay_max: timedelta
    expected_every: timedelta
    rank: int
    writable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Systems:
    """Every system and its field map; a system without a map is known and cannot be read."""

    version: int
    policies: Mapping[str, SystemPolicy]
    maps: Mapping[str, FieldMap] = field(default_factory=dict)

    def entity_map(self, system: str, entity: str) -> EntityMap | None:
        """How to read a kind of row; None when nobody said."""
        field_map = self.maps.get(system)
        return None if field_map is None else field_map.entities.get(entity)

    def writable(self, system: str) -> frozenset[str]:
        """The canonical fields that can and may be written to a system's customers."""
        entity, policy = self.entity_map(system, MAIN_ENTITY), self.policies.get(system)
        if entity is None or policy is None:
            return frozenset()
        return writable_fields(entity, policy.writable)

    def rank(self, system: str) -> int:
        """The place of a system among equals; those that nobody ranked come last."""
        policy = self.policies.get(system)
        return policy.rank if policy is not None else 1_000

    def with_map(self, field_map: FieldMap) -> Systems:
        """The same with one map in the place of its system's."""
        return Systems(self.version, self.policies, {**self.maps, field_map.system: field_map})
