"""A YAML document checked against its JSON Schema; each fault names its file, its line and its path."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml
from servicekit.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_PACKAGE = "notification.policies"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class InvalidPolicy(Invalid):
    """A policy cannot be used; the text says where and why."""


class Document:
    """A document that fits its schema. `content` is what it says."""

    def __init__(self, file: str, text: str, schema: dict[str, Any]) -> None:
        self._file = file
        try:
            root = yaml.compose(text, Loader=_LOADER)
            self.content: Any = yaml.load(text, Loader=_LOADER)  # noqa: S506 - one of the safe ones
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line = mark.line + 1 if mark else 1
            raise InvalidPolicy(f"{file}:{line}: {error.problem}") from None
        if root is None:
            raise InvalidPolicy(f"{file}:1: the file is empty")
        self._lines = dict(_lines(root, ()))
        for path in self._lines.pop(_TWICE, []):
            raise self.fault(path, "stands here twice")
        fault = jsonschema.exceptions.best_match(
            jsonschema.Draft202012Validator(schema).iter_errors(self.content)
        )
        if fault is not None:
            raise self.fault(list(fault.absolute_path), fault.message)

    def fault(self, path: Sequence[str | int], reason: str) -> InvalidPolicy:
        """The error that says what is wrong at a path."""
        known = tuple(path)
        while known not in self._lines:
            known = known[:-1]
        where = ".".join(str(step) for step in path)
        return InvalidPolicy(f"{self._file}:{self._lines[known]}: {where}: {reason}")


def load_document(name: str, override: Path | None = None) -> Document:
    """The file at `override`, or the packaged `<name>.yaml`, which fits its schema; raises `InvalidPolicy`."""
    schema = json.loads(_packaged(f"{name}.schema.json"))
    if override is None:
        return Document(f"{name}.yaml", _packaged(f"{name}.yaml"), schema)
    try:
        text = override.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPolicy(f"{override.name}:1: unreadable: {type(error).__name__}") from None
    return Document(override.name, text, schema)


_TWICE: Any = "twice"


def _lines(node: yaml.Node, path: tuple[str | int, ...]) -> Iterator[tuple[Any, Any]]:
    """The line of every part, by its path; under `_TWICE`, the paths of keys that stand twice."""
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _lines(child, (*path, index))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, child in node.value:
            if key.value in seen:
                yield _TWICE, [(*path, key.value)]
            seen.add(key.value)
            yield from _lines(child, (*path, key.value))


def _packaged(name: str) -> str:
    return (resources.files(_PACKAGE) / name).read_text(encoding="utf-8")
