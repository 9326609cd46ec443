"""What a model must be beyond its grammar: names that exist, relations that can hold, no negative recursion."""

from collections.abc import Iterable, Iterator
from typing import Final

from accesskit.language.conditions import compile_condition
from accesskit.language.model import (
    NOWHERE,
    BadModel,
    Computed,
    Condition,
    Direct,
    Exclusion,
    Intersection,
    Model,
    Position,
    Relation,
    Restriction,
    Rewrite,
    Type,
    Union,
    Via,
    leaves_of,
    linked_types,
    parts_of,
)

TYPES_MAX: Final = 100
RELATIONS_MAX: Final = 100
RELATIONS_IN_ALL_MAX: Final = 500
LEAVES_MAX: Final = 64
RESTRICTIONS_MAX: Final = 64
CONDITIONS_MAX: Final = 25
NAME_CHARS_MAX: Final = 50
_RESERVED: Final = frozenset({"and", "but", "define", "from", "not", "or", "self", "this", "with"})

Node = tuple[str, str]


def validate_model(model: Model) -> None:
    """Raises `BadModel`, with the place in the text where it is known."""
    _refuse_excess(model.types, TYPES_MAX, "types")
    _refuse_excess(model.conditions, CONDITIONS_MAX, "conditions")
    relations = tuple(relation for each in model.types for relation in each.relations)
    _refuse_excess(relations, RELATIONS_IN_ALL_MAX, "relations in all")
    _check_names(model.types)
    _check_names(model.conditions)
    for condition in model.conditions:
        compile_condition(condition)
    for definition in model.types:
        _refuse_excess(definition.relations, RELATIONS_MAX, f"relations of {definition.name}")
        _check_names(definition.relations)
        for relation in definition.relations:
            _Reader(model, definition.name).check(relation.rewrite, relation.at)
    places = {(t.name, r.name): r.at for t in model.types for r in t.relations}
    _refuse_loops(model, places)
    _refuse_negative_recursion(model, places)
    _refuse_impossible(model, places)


def targets_of(model: Model, type_name: str, leaf: Direct | Computed | Via) -> tuple[Node, ...]:
    """The (type, relation) pairs on which a leaf of a relation of `type_name` depends."""
    match leaf:
        case Direct(restrictions):
            return tuple((r.type, r.relation) for r in restrictions if r.relation)
        case Computed(relation):
            return ((type_name, relation),)
        case Via(relation, link):
            types = linked_types(model.rewrites[type_name, link])
            return tuple((t, relation) for t in types if (t, relation) in model.rewrites)


def dependencies(model: Model) -> dict[Node, tuple[Node, ...]]:
    """What each relation depends on directly."""
    return {
        (type_name, name): tuple(
            target for leaf in leaves_of(rewrite) for target in targets_of(model, type_name, leaf)
        )
        for (type_name, name), rewrite in model.rewrites.items()
    }


def reachable(graph: dict[Node, tuple[Node, ...]], starts: Iterable[Node]) -> set[Node]:
    """Every node on a path from `starts`, themselves included."""
    found: set[Node] = set()
    waiting = list(starts)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(graph[node])
    return found


