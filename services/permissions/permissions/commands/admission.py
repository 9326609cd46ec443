"""What the live model admits: a fact of a kind that no type restriction names is refused where it enters."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from accesskit.relations import FactRefused, Relations, UnknownRelation

from permissions.commands.policies import parsed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accesskit.facts import Fact
    from accesskit.policy import Policy


def check_admitted(policy: Policy, facts: Iterable[Fact]) -> None:
    """Raises `FactRefused` or `UnknownRelation` for the first fact that the policy's model does not admit."""
    relations = _relations(policy.text, policy.version)
    for fact in facts:
        relations.put(fact)
        relations.remove(fact)


def not_admitted(policy: Policy, facts: Iterable[Fact]) -> list[Fact]:
    """The facts that the policy's model does not admit."""
    relations = _relations(policy.text, policy.version)
    return [fact for fact in facts if not _is_admitted(relations, fact)]


def _is_admitted(relations: Relations, fact: Fact) -> bool:
    try:
        relations.put(fact)
    except (FactRefused, UnknownRelation):
        return False
    relations.remove(fact)
    return True


@lru_cache(maxsize=4)
def _relations(document: str, version: int) -> Relations:
    """An empty index of the model, in which no fact stays."""
    return Relations(parsed(document, version).model)
