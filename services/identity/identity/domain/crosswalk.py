"""Rows of other systems as they come in, and how completely they are mapped to customers (ID-09, ID-16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servicekit.errors import NotFound

from identity.domain.field_maps import Mapped, Misfit, read_row, source_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from identity.domain.systems import Systems

NAME_CHARS_MAX = 64
"""Longest name of a system or a kind of row; longer ones are cut and thereby unknown."""

NOT_READABLE = Misfit("", "not_readable")
UNKNOWN_SYSTEM = Misfit("", "unknown_system")
UNKNOWN_ENTITY = Misfit("", "unknown_entity")
NO_FIELDS = Misfit("", "no_fields")


class UnknownSystem(NotFound):
    """No system has this name."""

    def __init__(self) -> None:
        super().__init__("no such system")


class SourceNotFound(NotFound):
    """No row with this key was ever received from the system."""

    def __init__(self) -> None:
        super().__init__("no such row")


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row of a system that changed; `row` is None when its fields could not be opened or are no object.

    `modified_at` is the system's clock and falls back to ours, `received_at`.
    """

    system: str
    entity: str
    record_key: str
    row: Mapping[str, Any] | None
    modified_at: datetime
    received_at: datetime
    is_deleted: bool = False

    @property
    def key(self) -> str:
        """Its key in the crosswalk."""
        return source_key(self.entity, self.record_key)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row as its map reads it; `map_version` is 0 when there is none."""

    source: SourceRow
    mapped: Mapped
    map_version: int

    @property
    def problem(self) -> str:
        """Why the row cannot be in the crosswalk; empty when it can."""
        if self.source.is_deleted:
            return ""
        return next((each.reason for each in self.mapped.misfits if not each.field), "")


@dataclass(frozen=True, slots=True)
class MappedSource:
    """A row of the crosswalk with its key."""

    source_id: int
    system: str
    key: str
    modified_at: datetime
    received_at: datetime
    verified_at: datetime | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class MissingRow:
    """A row that has no Golden ID, and why."""

    entity: str
    key: str
    reason: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class SystemMapping:
    """How completely a system is mapped: of `row_count` rows `mapped_count` have a Golden ID.

    `joined_count` are those whose customer another system knows too; `unmapped` counts the others by reason.
    """

    system: str
    row_count: int = 0
    mapped_count: int = 0
    joined_count: int = 0
    unmapped: tuple[tuple[str, int], ...] = ()
    missing: tuple[MissingRow, ...] = ()


def read(source: SourceRow, systems: Systems) -> ReadRow:
    """A row in our terms, or why it has none."""
    if source.system not in systems.policies:
        return ReadRow(source, Mapped({}, (UNKNOWN_SYSTEM,)), 0)
    entity = systems.entity_map(source.system, source.entity)
    if entity is None:
        return ReadRow(source, Mapped({}, (UNKNOWN_ENTITY,)), 0)
    version = systems.maps[source.system].version
    if source.row is None:
        return ReadRow(source, Mapped({}, (NOT_READABLE,)), version)
    mapped = read_row(entity, source.row)
    if not mapped.fields and not any(not each.field for each in mapped.misfits):
        mapped = Mapped({}, (*mapped.misfits, NO_FIELDS), mapped.unknown, mapped.version)
    return ReadRow(source, mapped, version)
