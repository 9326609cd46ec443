"""The stage machine, read from YAML."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from servicekit.documents import load_document

from engagement.domain.phrases import comparable
from engagement.domain.stages import DocumentAsked, Machine, PartDue, SaidRule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servicekit.documents import Document

PACKAGE = "engagement.policies"


def load_machine(file: Path | None = None) -> Machine:
    """The stages in `file`, or the packaged ones; raises `servicekit.documents.InvalidPolicy`."""
    document = load_document(PACKAGE, "stages", file)
    _check_names(document)
    _check_ways(document)
    _check_reachable_points(document)
    _check_plan(document)
    return _machine(document.content)


def _machine(content: dict[str, Any]) -> Machine:
    said, loop = content["said"], content["loop"]
    return Machine(
        version=content["version"],
        stages={each["id"]: _stage(each) for each in content["stages"]},
        points={action: each["points"] for action, each in content["points"].items()},
        point_names={
            action: (each["zh"], each["en"]) for action, each in content["points"].items()
        },
        said=SaidRule(
            words=tuple(map(comparable, said["words"])),
            within=timedelta(hours=said["within_h"]),
            origins=frozenset(said["from"]),
            to=said["to"],
            once_in=timedelta(hours=said["once_in_h"]),
        ),
        signed_stage=content["signed_stage"],
        paid_stage=content["paid_stage"],
        deposit_percent=content["deposit_percent"],
        payment_plan=[PartDue(**each) for each in content["payment_plan"]],
        overdue_after=timedelta(days=content["overdue_days"]),
        loop_more_than=loop["more_than"],
        loop_within=timedelta(days=loop["within_days"]),
        lost=content["lost"],
    )


def _stage(content: dict[str, Any]) -> Stage:
    enter = content.get("enter", {})
    checkpoint = content.get("checkpoint")
    return Stage(
        stage_id=content["id"],
        zh=content["name"]["zh"],
        en=content["name"]["en"],
        to=tuple(content["to"]),
        one_of=tuple(_asked(each) for each in enter.get("one_of", ())),
        points=enter.get("points", 0),
        deal=tuple(enter.get("deal", ())),
        actions={
            action: (each["zh"], each["en"]) for action, each in content.get("actions", {}).items()
        },
        checkpoint=_asked(checkpoint) if checkpoint else None,
    )


def _asked(content: dict[str, Any]) -> DocumentAsked:
    return DocumentAsked(content["document"], frozenset(content.get("roles", ())))


def _check_names(document: Document) -> None:
    content = document.content
    known: set[str] = set()
    for place, stage in enumerate(content["stages"]):
        if stage["id"] in known:
            raise document.fault(["stages", place, "id"], f"{stage['id']!r} is taken")
        known.add(stage["id"])
    for path, name in _named(content):
        if name not in known:
            raise document.fault(path, f"{name!r} is no stage")


def _named(content: dict[str, Any]) -> Iterator[tuple[list[str | int], str]]:
    for place, stage in enumerate(content["stages"]):
        for number, to in enumerate(stage["to"]):
            yield ["stages", place, "to", number], to
    for number, origin in enumerate(content["said"]["from"]):
        yield ["said", "from", number], origin
    yield ["said", "to"], content["said"]["to"]
    yield ["signed_stage"], content["signed_stage"]
    yield ["paid_stage"], content["paid_stage"]


def _check_ways(document: Document) -> None:
    """Every stage can be come to from the first, and from every stage a deal can still be won."""
    stages = document.content["stages"]
    ways = {stage["id"]: set(stage["to"]) for stage in stages}
    ends = {document.content["paid_stage"]}
    reached = _closure({stages[0]["id"]}, ways)
    back: dict[str, set[str]] = {stage_id: set() for stage_id in ways}
    for stage_id, to in ways.items():
        for each in to:
            back[each].add(stage_id)
    winning = _closure(ends, back)
    for place, stage in enumerate(stages):
        if stage["id"] not in reached:
            raise document.fault(["stages", place], f"no way leads to {stage['id']}")
    for place, stage in enumerate(stages):
        if stage["id"] not in winning:
            raise document.fault(["stages", place, "to"], f"no way leads on to {min(ends)}")


def _closure(known: set[str], ways: dict[str, set[str]]) -> set[str]:
    reached, frontier = set(known), set(known)
    while frontier:
        frontier = {to for stage_id in frontier for to in ways[stage_id]} - reached
        reached |= frontier
    return reached


def _check_reachable_points(document: Document) -> None:
    most = sum(each["points"] for each in document.content["points"].values())
    for place, stage in enumerate(document.content["stages"]):
        asked = stage.get("enter", {}).get("points", 0)
        if asked > most:
            path: list[str | int] = ["stages", place, "enter", "points"]
            raise document.fault(path, f"asks for {asked} points; {most} can be earned")


def _check_plan(document: Document) -> None:
    total = sum(each["percent"] for each in document.content["payment_plan"])
    if total != 100:
        raise document.fault(["payment_plan"], f"the parts add up to {total} percent, not 100")
