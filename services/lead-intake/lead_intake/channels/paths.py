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
    return plain if plain is not None else expression.search


def _plain(node: dict[str, Any]) -> Search | None:
    match node:
        case {"type": "identity"}:
            return lambda document: document
        case {"type": "field", "value": str(name)}:
            return _field(name)
        case {"type": "subexpression", "children": children}:
            return _joined([_plain(child) for child in children], _chain)
        case {"type": "or_expression", "children": children}:
            return _joined([_plain(child) for child in children], _alternatives)
        case _:
            return None


def _joined(
    searches: list[Search | None], join: Callable[[Search, Search], Search]
) -> Search | None:
    first, second = searches
    return None if first is None or second is None else join(first, second)


def _field(name: str) -> Search:
    def search(document: Any) -> Any:
        return document.get(name) if isinstance(document, dict) else None

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
