"""The index of facts: by resource and by subject, one table per relation and kind of subject.

Most resources have one fact per relation, so an entry is that fact itself, and a dict only from the second on:
a million facts then need no million dicts.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from accesskit.decisions import Missing
from accesskit.facts import Fact
from accesskit.language import CompiledCondition

Entry: TypeAlias = Fact | dict[str, Fact]


class Edges:
    """The facts of one relation about one kind of subject: `user`, or `group#member`.

    `forward` leads from a resource's id to its facts, by subject id; `backward` from a subject's id to its facts, by
    resource id. `guarded_count` counts the facts that may not hold at every time and in every context. `takes_plain`
    says that a fact may name one subject without a condition, and `watchers` are told the resource of each fact that
    came or went.
    """

    __slots__ = (
        "backward",
        "conditions",
        "forward",
        "guarded_count",
        "has_conditions",
        "has_wildcard",
        "takes_plain",
        "watchers",
    )

    def __init__(self, conditions: Mapping[str, CompiledCondition]) -> None:
        self.forward: dict[str, Entry] = {}
        self.backward: dict[str, Entry] = {}
        self.conditions = conditions
        self.guarded_count = 0
        self.has_conditions = False
        self.has_wildcard = False
        self.takes_plain = False
        self.watchers: tuple[Callable[[str], None], ...] = ()

    def put(self, fact: Fact) -> Fact | None:
        """Index a fact in place of one with the same key, which is returned."""
        resource_id, subject_id = fact.resource_id, fact.subject_id
        former = None
        if resource_id in self.forward:
            former = self.find(resource_id, subject_id)
            _put(self.forward, resource_id, subject_id, fact, "subject_id")
        else:
            self.forward[resource_id] = fact
        _put(self.backward, subject_id, resource_id, fact, "resource_id")
        self.guarded_count += _is_guarded(fact)
        if former is not None:
            self.guarded_count -= _is_guarded(former)
        return former

    def remove(self, resource_id: str, subject_id: str) -> Fact | None:
        """Forget a fact, which is returned."""
        former = self.find(resource_id, subject_id)
        if former is not None:
            _remove(self.forward, resource_id, subject_id)
            _remove(self.backward, subject_id, resource_id)
            self.guarded_count -= _is_guarded(former)
        return former

    def find(self, resource_id: str, subject_id: str) -> Fact | None:
        """The fact between the two, whether it holds now or not."""
        entry = self.forward.get(resource_id)
        if isinstance(entry, dict):
            return entry.get(subject_id)
        return entry if entry is not None and entry.subject_id == subject_id else None

    def holds(self, fact: Fact, now_s: float, context: Mapping[str, Any] | None) -> Missing | bool:
        """Whether the fact counts at this time and in this context."""
        if fact.until_s is not None and fact.until_s <= now_s:
            return False
        if fact.condition:
            return self.conditions[fact.condition].verdict(fact.context, context)
        return True

    def of_resource(self, resource_id: str) -> Collection[Fact]:
        """Every fact of the resource."""
        return facts_in(self.forward.get(resource_id))

    def of_subject(self, subject_id: str) -> Collection[Fact]:
        """Every fact about the subject."""
        return facts_in(self.backward.get(subject_id))


def facts_in(entry: Entry | None) -> Collection[Fact]:
    """The facts of an index entry."""
    if entry is None:
        return ()
    return entry.values() if isinstance(entry, dict) else (entry,)


def _is_guarded(fact: Fact) -> bool:
    return fact.until_s is not None or bool(fact.condition)


def _put(index: dict[str, Entry], key: str, other: str, fact: Fact, side: str) -> None:
    entry = index.get(key)
    if entry is None:
        index[key] = fact
    elif isinstance(entry, dict):
        entry[other] = fact
    else:
        lone: str = getattr(entry, side)
        index[key] = fact if lone == other else {lone: entry, other: fact}


def _remove(index: dict[str, Entry], key: str, other: str) -> None:
    entry = index[key]
    if isinstance(entry, dict):
        del entry[other]
        if entry:
            return
    del index[key]
