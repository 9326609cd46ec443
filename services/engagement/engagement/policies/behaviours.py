"""What is looked for in what customers say, read from YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servicekit.documents import load_document

from engagement.domain.behaviours import (
    BY_HAND,
    RED,
    Banner,
    BehaviourPolicy,
    Rule,
    Streak,
)
from engagement.domain.phrases import Near, comparable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servicekit.documents import Document

PACKAGE = "engagement.policies"


def load_behaviour_policy(file: Path | None = None) -> BehaviourPolicy:
    """The rules in `file`, or the packaged ones; raises `servicekit.documents.InvalidPolicy`."""
    document = load_document(PACKAGE, "behaviours", file)
    content = document.content
    _check_ids(document)
    _check_tags(document)
    return BehaviourPolicy(
        version=content["version"],
        tags={tag: (named["zh"], named["en"]) for tag, named in content["tags"].items()},
        rules=[_rule(rule) for rule in content["rules"]],
        red=tuple(map(comparable, content["red"])),
        streaks=[_streak(streak) for streak in content["streaks"]],
    )


def _rule(content: dict[str, Any]) -> Rule:
    near = content.get("near")
    return Rule(
        rule_id=content["id"],
        tag=content["tag"],
        words=_words(content.get("any", ())),
        near=Near(comparable(near["anchor"]), near["within"], _words(near["any"]))
        if near
        else None,
        is_anybodys=content.get("said_by") == "anybody",
    )


def _words(words: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(comparable, words))


def _streak(content: dict[str, Any]) -> Streak:
    banner = Banner(content["id"], **content["banner"])
    return Streak(frozenset(content["tags"]), content["in_a_row"], banner)


def _check_ids(document: Document) -> None:
    """Two rules of one name could not be told apart in what they found."""
    for section in ("rules", "streaks"):
        seen = {RED, BY_HAND} if section == "rules" else set()
        for place, each in enumerate(document.content[section]):
            if each["id"] in seen:
                raise document.fault([section, place, "id"], f"{each['id']!r} is taken")
            seen.add(each["id"])


def _check_tags(document: Document) -> None:
    declared = document.content["tags"]
    for path, tag in _named_tags(document.content):
        if tag not in declared:
            raise document.fault(path, f"{tag!r} is none of the declared tags")


def _named_tags(content: dict[str, Any]) -> Iterator[tuple[list[str | int], str]]:
    for place, rule in enumerate(content["rules"]):
        yield ["rules", place, "tag"], rule["tag"]
    for place, streak in enumerate(content["streaks"]):
        for number, tag in enumerate(streak["tags"]):
            yield ["streaks", place, "tags", number], tag
