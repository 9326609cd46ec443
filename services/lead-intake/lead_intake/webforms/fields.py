"""What a page shows of a schema: one control for each field that a person can fill in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lead_intake.webforms.submissions import types_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lead_intake.domain.form_schemas import Schema

LONG_TEXT: Final = 200
DEPTH_MAX: Final = 4

_INPUTS: Final = {"email": "email", "uri": "url", "tel": "tel", "date": "date"}
_BOUNDS: Final = {
    "minLength": "minlength", "maxLength": "maxlength", "minimum": "min", "maximum": "max",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """One value to choose."""

    value: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Control:
    """One control of a page; `values` are the visitor's own words, `error` a rule that they break.

    `kind` is text, long_text, choice, choices, check or group; `attributes` are those of the HTML element.
    """

    kind: str
    pointer: str
    element_id: str
    label: str
    hint: str = ""
    is_required: bool = False
    error: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    value: str = ""
    choices: tuple[Choice, ...] = ()
    parts: tuple[Control, ...] = ()


@dataclass(frozen=True, slots=True)
class Filled:
    """What is known when a page is shown: the language, the words sent, and which rule each pointer breaks."""

    language: str
    values: Mapping[str, Sequence[str]]
    errors: Mapping[str, str]


def controls_of(
    schema: Schema, filled: Filled, at: str = "", *, depth: int = 0
) -> Iterator[Control]:
    """The controls of an object's fields, in the order in which the schema names them."""
    required = set(schema.get("required", ()))
    for name, part in schema.get("properties", {}).items():
        if isinstance(part, dict) and depth < DEPTH_MAX:
            pointer = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
            yield _control(
                name, part, pointer, filled, is_required=name in required, depth=depth + 1
            )


def _control(
    name: str, schema: Schema, pointer: str, filled: Filled, *, is_required: bool, depth: int
) -> Control:
    kind = _kind_of(schema)
    given = filled.values.get(pointer, ())
    value = given[0] if given else str(schema.get("default", ""))
    return Control(
        kind=kind,
        pointer=pointer,
        element_id="f" + pointer.encode().hex(),
        label=_said(schema, "title", filled.language) or name,
        hint=_said(schema, "description", filled.language),
        is_required=is_required,
        error=filled.errors.get(pointer, ""),
        attributes=tuple(_attributes(schema, kind, is_required=is_required)),
        value=value,
        choices=_choices(schema, kind, given or (value,)),
        parts=tuple(controls_of(schema, filled, pointer, depth=depth)) if kind == "group" else (),
    )


def _kind_of(schema: Schema) -> str:
    types = types_of(schema)
    if "properties" in schema:
        return "group"
    if "array" in types:
        return "choices" if "enum" in _items(schema) else "text"
    if "enum" in schema or "const" in schema:
        return "choice"
    if types == {"boolean"}:
        return "check"
    return "long_text" if schema.get("maxLength", 0) > LONG_TEXT else "text"


def _items(schema: Schema) -> Schema:
    items = schema.get("items", {})
    return items if isinstance(items, dict) else {}


def _choices(schema: Schema, kind: str, given: Sequence[str]) -> tuple[Choice, ...]:
    if kind not in ("choice", "choices"):
        return ()
    source = _items(schema) if kind == "choices" else schema
    values = [source["const"]] if "const" in source else source["enum"]
    shown = [_written(value) for value in values if value is not None]
    return tuple(Choice(value, is_chosen=value in given) for value in shown)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _attributes(schema: Schema, kind: str, *, is_required: bool) -> Iterator[tuple[str, str]]:
    if is_required and kind in ("text", "long_text", "choice"):
        yield "required", "required"
    if kind not in ("text", "long_text"):
        return
    if kind == "text":
        yield from _input_type(schema)
    for keyword, attribute in _BOUNDS.items():
        if keyword in schema:
            yield attribute, str(schema[keyword])
    if kind == "text" and "pattern" in schema:
        yield "pattern", _html_pattern(schema["pattern"])


def _input_type(schema: Schema) -> Iterator[tuple[str, str]]:
    types = types_of(schema)
    if types & {"integer", "number"} and "string" not in types:
        yield "type", "number"
        yield "step", "any" if "number" in types else str(schema.get("multipleOf", 1))
    else:
        yield "type", _INPUTS.get(schema.get("format", ""), "text")


def _html_pattern(pattern: str) -> str:
    """HTML anchors a pattern at both ends; JSON Schema does not."""
    start = "" if pattern.startswith("^") else ".*"
    end = "" if pattern.endswith("$") and not pattern.endswith("\\$") else ".*"
    return f"{start}(?:{pattern}){end}"


def _said(schema: Schema, note: str, language: str) -> str:
    """A note of the schema in the page's language: `title` is Chinese, `x-title-en` English."""
    own = schema.get(f"x-{note}-en") if language == "en" else None
    return str(own or schema.get(note, ""))
