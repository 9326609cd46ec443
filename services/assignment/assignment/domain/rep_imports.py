"""Many reps changed at once by some of their attributes (AS-07): what is not named stays as it is."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from servicekit.errors import Invalid

from assignment.domain.reps import Rep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assignment.domain.leads import RepId

COLUMNS = frozenset(field.name for field in fields(Rep)) - {"rep_id"}


class UnknownColumn(Invalid):
    """A column that is no attribute of reps, or none at all."""

    def __init__(self, column: str) -> None:
        super().__init__(
            f"{column[:64] or 'without a name'} is none of {', '.join(sorted(COLUMNS))}"
        )


@dataclass(frozen=True, slots=True)
class RepPatch:
    """One rep, and the values that change, by column."""

    rep_id: RepId
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One attribute of one rep, as it was and as it is then, as text."""

    rep_id: RepId
    column: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RepImport:
    """What an import changes: reps to write, and each attribute."""

    reps: list[Rep]
    changes: list[FieldChange]
    created_count: int


def check_columns(columns: Sequence[str]) -> None:
    """Raises `UnknownColumn`."""
    for column in columns or [""]:
        if column not in COLUMNS:
            raise UnknownColumn(column)


def rep_import(known: Mapping[RepId, Rep], patches: Sequence[RepPatch]) -> RepImport:
    """What patches make of the reps that are known; one who is not is created, active unless a patch says."""
    found = RepImport([], [], sum(patch.rep_id not in known for patch in patches))
    for patch in patches:
        before = known.get(patch.rep_id)
        after = replace(before or _new(patch.rep_id), **patch.values)
        changes = [
            FieldChange(
                patch.rep_id,
                column,
                shown(getattr(before, column)) if before else "",
                shown(getattr(after, column)),
            )
            for column in patch.values
            if before is None or getattr(before, column) != getattr(after, column)
        ]
        if changes or before is None:
            found.reps.append(after)
            found.changes.extend(changes)
    return found


def shown(value: object) -> str:
    """An attribute as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return " ".join(sorted(value))
    return "; ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _new(rep_id: RepId) -> Rep:
    nothing: frozenset[str] = frozenset()
    return Rep(rep_id, "", nothing, nothing, nothing, capacity=0, weight=1, active=True)
