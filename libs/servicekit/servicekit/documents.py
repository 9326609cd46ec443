"""YAML documents of a service, checked against a JSON Schema; every fault is told with its file, line and path.

A service's documents and their schemas lie beside each other in one of its packages, which callers name.
"""

from __future__ import annotations

import json
from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml

from servicekit.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

Step = str | int

FAULTS_MAX = 100
REASON_CHARS_MAX = 500
TEXT_CHARS_MAX = 1_000_000
_LOADER = yaml.CSafeLoader


class InvalidPolicy(Invalid):
    """A policy file cannot be used; the text names file, line, path and reason."""

    def __init__(self, file: str, line: int, path: Sequence[Step], reason: str) -> None:
        self.line = line
        self.path = path_text(path)
        self.reason = reason
        where = f"{file}:{line}: {path_text(path)}: " if path else f"{file}:{line}: "
        super().__init__(f"{where}{reason}")


class Document:
    """One checked document: its `content`, and the lines that its parts stand on."""

    def __init__(self, file: str, content: Any, root: yaml.Node) -> None:
        self.content = content
        self._file = file
        self._root = root

    def fault(self, path: Sequence[Step], reason: str) -> InvalidPolicy:
        """The error that says what is wrong at a path."""
        return InvalidPolicy(self._file, _line_of(self._root, path), path, reason)

    def check_known(self, path: Sequence[Step], known: Collection[str]) -> None:
        """Raises `InvalidPolicy` when the word at a path is none of those that are known."""
        told = self.content
        for step in path:
            told = told[step]
        if told not in known:
            raise self.fault(path, f"{told!r} is none of {', '.join(known)}")


def load_document(package: str, name: str, override: Path | None = None) -> Document:
    """The file at `override`, or else the packaged `<name>.yaml`, valid by `<name>.schema.json`.

    Raises `InvalidPolicy`, also when the file cannot be read.
    """
    file, text = document_text(package, name, override)
    document = parsed(file, text)
    for fault in schema_faults(document, package, name):
        raise fault
    return document


def document_text(package: str, name: str, override: Path | None = None) -> tuple[str, str]:
    """The name and the text of the file at `override`, or of the packaged `<name>.yaml`; raises `InvalidPolicy`."""
    if override is None:
        return f"{name}.yaml", packaged(package, f"{name}.yaml")
    try:
        return override.name, override.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPolicy(override.name, 1, (), f"unreadable: {error}") from None


def parsed(file: str, text: str) -> Document:
    """A document whose parts nobody has checked yet; raises `InvalidPolicy` for what is no YAML, or too much of it."""
    if len(text) > TEXT_CHARS_MAX:
        raise InvalidPolicy(file, 1, (), f"longer than {TEXT_CHARS_MAX} characters")
    try:
        _refuse_bombs(file, text)
        root = yaml.compose(text, Loader=_LOADER)
        content = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidPolicy(file, line, (), str(error.problem)) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InvalidPolicy(file, 1, (), "is not YAML") from None
    if root is None:
        raise InvalidPolicy(file, 1, (), "the file is empty")
    document = Document(file, content, root)
    _refuse_repeated_keys(document, root, ())
    return document


def schema_faults(document: Document, package: str, name: str) -> list[InvalidPolicy]:
    """Where a document is not as `<name>.schema.json` wants it, by line."""
    validator = jsonschema.Draft202012Validator(
        json.loads(packaged(package, f"{name}.schema.json"))
    )
    found = []
    for error in islice(validator.iter_errors(document.content), FAULTS_MAX):
        fault = jsonschema.exceptions.best_match([error]) or error
        found.append(document.fault(list(fault.absolute_path), fault.message[:REASON_CHARS_MAX]))
    return sorted(found, key=lambda fault: fault.line)


def packaged(package: str, name: str) -> str:
    """The text of a file that comes with the service."""
    return (resources.files(package) / name).read_text(encoding="utf-8")


def path_text(path: Sequence[Step]) -> str:
    """A path as people write it: `rules[2].candidates.cover`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _refuse_bombs(file: str, text: str) -> None:
    """A few aliases of aliases would make a small file as large as one likes."""
    sizes: dict[str, int] = {}
    begun: list[tuple[str | None, int, int]] = []
    repeated = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            repeated += sizes.get(event.anchor or "", 0)
            if repeated > TEXT_CHARS_MAX:
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise InvalidPolicy(file, line, (), "aliases stand for too much")
        elif isinstance(event, yaml.CollectionStartEvent):
            begun.append((event.anchor, _place(event.start_mark), repeated))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, start, before = begun.pop()
            if anchor:
                sizes[anchor] = _place(event.end_mark) - start + repeated - before


def _place(mark: Any) -> int:
    return int(mark.index) if mark else 0


def _refuse_repeated_keys(document: Document, node: yaml.Node, path: tuple[Step, ...]) -> None:
    """YAML itself would let the last of two equal keys win without a word."""
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _refuse_repeated_keys(document, child, (*path, index))
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        for key, child in node.value:
            if keys.count(key.value) > 1:
                raise document.fault((*path, key.value), "stands here twice")
            _refuse_repeated_keys(document, child, (*path, key.value))


def _line_of(node: yaml.Node, path: Sequence[Step]) -> int:
    """The line, from 1, of the innermost part of the path that exists."""
    for step in path:
        child = _child(node, step)
        if child is None:
            break
        node = child
    return int(node.start_mark.line) + 1


def _child(node: yaml.Node, step: Step) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return node.value[step] if step < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((child for key, child in node.value if key.value == step), None)
    return None
