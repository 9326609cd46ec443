"""What is told to whom: the kinds of reminders that a policy declares."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from notification.domain.reminders import Reminder, Resource, Subject, Target, TargetKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import time
    from zoneinfo import ZoneInfo

    from notification.domain.media import Medium
    from notification.domain.reminders import Happening
    from notification.domain.retention import Kept

OWN_RESOURCES = {"lead": "lead_id", "customer": "golden_id"}
"""Event fields that name what has an owner; `resource` is an event's typed one."""

_ALWAYS_USED = (*OWN_RESOURCES.values(), "channel", "assignment_no")


@dataclass(frozen=True, slots=True)
class Aim:
    """Whom a kind is for. `of` is what has an owner, an event's field, or (for a named person) the id itself."""

    kind: TargetKind
    of: str
    known_as: str = ""
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class RouteStep:
    """One try to reach somebody: the first of its media that is usable, or all of them at the same time."""

    choice: Literal["first_of", "all_of"]
    media: tuple[Medium, ...]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The least share of reminders, 0 to 1, that must be sent, reach somebody, and be opened (AS-12)."""

    sent: float
    reached: float
    interacted: float


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of reminder.

    `facts` gives what templates may show: a name and the event field it is taken from. `once_per` are the event fields
    that make two reminders one; without any it is the event. `only_when` are words that fields must have one of.
    """

    name: str
    event: str
    aim: Aim
    is_important: bool
    steps: tuple[RouteStep, ...]
    template: str
    facts: Mapping[str, str]
    once_per: tuple[str, ...]
    only_when: Mapping[str, tuple[str, ...]]
    receipt_within_s: float
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When only what is important is sent, by the recipient's clock (AS-14); may pass midnight."""

    begins: time
    ends: time


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that is told, by kind; `give_up_after_s` is how long a last receipt is waited for."""

    version: int
    zone: ZoneInfo
    quiet_hours: QuietHours
    give_up_after_s: float
    kinds: Mapping[str, Kind]
    kept: Kept

    def of_event(self, event: str) -> Sequence[Kind]:
        """The kinds that an event calls for."""
        return [kind for kind in self.kinds.values() if kind.event == event]

    def fields_of(self, event: str) -> frozenset[str]:
        """The fields of an event that its kinds make use of."""
        used = set(_ALWAYS_USED)
        for kind in self.of_event(event):
            used |= {
                *kind.facts.values(),
                *kind.once_per,
                *kind.only_when,
                kind.aim.of,
                kind.aim.known_as,
            }
        return frozenset(used)

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """Recipients that the policy itself names, each with the kinds that are for it."""
        named = {kind.aim.of for kind in self.kinds.values() if kind.aim.is_named}
        return {
            group: [k.name for k in self.kinds.values() if k.aim.is_named and k.aim.of == group]
            for group in sorted(named)
        }

    @property
    def events(self) -> frozenset[str]:
        """Every event that somebody is told of."""
        return frozenset(kind.event for kind in self.kinds.values())


def reminder_of(kind: Kind, happening: Happening, *, reminder_id: UUID) -> Reminder | None:
    """The reminder that an event calls for; None where it names nobody, or is none of those that are told."""
    fields = happening.fields
    target = _target(kind.aim, happening)
    is_told = all(fields.get(name, "") in words for name, words in kind.only_when.items())
    if target is None or not is_told:
        return None
    lead_id = fields.get("lead_id", "")
    if not lead_id and target.resource is not None and target.resource.type == "lead":
        lead_id = target.resource.id
    return Reminder(
        reminder_id=reminder_id,
        kind=kind.name,
        dedupe_key="/".join(fields.get(each, "") for each in kind.once_per) or happening.event_id,
        target=target,
        subject=Subject(
            lead_id=UUID(lead_id) if lead_id else None,
            channel=fields.get("channel", ""),
            received_at=happening.received_at,
            assignment_no=int(fields.get("assignment_no") or 0),
            traceparent=happening.traceparent,
        ),
        facts=_json({name: fields.get(field, "") for name, field in kind.facts.items()}),
    )


def _target(aim: Aim, happening: Happening) -> Target | None:
    known = happening.fields.get(aim.known_as, "")
    match aim.kind:
        case TargetKind.OWNER:
            return Target(aim.kind, _resource(aim.of, happening), person_id=known)
        case TargetKind.MANAGER_OF_OWNER:
            return Target(aim.kind, _resource(aim.of, happening), manager_id=known)
        case TargetKind.PERSON:
            person = aim.of if aim.is_named else happening.fields.get(aim.of, "")
            return Target(aim.kind, person_id=person) if person else None
        case TargetKind.MANAGER_OF_PERSON:
            person = happening.fields.get(aim.of, "")
            return Target(aim.kind, person_id=person, manager_id=known) if person else None


def _resource(of: str, happening: Happening) -> Resource:
    if of in OWN_RESOURCES:
        return Resource(of, happening.fields.get(OWN_RESOURCES[of], ""))
    return happening.resource or Resource("", "")


def _json(facts: Mapping[str, str]) -> bytes:
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()
