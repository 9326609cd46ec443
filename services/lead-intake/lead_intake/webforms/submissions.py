"""What a visitor sent: the fields of a form out of an urlencoded post, by their JSON pointers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from servicekit.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lead_intake.domain.form_schemas import Schema

PAIRS_MAX: Final = 300
DEPTH_MAX: Final = 6

TOKEN: Final = "_token"  # noqa: S105 - a field's name
TRAP: Final = "_website"
CONSENT: Final = "_consent"
LANGUAGE: Final = "_lang"
CLIENT_VERSION: Final = "_client_version"

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_DECIMAL = re.compile(r"[+-]?\d{1,18}(?:\.\d{1,18})?")


@dataclass(frozen=True, slots=True)
class Submission:
    """A post, taken apart: `values` are the visitor's own words by pointer. `repr` reveals nothing."""

    values: Mapping[str, Sequence[str]] = field(repr=False)
    controls: Mapping[str, str] = field(repr=False)

    def control(self, name: str) -> str:
        """What the page itself put into a field of its own; empty when it is not there."""
        return self.controls.get(name, "")

    def by_pointer(self) -> dict[str, Sequence[str]]:
        """The visitor's own words by the JSON pointer of their field."""
        return {
            name if name.startswith("/") else f"/{name}": given
            for name, given in self.values.items()
        }

    def fields(self, schema: Schema) -> dict[str, Any]:
        """The fields as JSON, with the types that the schema gives them; what was left empty is left out.

        Words that are no number where a number belongs stay words, and the schema objects to them.
        """
        made: dict[str, Any] = {}
        for pointer, values in self.values.items():
            given = [value.strip() for value in values if value.strip()]
            path = path_of(pointer)
            if given and path:
                _put(made, path, _typed(given, _schema_at(schema, path)))
        return made


def parse_submission(raw: bytes) -> Submission:
    """A post's fields; raises `Invalid` when they are not urlencoded UTF-8 or too many."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=PAIRS_MAX,
        )
    except ValueError:
        raise Invalid("the form cannot be read") from None
    values: dict[str, list[str]] = {}
    controls: dict[str, str] = {}
    for name, value in pairs:
        if name.startswith("_"):
            controls.setdefault(name, value)
        else:
            values.setdefault(name, []).append(value.replace("\r\n", "\n").replace("\0", ""))
    return Submission(values, controls)


def path_of(pointer: str) -> list[str]:
    """The names in a JSON pointer; a plain name is a field at the top. Empty when there are none or too many."""
    if not pointer.startswith("/"):
        return [pointer] if pointer else []
    path = [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]
    return path if len(path) <= DEPTH_MAX and all(path) else []


def types_of(schema: Any) -> frozenset[str]:
    """The types that a schema gives a field; empty where it gives none."""
    given = schema.get("type", ()) if isinstance(schema, dict) else ()
    return frozenset({given} if isinstance(given, str) else given)


def _put(made: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        following = made.setdefault(name, {})
        if not isinstance(following, dict):
            return
        made = following
    made.setdefault(path[-1], value)


def _schema_at(schema: Schema, path: list[str]) -> Any:
    found: Any = schema
    for name in path:
        found = found.get("properties", {}).get(name, {}) if isinstance(found, dict) else {}
    return found


def _typed(given: list[str], schema: Any) -> Any:
    types = types_of(schema)
    if "array" in types:
        items = schema.get("items", {})
        return [_one(value, items, types_of(items)) for value in given]
    return _one(given[0], schema, types)


def _one(value: str, schema: Any, types: frozenset[str]) -> Any:
    choices = schema.get("enum", ()) if isinstance(schema, dict) else ()
    for choice in choices:
        if not isinstance(choice, str) and str(choice) == value:
            return choice
    if "string" in types or not types:
        return value
    if types & {"integer", "number"} and _INTEGER.fullmatch(value):
        return int(value)
    if "number" in types and _DECIMAL.fullmatch(value):
        return float(value)
    if "boolean" in types and value in ("true", "false"):
        return value == "true"
    return value
