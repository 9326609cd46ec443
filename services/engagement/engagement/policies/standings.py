"""How customers' accounts should stand, read from YAML."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from servicekit.documents import load_document

from engagement.domain.health import Dimension, DimensionRule, HealthPolicy, Level
from engagement.domain.standings import DormantRule, RenewalRule, StandingPolicy

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from servicekit.documents import Document

PACKAGE = "engagement.policies"


def load_standing_policy(
    file: Path | None = None, *, tasks: Collection[str], tags: Collection[str]
) -> StandingPolicy:
    """The rules in `file`, or the packaged ones, which may name these kinds of tasks and tags of behaviours.

    Raises `servicekit.documents.InvalidPolicy`.
    """
    document = load_document(PACKAGE, "standings", file)
    content = document.content
    document.check_known(["renewal", "task"], tasks)
    document.check_known(["health", "fall", "task"], tasks)
    for place in range(len(content["health"]["rivals"]["tags"])):
        document.check_known(["health", "rivals", "tags", place], tags)
    _check_lines(document)
    renewal = content["renewal"]
    return StandingPolicy(
        version=content["version"],
        fresh_for=timedelta(days=content["fresh_days"]),
        renewal=RenewalRule(
            before=timedelta(days=renewal["ends_within_days"]),
            unseen_for=timedelta(days=renewal["no_login_for_days"]),
            task=renewal["task"],
        ),
        dormant=_dormant(document),
        health=_health(content["health"]),
    )


def _dormant(document: Document) -> DormantRule:
    told = document.content["dormant"]
    ids = [level["id"] for level in told["levels"]]
    document.check_known(["dormant", "level"], ids)
    _check_levels(document)
    counted = told["levels"][ids.index(told["level"]) :]
    return DormantRule(
        no_order_for=timedelta(days=told["no_order_for_days"]),
        visits_min=told["visits"],
        levels={word.casefold(): level["id"] for level in counted for word in level["words"]},
    )


def _health(told: dict[str, Any]) -> HealthPolicy:
    tickets, rivals, fall = told["tickets"], told["rivals"], told["fall"]
    return HealthPolicy(
        rules=tuple(_dimension(each, told["each"][each]) for each in Dimension),
        red_below=told["red_below"],
        green_above=told["green_above"],
        dimensions_min=told["dimensions"],
        tickets_within=timedelta(days=tickets["within_days"]),
        ticket_closed_within=timedelta(hours=tickets["closed_within_h"]),
        rival_tags=tuple(rivals["tags"]),
        rivals_within=timedelta(days=rivals["within_days"]),
        weekly_after=timedelta(hours=told["weekly_after_h"]),
        fall_weeks=fall["weeks"],
        fall_levels=frozenset(Level(level) for level in fall["levels"]),
        fall_task=fall["task"],
    )


def _dimension(dimension: Dimension, told: dict[str, Any]) -> DimensionRule:
    worst, alarm, good = (Fraction(str(told[line])) for line in ("worst", "alarm", "good"))
    name = told["name"]
    return DimensionRule(dimension, name["zh"], name["en"], told["weight"], worst, alarm, good)


def _check_levels(document: Document) -> None:
    """A level, and a word for one, stands in one place."""
    seen: set[str] = set()
    for place, level in enumerate(document.content["dormant"]["levels"]):
        for word in {level["id"], *(word.casefold() for word in level["words"])}:
            if word in seen:
                raise document.fault(["dormant", "levels", place], f"{word!r} is taken")
            seen.add(word)


def _check_lines(document: Document) -> None:
    """Lines that lie in an order, so that more of a thing is always better, or always worse."""
    health = document.content["health"]
    if health["red_below"] > health["green_above"]:
        raise document.fault(["health", "green_above"], "lies below red_below")
    for name, told in health["each"].items():
        if not (told["worst"] < told["alarm"] < told["good"]) and not (
            told["worst"] > told["alarm"] > told["good"]
        ):
            raise document.fault(["health", "each", name], "alarm lies between worst and good")
