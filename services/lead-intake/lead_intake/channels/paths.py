"""JMESPath expressions, compiled to closures where they are plain.

The library interprets its syntax tree anew for each search, at ten times the cost of a dictionary lookup; a channel's
mapping is almost all lookups. Whatever is not a field, a chain of fields or alternatives goes to the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import jmespath

if TYPE_CHECKING:
    from collections.abc import Callable

Search: TypeAlias = "Callable[[Any], Any]"


class InvalidPath(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A channel file holds a path that is no JMESPath expression."""


def compiled(path: str) -> Search:
    """What finds `path` in a decoded document; None when it is not there. Raises `InvalidPath`."""
    try:
        expression = jmespath.compile(path)
    except jmespath.exceptions.JMESPathError as error:
        raise InvalidPath(f"{path!r} is no JMESPath expression") from error
    plain = _plain(expression.parsed)
    return plain if plain is not None else _interpreted(expression)


def places(path: str) -> tuple[tuple[str, ...], ...] | None:
    """The first names, at most two, of each alternative of a valid plain path: without them it finds nothing.

    None for a path that is not plain.
    """
    return _places(jmespath.compile(path).parsed)


def _places(node: dict[str, Any]) -> tuple[tuple[str, ...], ...] | None:
    match node:
        case {"type": "field", "value": str(name)}:
            return ((name,),)
        case {"type": "subexpression", "children": [outer, inner]}:
            before, behind = _places(outer), _places(inner)
            is_chain = before is not None and behind is not None and len(before + behind) == 2
            return ((*before[0], *behind[0])[:2],) if is_chain else None  # type: ignore[index]
        case {"type": "or_expression", "children": [first, second]}:
            left, right = _places(first), _places(second)
            return None if left is None or right is None else left + right
        case _:
            return None


def _interpreted(expression: jmespath.parser.ParsedResult) -> Search:
    """The library's search; a function that meets a value of another type finds nothing."""

    def search(document: Any) -> Any:
        try:
            return expression.search(document)
        except jmespath.exceptions.JMESPathError:
            return None

    return search


def _plain(node: dict[str, Any]) -> Search | None:
    match node:
        case {"type": "identity" | "current"}:
            return _whole
        case {"type": "field", "value": str(name)}:
            return _field(name)
        case {"type": "subexpression", "children": [outer, inner]}:
            return _below(outer, inner)
        case {"type": "or_expression", "children": [first, second]}:
            siblings = _siblings(node)
            if siblings is not None:
                return _first_of(*siblings)
            return _joined(_plain(first), _plain(second), _alternatives)
        case _:
            return None


def _below(outer: dict[str, Any], inner: dict[str, Any]) -> Search | None:
    if outer["type"] == inner["type"] == "field":
        return _field_of(outer["value"], inner["value"])
    return _joined(_plain(outer), _plain(inner), _chain)


def _siblings(node: dict[str, Any]) -> tuple[str, list[str]] | None:
    """Parent and names of alternatives that are all fields of one parent; None when they are not."""
    match node:
        case {
            "type": "subexpression",
            "children": [
                {"type": "field", "value": str(parent)},
                {"type": "field", "value": str(name)},
            ],
        }:
            return parent, [name]
        case {"type": "or_expression", "children": [first, second]}:
            left, right = _siblings(first), _siblings(second)
            if left is not None and right is not None and left[0] == right[0]:
                return left[0], left[1] + right[1]
    return None


def _joined(
    first: Search | None, second: Search | None, join: Callable[[Search, Search], Search]
) -> Search | None:
    return None if first is None or second is None else join(first, second)


def _whole(document: Any) -> Any:
    return document


def _field(name: str) -> Search:
    def search(document: Any) -> Any:
        return document.get(name) if isinstance(document, dict) else None

    return search


def _field_of(parent: str, name: str) -> Search:
    def search(document: Any) -> Any:
        inner = document.get(parent) if isinstance(document, dict) else None
        return inner.get(name) if isinstance(inner, dict) else None

    return search


def _first_of(parent: str, names: list[str]) -> Search:
    has_none = frozenset(names).isdisjoint

    def search(document: Any) -> Any:
        inner = document.get(parent) if isinstance(document, dict) else None
        found = None
        if isinstance(inner, dict) and not has_none(inner):
            for name in names:
                found = inner.get(name)
                if found or not _is_false(found):
                    return found
        return found

    return search


def _chain(outer: Search, inner: Search) -> Search:
    def search(document: Any) -> Any:
        found = outer(document)
        return None if found is None else inner(found)

    return search


def _alternatives(first: Search, second: Search) -> Search:
    def search(document: Any) -> Any:
        found = first(document)
        return second(document) if _is_false(found) else found

    return search


def _is_false(found: Any) -> bool:
    """JMESPath's notion of false, in which 0 is a value."""
    return found is None or found is False or (isinstance(found, str | list | dict) and not found)
