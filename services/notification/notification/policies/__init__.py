"""What is told to whom, in which words: YAML documents, read into the domain's terms."""

from __future__ import annotations

from datetime import time, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from servicekit.documents import Document, InvalidPolicy, load_document

from notification.domain.kinds import (
    OWN_RESOURCES,
    Aim,
    Kind,
    Policy,
    QuietHours,
    RouteStep,
    Thresholds,
)
from notification.domain.media import Medium
from notification.domain.reminders import TargetKind
from notification.domain.retention import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["PACKAGE", "InvalidPolicy", "load_policy"]

PACKAGE = "notification.policies"
"""Where the packaged documents are."""

_AIMS = {
    "owner_of": TargetKind.OWNER,
    "manager_of_owner_of": TargetKind.MANAGER_OF_OWNER,
    "person": TargetKind.PERSON,
    "named": TargetKind.PERSON,
    "manager_of": TargetKind.MANAGER_OF_PERSON,
}


def load_policy(
    events: Mapping[str, frozenset[str]],
    templates: frozenset[str],
    file: Path | None = None,
) -> Policy:
    """The policy in `file`, or the packaged one; raises `InvalidPolicy`.

    `events` are those that can be told of, with the names of their fields (`resource` among them for one that names a
    typed resource); `templates` the words that there are.
    """
    document = load_document(PACKAGE, "reminders", file)
    for index, entry in enumerate(document.content["kinds"]):
        _check_kind(document, index, entry, events)
        if entry.get("template", entry["kind"]) not in templates:
            raise document.fault(("kinds", index, "kind"), "there are no words of this name")
    kinds = [_kind(entry, document.content) for entry in document.content["kinds"]]
    names = [kind.name for kind in kinds]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise document.fault(("kinds", index, "kind"), "stands above too")
    content = document.content
    return Policy(
        version=content["version"],
        zone=_zone(document),
        quiet_hours=QuietHours(
            time.fromisoformat(content["quiet_hours"]["from"]),
            time.fromisoformat(content["quiet_hours"]["until"]),
        ),
        give_up_after_s=content["give_up_after_s"],
        kinds=MappingProxyType({kind.name: kind for kind in kinds}),
        kept=Kept(
            reminders=timedelta(days=content["kept_days"]["reminders"]),
            cards=timedelta(days=content["kept_days"]["cards"]),
        ),
    )


def _check_kind(
    document: Document, index: int, entry: Any, events: Mapping[str, frozenset[str]]
) -> None:
    """What a schema cannot say: the event exists, and has the fields that are used of it."""
    fields = events.get(entry["event"])
    if fields is None:
        known = ", ".join(sorted(events))
        raise document.fault(
            ("kinds", index, "event"), f"no event that is heard; there are {known}"
        )
    used = {("facts", name): field for name, field in entry.get("facts", {}).items()}
    used |= {("once_per", n): field for n, field in enumerate(entry.get("once_per", ()))}
    used |= {("only_when", field): field for field in entry.get("only_when", {})}
    used |= {("to", word): field for word, field in entry["to"].items() if word != "named"}
    for (part, name), field in used.items():
        needed = OWN_RESOURCES.get(field, field) if "owner_of" in str(name) else field
        if needed not in fields:
            raise document.fault(
                ("kinds", index, part, name), f"{entry['event']} has no field {needed}"
            )


def _kind(entry: Any, content: Any) -> Kind:
    return Kind(
        name=entry["kind"],
        event=entry["event"],
        aim=_aim(entry["to"]),
        is_important=entry["importance"] == "important",
        steps=tuple(_step(each) for each in entry["routes"]),
        template=entry.get("template", entry["kind"]),
        facts=MappingProxyType(entry.get("facts", {})),
        once_per=tuple(entry.get("once_per", ())),
        only_when={name: tuple(words) for name, words in entry.get("only_when", {}).items()},
        receipt_within_s=entry.get("receipt_within_s", content["receipt_within_s"]),
        thresholds=Thresholds(**{**content["health"], **entry.get("health", {})}),
    )


def _aim(entry: Mapping[str, str]) -> Aim:
    word = next(each for each in entry if each in _AIMS)
    return Aim(_AIMS[word], entry[word], entry.get("known_as", ""), is_named=word == "named")


def _step(entry: Mapping[str, Any]) -> RouteStep:
    ((choice, media),) = entry.items()
    return RouteStep(
        "first_of" if choice == "first_of" else "all_of", tuple(Medium(each) for each in media)
    )


def _zone(document: Document) -> ZoneInfo:
    try:
        return ZoneInfo(document.content["zone"])
    except (ZoneInfoNotFoundError, ValueError):
        raise document.fault(("zone",), "no time zone of this name") from None
