"""The people who take leads, and how much each of them has been given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servicekit.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from assignment.domain.leads import RepId

REPS_MAX = 10_000
NAME_LENGTH_MAX = 64
WEIGHT_MAX = 1000
CAPACITY_MAX = 1_000_000

_SUFFIXES = ("省", "市", "自治区", "特别行政区")


class UnusableRep(Invalid):
    """A rep as described can never be given a lead, or not the right ones."""

    def __init__(self, rep_id: str, reason: str) -> None:
        super().__init__(f"rep {rep_id or '(without id)'}: {reason}")


class TooManyReps(Invalid):
    """One request names more reps than it may."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} reps in one request, at most {REPS_MAX}")


@dataclass(frozen=True, slots=True)
class Rep:
    """Somebody who can take leads.

    `cities` empty means unknown, `industries` empty means all, `capacity` 0 means no limit of open leads; `weight`
    is the share of leads relative to other reps. `manager_id` is empty when nobody is told.
    """

    rep_id: RepId
    manager_id: str
    provinces: frozenset[str]
    cities: frozenset[str]
    industries: frozenset[str]
    capacity: int
    weight: int
    active: bool

    def takes_turns_like(self, other: Rep) -> bool:
        """Whether the same leads come to both at the same rate, so that turns taken can be carried over."""
        return (
            (self.active, self.weight) == (other.active, other.weight)
            and self.provinces == other.provinces
            and self.cities == other.cities
            and self.industries == other.industries
        )


@dataclass(frozen=True, slots=True)
class RepLoad:
    """A rep with their open leads and the leads ever given to them."""

    rep: Rep
    open_count: int
    assigned_count: int


@dataclass(frozen=True, slots=True)
class Roster:
    """Every rep at one version, by rep id."""

    version: int
    reps: tuple[Rep, ...]

    @classmethod
    def of(cls, version: int, reps: Iterable[Rep]) -> Roster:
        """The roster of these reps, in any order."""
        return cls(version, tuple(sorted(reps, key=lambda rep: rep.rep_id)))


def check_reps(reps: Sequence[Rep]) -> None:
    """Raises `UnusableRep` for the first rep that could never work as meant, `TooManyReps` for too many."""
    if len(reps) > REPS_MAX:
        raise TooManyReps(len(reps))
    seen: set[RepId] = set()
    for rep in reps:
        reason = _fault_of(rep) or ("named twice" if rep.rep_id in seen else None)
        if reason:
            raise UnusableRep(rep.rep_id[:NAME_LENGTH_MAX], reason)
        seen.add(rep.rep_id)


def _fault_of(rep: Rep) -> str | None:
    if not rep.rep_id.strip():
        return "the id is empty"
    ids = rep.rep_id + rep.manager_id
    if not ids.isprintable() or max(len(rep.rep_id), len(rep.manager_id)) > NAME_LENGTH_MAX:
        return f"an id is not at most {NAME_LENGTH_MAX} printable characters"
    if not 1 <= rep.weight <= WEIGHT_MAX or not 0 <= rep.capacity <= CAPACITY_MAX:
        return f"the weight goes up to {WEIGHT_MAX}, the capacity up to {CAPACITY_MAX}"
    return _fault_of_names([*rep.provinces, *rep.cities, *rep.industries]) or _fault_of_places(rep)


def _fault_of_names(names: Iterable[str]) -> str | None:
    for name in names:
        if not name.strip() or not name.isprintable() or len(name) > NAME_LENGTH_MAX:
            return f"a place or industry is not 1 to {NAME_LENGTH_MAX} printable characters"
    return None


def _fault_of_places(rep: Rep) -> str | None:
    """A suffix is refused: 深圳市 would never equal a lead's 深圳, and its leads would wait unseen."""
    for place in sorted(rep.provinces | rep.cities):
        if len(place) > 2 and place.endswith(_SUFFIXES):
            return f"{place} must be written without its suffix"
    return None


@dataclass(frozen=True, slots=True)
class RosterChange:
    """What new descriptions of reps change."""

    changed: list[Rep]
    """Reps to write: new ones and those described otherwise than before."""
    rejoining: list[RepId] = field(default_factory=list)
    """Known reps to whom other leads come from now on: their turns start again at the current minimum."""


def roster_change(known: Mapping[RepId, Rep], described: Sequence[Rep]) -> RosterChange:
    """What differs between the reps that are known and as they are described now."""
    changed = [rep for rep in described if known.get(rep.rep_id) != rep]
    rejoining = [
        rep.rep_id
        for rep in changed
        if rep.rep_id in known and not rep.takes_turns_like(known[rep.rep_id])
    ]
    return RosterChange(changed, rejoining)
