"""The public pool's policy, read from YAML into the domain's terms."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from assignment.domain.holds import Level, LevelCondition, PoolPolicy
from assignment.domain.pool import PoolTerms
from assignment.policies.documents import load_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assignment.policies.documents import Document


def load_pool(file: Path | None = None) -> PoolPolicy:
    """The pool's policy in `file`, or the packaged one; raises `InvalidPolicy`."""
    document = load_document("pool", file)
    content = document.content
    _check(document)
    levels = tuple(_level(entry) for entry in content["levels"])
    cool_down = timedelta(days=content["cool_down_days"])
    return PoolPolicy(levels, PoolTerms(cool_down, content["claims_per_day"]))


def _check(document: Document) -> None:
    """Raises `InvalidPolicy` for levels that say nothing, or the same twice, or that would warn of what is over."""
    levels = document.content["levels"]
    last, seen = len(levels) - 1, set[str]()
    for number, entry in enumerate(levels):
        at = ("levels", number)
        if entry["id"] in seen:
            raise document.fault((*at, "id"), f"level {entry['id']} is there twice")
        seen.add(entry["id"])
        if ("when" in entry) is (number == last):
            reason = "the last level is for every lead, and every other one has a condition"
            raise document.fault((*at, "id"), reason)
        if entry["warn_days"] >= min(entry["default_days"], entry["extension_days"]):
            raise document.fault((*at, "warn_days"), "owners are warned before their days begin")
        if entry["maximum_days"] < entry["default_days"]:
            raise document.fault((*at, "maximum_days"), "the maximum is less than the default")


def _level(entry: Mapping[str, Any]) -> Level:
    when = entry.get("when")
    return Level(
        level_id=entry["id"],
        when=None if when is None else _condition(when),
        default=timedelta(days=entry["default_days"]),
        extension=timedelta(days=entry["extension_days"]),
        maximum=timedelta(days=entry["maximum_days"]),
        warn_before=timedelta(days=entry["warn_days"]),
    )


def _condition(when: Mapping[str, Any]) -> LevelCondition:
    def words(name: str) -> frozenset[str] | None:
        return frozenset(when[name]) if name in when else None

    attributes = {name: frozenset(values) for name, values in when.get("attributes", {}).items()}
    return LevelCondition(
        when.get("min_score"),
        words("channels"),
        words("industries"),
        words("source_kinds"),
        attributes,
    )