class _Reader:
    """Checks one type's rewrites against the model."""

    def __init__(self, model: Model, type_name: str) -> None:
        self._model = model
        self._type = type_name
        self._conditions = {condition.name for condition in model.conditions}

    def check(self, rewrite: Rewrite, at: Position) -> None:
        leaves = leaves_of(rewrite)
        _refuse_excess(leaves, LEAVES_MAX, "operands", at)
        for leaf in leaves[1:]:
            if isinstance(leaf, Direct):
                raise BadModel("a list of types stands first, and once", leaf.at)
        for leaf in leaves:
            self._leaf(leaf)

    def _leaf(self, leaf: Direct | Computed | Via) -> None:
        match leaf:
            case Direct(restrictions, at):
                self._direct(restrictions, at)
            case Computed(relation, at):
                self._known(relation, at)
            case Via(relation, link, at):
                self._known(link, at)
                self._via(relation, link, at)

    def _known(self, relation: str, at: Position) -> None:
        if (self._type, relation) not in self._model.rewrites:
            raise BadModel(f"{self._type} has no relation {relation}", at)

    def _direct(self, restrictions: tuple[Restriction, ...], at: Position) -> None:
        _refuse_excess(restrictions, RESTRICTIONS_MAX, "kinds of subject", at)
        if len(set(restrictions)) < len(restrictions):
            raise BadModel("a kind of subject is listed twice", at)
        for restriction in restrictions:
            if restriction.type not in self._model.type_names:
                raise BadModel(f"there is no type {restriction.type}", restriction.at)
            if restriction.relation:
                self._userset(restriction)
            if restriction.condition and restriction.condition not in self._conditions:
                raise BadModel(f"there is no condition {restriction.condition}", restriction.at)

    def _userset(self, restriction: Restriction) -> None:
        if (restriction.type, restriction.relation) not in self._model.rewrites:
            raise BadModel(
                f"{restriction.type} has no relation {restriction.relation}", restriction.at
            )

    def _via(self, relation: str, link: str, at: Position) -> None:
        rewrite = self._model.rewrites[self._type, link]
        if not isinstance(rewrite, Direct) or any(
            r.is_wildcard or r.relation for r in rewrite.restrictions
        ):
            raise BadModel(f"{link} must list plain types only, to be followed by `from`", at)
        if not any((t, relation) in self._model.rewrites for t in linked_types(rewrite)):
            raise BadModel(f"no type of {link} has a relation {relation}", at)


def _refuse_excess(
    things: tuple[object, ...], count_max: int, what: str, at: Position = NOWHERE
) -> None:
    if len(things) > count_max:
        raise BadModel(f"more than {count_max} {what}", at)


def _check_names(named: tuple[Type | Relation | Condition, ...]) -> None:
    seen: set[str] = set()
    for each in named:
        if each.name in seen:
            raise BadModel(f"{each.name} is defined twice", each.at)
        if each.name in _RESERVED or len(each.name) > NAME_CHARS_MAX:
            raise BadModel("this name is reserved or too long", each.at)
        seen.add(each.name)


def _refuse_loops(model: Model, places: dict[Node, Position]) -> None:
    graph = {
        (type_name, name): tuple(
            (type_name, leaf.relation) for leaf in leaves_of(rewrite) if isinstance(leaf, Computed)
        )
        for (type_name, name), rewrite in model.rewrites.items()
    }
    for node, targets in graph.items():
        if node in reachable(graph, targets):
            raise BadModel(f"{node[1]} is defined by itself", places[node])


def _refuse_impossible(model: Model, places: dict[Node, Position]) -> None:
    possible: set[Node] = set()
    size = -1
    while size < len(possible):
        size = len(possible)
        for (type_name, name), rewrite in model.rewrites.items():
            if _can_hold(model, type_name, rewrite, possible):
                possible.add((type_name, name))
    for node in model.rewrites:
        if node not in possible:
            raise BadModel(f"{node[1]} can never hold: nobody can be the first", places[node])


def _can_hold(model: Model, type_name: str, rewrite: Rewrite, possible: set[Node]) -> bool:
    match rewrite:
        case Direct(restrictions):
            return any(not r.relation or (r.type, r.relation) in possible for r in restrictions)
        case Computed() | Via():
            return any(target in possible for target in targets_of(model, type_name, rewrite))
        case Union(parts):
            return any(_can_hold(model, type_name, part, possible) for part in parts)
        case Intersection(parts):
            return all(_can_hold(model, type_name, part, possible) for part in parts)
        case Exclusion(base, minus):
            return _can_hold(model, type_name, base, possible) and _can_hold(
                model, type_name, minus, possible
            )


def _refuse_negative_recursion(model: Model, places: dict[Node, Position]) -> None:
    graph = dependencies(model)
    for node, rewrite in model.rewrites.items():
        for minus in _subtracted(rewrite):
            starts = [t for leaf in leaves_of(minus) for t in targets_of(model, node[0], leaf)]
            if node in reachable(graph, starts):
                raise BadModel(f"{node[1]} depends on its own absence", places[node])


def _subtracted(rewrite: Rewrite) -> Iterator[Rewrite]:
    if isinstance(rewrite, Exclusion):
        yield rewrite.minus
    for part in parts_of(rewrite):
        yield from _subtracted(part)
