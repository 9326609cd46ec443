"""How days of visits are planned, read from YAML."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

from servicekit.documents import load_document

from engagement.domain.visits import Hours, VisitPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from servicekit.documents import Document

PACKAGE = "engagement.policies"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def load_visit_policy(file: Path | None = None) -> VisitPolicy:
    """The rules in `file`, or the packaged ones; raises `servicekit.documents.InvalidPolicy`."""
    document = load_document(PACKAGE, "visits", file)
    content: dict[str, Any] = document.content
    ways = content["ways"]
    return VisitPolicy(
        version=content["version"],
        length=timedelta(minutes=content["length"]["default_min"]),
        visits_counted=content["length"]["visits"],
        working=_hours(document, ["working"], content["working"]),
        open={
            WEEKDAYS.index(weekday): tuple(
                _hours(document, ["open", weekday, place], each) for place, each in enumerate(spans)
            )
            for weekday, spans in content["open"].items()
        },
        speed_km_h=ways["speed_km_h"],
        detour=ways["detour"],
        arrive=timedelta(minutes=ways["arrive_min"]),
    )


def _hours(document: Document, path: list[str | int], told: list[str]) -> Hours:
    since, until = map(time.fromisoformat, told)
    if since >= until:
        raise document.fault(path, f"{told[0]} is not before {told[1]}")
    return Hours(since, until)
