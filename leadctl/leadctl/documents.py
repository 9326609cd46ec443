"""Reads the YAML files that operators apply; a fault is told with its file and place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import typer
import yaml
from google.protobuf.json_format import ParseDict, ParseError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from google.protobuf.message import Message

M = TypeVar("M", bound="Message")


def load_entries(file: Path, key: str, entry: Callable[[], M]) -> list[M]:
    """The list under `key` in `file`, each entry as the message that `entry` makes.

    Raises `typer.BadParameter` (exit code 2) naming the file, the entry and the reason, when the file
    cannot be read, has another shape, or names a field that the contract does not have.
    """
    content = _content(file)
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list) or set(content) != {key}:
        raise typer.BadParameter(f"{file}: expected one list named {key}")
    return [_message(file, f"{key}[{n}]", value, entry()) for n, value in enumerate(entries)]


def _content(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file}: {error}") from None
    except yaml.YAMLError as error:
        raise typer.BadParameter(f"{file}: {' '.join(str(error).split())}") from None


def _message(file: Path, place: str, value: Any, message: M) -> M:
    if not isinstance(value, dict):
        raise typer.BadParameter(f"{file}: {place} is not a mapping")
    try:
        ParseDict(value, message)
    except ParseError as error:
        raise typer.BadParameter(f"{file}: {place}: {' '.join(str(error).split())}") from None
    return message
