"""Which keys of a document no rule of its channel reads: what a sender says and nobody hears.

Hidden decision: how it is known. The document is read once more by every rule, as a copy that notes which of its keys
are asked for; of alternatives in a path, all are asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jmespath
from jmespath.visitor import TreeInterpreter

from lead_intake.channels.reading_rules import PARENT

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterator, ValuesView

    from lead_intake.channels.reading_rules import Read, ReadingRules

PARTS_MAX = 1000
KEYS_MAX = 100
KEY_LENGTH_MAX = 120


def unread_keys(rules: ReadingRules, document: Any) -> list[str]:
    """Keys that no rule asks for, as paths in their order, at most 100; below one that is not read, none is named."""
    seen: set[str] = set()
    noted = _noted(document, "", seen)
    for condition in (rules.ignore, rules.expect):
        if condition is not None:
            _ask(condition.path, noted)
    _ask(rules.fan_out_path, noted)
    found = rules.fan_out(noted)
    parts = found if isinstance(found, list) and rules.fan_out_path != "@" else [found]
    for part in parts[:PARTS_MAX]:
        _ask_part(rules, part, noted)
    return [path[:KEY_LENGTH_MAX] for path in dict.fromkeys(_unread(document, "", seen))][:KEYS_MAX]


def unread_keys_of_body(rules: ReadingRules, body: Any) -> list[str]:
    """The same for a body that was fetched for one item: it is read by the mapping alone."""
    seen: set[str] = set()
    _ask_values(rules, _noted(body, "", seen))
    return [path[:KEY_LENGTH_MAX] for path in dict.fromkeys(_unread(body, "", seen))][:KEYS_MAX]


def _ask_part(rules: ReadingRules, part: Any, whole: Any) -> None:
    if rules.only is not None:
        _ask(rules.only.path, part)
    if rules.sees_parent and isinstance(part, _Noted):
        part.add(PARENT, whole)
    if rules.external_id is not None:
        _read(rules.external_id, part)
    if not rules.is_enriched:
        _ask_values(rules, part)


def _ask_values(rules: ReadingRules, part: Any) -> None:
    for required in rules.require:
        _ask(required.path, part)
    for prepared in rules.prepare:
        value = _read(prepared.read, part)
        if isinstance(part, _Noted):
            part.add(prepared.name, value)
    for rule in rules.reject:
        _read(rule.read, part)
    for _, read in rules.mapping:
        _read(read, part)


def _read(read: Read, part: Any) -> Any:
    _ask(read.path, part)
    found = read.search(part)
    if read.inner and isinstance(found, list):
        for element in found[:PARTS_MAX]:
            for inner in read.inner:
                _ask(inner.path, element)
    return read.via(found)


def _ask(path: str, document: Any) -> None:
    """Asks for what every alternative of a path names."""
    for alternative in _alternatives(jmespath.compile(path).parsed):
        try:
            TreeInterpreter().visit(alternative, document)
        except jmespath.exceptions.JMESPathError:
            continue


def _alternatives(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if node["type"] in ("or_expression", "and_expression"):
        for child in node["children"]:
            yield from _alternatives(child)
    else:
        yield node


def _noted(value: Any, place: str, seen: set[str]) -> Any:
    if isinstance(value, dict):
        inner = {key: _noted(each, _below(place, key), seen) for key, each in value.items()}
        return _Noted(inner, place, seen)
    if isinstance(value, list):
        return [_noted(each, f"{place}[]", seen) for each in value]
    return value


def _unread(value: Any, place: str, seen: set[str]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            inner = _below(place, key)
            if inner in seen:
                yield from _unread(each, inner, seen)
            else:
                yield inner
    elif isinstance(value, list):
        for each in value:
            yield from _unread(each, f"{place}[]", seen)


def _below(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


class _Noted(dict[str, Any]):
    """An object of the document that notes which of its keys are asked for."""

    def __init__(self, content: dict[str, Any], place: str, seen: set[str]) -> None:
        super().__init__(content)
        self._place = place
        self._seen = seen

    def add(self, key: str, value: Any) -> None:
        """Puts in what the reading itself adds."""
        super().__setitem__(key, value)

    def get(self, key: str, default: Any = None) -> Any:
        """The value, noted."""
        self._seen.add(_below(self._place, key))
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self._seen.add(_below(self._place, key))
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        self._seen.update([_below(self._place, key) for key in dict.keys(self)])
        return super().__iter__()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]  # the view of a plain copy
        """Every pair, all noted."""
        return dict(_pairs(self)).items()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]  # the view of a plain copy
        """Every value, all noted."""
        return dict(_pairs(self)).values()


def _pairs(noted: _Noted) -> Iterator[tuple[str, Any]]:
    """The pairs of an object, noted one by one."""
    for key in noted:
        yield key, noted[key]
