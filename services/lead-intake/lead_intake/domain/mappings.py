"""What a change of a mapping would do: findings under two sets of rules, held against each other. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

from lead_intake.domain.leads import (
    AwaitingBody,
    Quarantined,
    Rejected,
    Stated,
    Understood,
)
from lead_intake.domain.masked_values import masked_key, masked_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lead_intake.domain.leads import Finding, LeadId

EXAMPLES_MAX: Final = 50
IDS_MAX: Final = 100
OTHER_FIELDS: Final = "(other fields)"
FIELDS_MAX: Final = 200

LEGIBLE: Final = frozenset(
    {"region.province", "region.city", "region.district", "region.precision", "region.method", "industry",
     "source_kind", "first_action", "inquired_at", "flags", "stage", "source.form", "source.campaign",
     "source.adgroup", "source.creative", "client_version", "status", "kind", "action", "currency", "is_delivered"}
)  # fmt: skip
"""Fields whose values say nothing of who the customer is, and that are shown."""


@dataclass(frozen=True, slots=True)
class Example:
    """One field of one item that comes out otherwise, masked."""

    lead_id: LeadId
    field: str
    before: str
    after: str


@dataclass(slots=True)
class Trial:
    """What a candidate does to items, counted one by one; memory is bounded whatever their number."""

    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    differences: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)
    rescued_ids: list[LeadId] = field(default_factory=list)
    newly_quarantined_ids: list[LeadId] = field(default_factory=list)
    rescued_count: int = 0
    newly_quarantined_count: int = 0
    quarantined_checked_count: int = 0
    accepted_checked_count: int = 0
    unreadable_count: int = 0

    def add(
        self, lead_id: LeadId, before: Finding, after: Finding, *, was_quarantined: bool
    ) -> None:
        """Counts one item that is in quarantine, or that was accepted."""
        self.before[outcome_of(before)] += 1
        self.after[outcome_of(after)] += 1
        if isinstance(before, AwaitingBody) and isinstance(after, AwaitingBody):
            self.unreadable_count += 1
        elif was_quarantined:
            self._add_quarantined(lead_id, after)
        else:
            self._add_accepted(lead_id, before, after)

    def add_unreadable(self) -> None:
        """Counts one item whose body is not there."""
        self.unreadable_count += 1

    def _add_quarantined(self, lead_id: LeadId, after: Finding) -> None:
        self.quarantined_checked_count += 1
        if not isinstance(after, Quarantined):
            self.rescued_count += 1
            if len(self.rescued_ids) < IDS_MAX:
                self.rescued_ids.append(lead_id)

    def _add_accepted(self, lead_id: LeadId, before: Finding, after: Finding) -> None:
        self.accepted_checked_count += 1
        if isinstance(after, Quarantined) and not isinstance(before, Quarantined):
            self.newly_quarantined_count += 1
            if len(self.newly_quarantined_ids) < IDS_MAX:
                self.newly_quarantined_ids.append(lead_id)
            return
        old, new = said(before), said(after)
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                self._differ(Example(lead_id, name, old.get(name, ""), new.get(name, "")))

    def _differ(self, example: Example) -> None:
        is_known = example.field in self.differences or len(self.differences) < FIELDS_MAX
        self.differences[example.field if is_known else OTHER_FIELDS] += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(masked(example))


def outcome_of(finding: Finding) -> str:
    """How an item ends of which this is found, with the reason."""
    match finding:
        case Understood():
            return "accepted"
        case Stated():
            return "stated"
        case AwaitingBody():
            return "awaiting_body"
        case Rejected(reason):
            return f"rejected:{reason}"
        case Quarantined(reason):
            return f"quarantined:{reason}"


def said(finding: Finding) -> dict[str, str]:
    """What a finding says, field by field, in the clear; empty fields are left out."""
    match finding:
        case Understood(inquiry):
            return dict(_flat(inquiry, ""))
        case Stated(fact):
            return dict(_flat(fact, ""))
        case _:
            return {}


def masked(example: Example) -> Example:
    """The example, fit to be shown."""
    if example.field in LEGIBLE:
        return example
    return Example(
        example.lead_id, example.field, masked_text(example.before), masked_text(example.after)
    )


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if is_dataclass(value):
        for each in fields(value):
            yield from _flat(
                getattr(value, each.name), f"{name}.{each.name}" if name else each.name
            )
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _flat(each, f"{name}.{masked_key(key)}")
    elif isinstance(value, tuple | list):
        yield from _flat(", ".join(map(str, value)), name)
    elif value not in (None, ""):
        yield name, str(value)
