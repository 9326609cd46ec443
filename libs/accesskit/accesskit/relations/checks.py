"""Checks compiled from a model: one closure per relation, in two values where no condition can be met, else in three.

Every closure takes a last argument `scope`: None, or the table of a recursive check that is under way.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from accesskit.decisions import Missing, Proof
from accesskit.facts import EVERYONE, Fact
from accesskit.relations.edges import Edges, facts_in

Context: TypeAlias = Mapping[str, Any] | None
Answer: TypeAlias = Fact | tuple[Any, ...] | Missing | None
Check: TypeAlias = Callable[..., Answer]
"""(resource_id, subject_type, subject_id, now_s, context, scope=None) -> proof, what is missing, or None."""


def never(*_: object) -> None:
    """The check of a relation that no fact can state."""


def merged(*answers: Answer | bool) -> Missing | None:
    """What is missing of any of the answers; None if none lacks anything."""
    names = {name for each in answers if isinstance(each, Missing) for name in each.names}
    return Missing(frozenset(names)) if names else None


def named(edges: Edges, subject_type: str) -> Check:
    """A fact names the subject; no wildcards, no conditions."""
    entry_of = edges.forward.get

    def check(
        resource_id: str,
        kind: str,
        subject_id: str,
        now_s: float,
        _context: Context = None,
        _scope: object = None,
    ) -> Answer:
        entry = entry_of(resource_id)
        if type(entry) is Fact:
            if entry.subject_id != subject_id or kind != subject_type:
                return None
            fact = entry
        elif isinstance(entry, dict) and subject_id in entry and kind == subject_type:
            fact = entry[subject_id]
        else:
            return None
        until_s = fact.until_s
        return fact if until_s is None or until_s > now_s else None

    return check


def named_anyhow(by_type: dict[str, Edges]) -> Check:
    """A fact names the subject, or everyone of its type; with conditions."""

    def check(
        resource_id: str,
        kind: str,
        subject_id: str,
        now_s: float,
        context: Context,
        _: object = None,
    ) -> Answer:
        edges = by_type.get(kind)
        if edges is None:
            return None
        missing: Answer = None
        for name in (subject_id, EVERYONE) if edges.has_wildcard else (subject_id,):
            fact = edges.find(resource_id, name)
            verdict = fact is not None and edges.holds(fact, now_s, context)
            if verdict is True:
                return fact
            if verdict is not False:
                missing = merged(missing, verdict)
        return missing

    return check


def through_one(edges: Edges, target: Check) -> Check:
    """A fact leads to a resource, or group, of which `target` holds; neither has conditions."""
    entry_of = edges.forward.get
    through_several = through(((edges, target),))

    def check(
        resource_id: str,
        kind: str,
        subject_id: str,
        now_s: float,
        context: Context,
        scope: object = None,
    ) -> Answer:
        entry = entry_of(resource_id)
        if entry is None:
            return None
        if type(entry) is not Fact:
            return through_several(resource_id, kind, subject_id, now_s, context, scope)
        until_s = entry.until_s
        if until_s is not None and until_s <= now_s:
            return None
        found = target(entry.subject_id, kind, subject_id, now_s, context, scope)
        return None if found is None else (entry, found)

    return check


def through(routes: tuple[tuple[Edges, Check], ...]) -> Check:
    """A fact of any of these tables leads to a resource, or group, of which its target holds."""

    def check(
        resource_id: str,
        kind: str,
        subject_id: str,
        now_s: float,
        context: Context,
        scope: object = None,
    ) -> Answer:
        missing: Answer = None
        for edges, target in routes:
            for fact in facts_in(edges.forward.get(resource_id)):
                verdict = edges.holds(fact, now_s, context)
                if verdict is False:
                    continue
                found = target(fact.subject_id, kind, subject_id, now_s, context, scope)
                if found is None:
                    continue
                if verdict is True and not isinstance(found, Missing):
                    return (fact, found)
                missing = merged(missing, verdict, found)
        return missing

    return check


def any_of(parts: tuple[Check, ...], *, is_conditional: bool) -> Check:
    """Some part holds."""
    if len(parts) == 1:
        return parts[0]
    return _any_of_three_valued(parts) if is_conditional else _any_of_two_valued(parts)


def _any_of_two_valued(parts: tuple[Check, ...]) -> Check:
    if len(parts) > 2:
        half = len(parts) // 2
        parts = (_any_of_two_valued(parts[:half]), _any_of_two_valued(parts[half:]))
    if len(parts) == 1:
        return parts[0]
    first, second = parts

    def check(
        resource_id: str,
        kind: str,
        subject_id: str,
        now_s: float,
        context: Context,
        scope: object = None,
    ) -> Answer:
        return first(resource_id, kind, subject_id, now_s, context, scope) or second(
            resource_id, kind, subject_id, now_s, context, scope
        )

    return check


def _any_of_three_valued(parts: tuple[Check, ...]) -> Check:
    def check(
        resource_id: str,
        kind: str,
        subject_id: str,
        now_s: float,
        context: Context,
        scope: object = None,
    ) -> Answer:
        missing: Answer = None
        for part in parts:
            found = part(resource_id, kind, subject_id, now_s, context, scope)
            if found is None:
                continue
            if not isinstance(found, Missing):
                return found
            missing = merged(missing, found)
        return missing

    return check


def all_of(parts: tuple[Check, ...]) -> Check:
    """Every part holds; the proof is the parts' proofs."""

    def check(
        resource_id: str,
        kind: str,
        subject_id: str,
        now_s: float,
        context: Context,
        scope: object = None,
    ) -> Answer:
        proofs: list[Proof] = []
        missing: Answer = None
        for part in parts:
            found = part(resource_id, kind, subject_id, now_s, context, scope)
            if found is None:
                return None
            if isinstance(found, Missing):
                missing = merged(missing, found)
            else:
                proofs.append(found)
        return tuple(proofs) if missing is None else missing

    return check


def without(base: Check, minus: Check) -> Check:
    """`base` holds and `minus` does not; the proof is the base's.

    `minus` is decided in a scope of its own: what is still open around it must not count as an absence.
    """

    def check(
        resource_id: str,
        kind: str,
        subject_id: str,
        now_s: float,
        context: Context,
        scope: object = None,
    ) -> Answer:
        found = base(resource_id, kind, subject_id, now_s, context, scope)
        if found is None:
            return None
        against = minus(resource_id, kind, subject_id, now_s, context)
        if against is None:
            return found
        if isinstance(against, Missing):
            return merged(against, found)
        return None

    return check
