"""The schemas of forms: the subset of JSON Schema that a form is written in, and what a client sends by one.

Hidden decision: what "the fields that a client sends" means. A client sends only what its form version names, so an
object that says nothing about further fields is taken for closed when two versions are compared, and for open when a
delivery is judged.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import jsonschema_rs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

Schema: TypeAlias = dict[str, Any]

SCHEMA_BYTES_MAX: Final = 64 * 1024
DEPTH_MAX: Final = 12
PATTERNS: Final = jsonschema_rs.RegexOptions()
"""Patterns run in linear time whatever a stranger writes; look-around and back references are refused."""

PLAIN: Final = frozenset(
    {
        "type", "enum", "const", "required", "dependentRequired", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "minItems", "maxItems",
        "uniqueItems", "minProperties", "maxProperties",
    }
)  # fmt: skip
NAMED: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
LISTED: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
SINGLE: Final = frozenset(
    {"items", "additionalProperties", "propertyNames", "if", "then", "else", "not", "contains"}
)
NOTES: Final = frozenset(
    {"$schema", "$comment", "title", "description", "default", "examples", "format", "deprecated"}
)
_IN_PLACE: Final = ("allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas")


class InvalidSchema(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A schema is none, or uses what forms do not know; the text names the place."""


def check_schema(schema: Any) -> Schema:
    """The schema of a form's fields, as given; raises `InvalidSchema`.

    It describes an object with named properties and uses the keywords above and notes (`x-...` included); `format` is a
    note, as JSON Schema says.
    """
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise InvalidSchema("/type: a form's fields are an object")
    if not isinstance(schema.get("properties"), dict):
        raise InvalidSchema("/properties: a form names its fields")
    if len(json.dumps(schema)) > SCHEMA_BYTES_MAX:
        raise InvalidSchema(f"/: a schema has at most {SCHEMA_BYTES_MAX} bytes")
    _check_keywords(schema, "", depth=0)
    try:
        compiled(schema)
    except jsonschema_rs.ValidationError as error:
        place = "/".join(["", *map(str, error.instance_path)])
        raise InvalidSchema(f"{place}: {error.message[:200]}") from None
    return schema


def compiled(schema: Schema) -> jsonschema_rs.Draft202012Validator:
    """The schema, ready to validate in a microsecond; raises `jsonschema_rs.ValidationError`."""
    return jsonschema_rs.Draft202012Validator(schema, pattern_options=PATTERNS, offline=True)


def fields_of(schema: Schema) -> frozenset[str]:
    """The fields that a schema names at its top."""
    return frozenset(schema["properties"])


def names_in(schema: Any) -> Iterator[str]:
    """Every field name that a schema says something about, at any depth."""
    if not isinstance(schema, dict):
        return
    yield from schema.get("properties", ())
    yield from schema.get("required", ())
    for names in schema.get("dependentRequired", {}).values():
        yield from names
    for _, part in parts_of(schema):
        yield from names_in(part)


def judging(schema: Schema, *, newer: Mapping[str, Any], unknown: Collection[str]) -> Schema:
    """The schema for a client that is older than it, or than others.

    Fields in `unknown`, which the client's form does not have, are not required; fields in `newer`, which came after
    this schema, are welcome in it, with their own schemas.
    """
    made = dict(schema)
    if unknown and "required" in schema:
        made["required"] = [name for name in schema["required"] if name not in unknown]
    if schema.get("additionalProperties") is False:
        made["properties"] = {**newer, **schema["properties"]}
    return made


def sent_by(schema: Schema) -> Schema:
    """What a client sends by a schema: valid, and nothing that the schema does not name."""
    made = dict(schema)
    if "properties" in made:
        made["properties"] = {name: _sent(part) for name, part in made["properties"].items()}
        if "additionalProperties" not in made and "patternProperties" not in made:
            others = _named_in_place(schema) - {*made["properties"]}
            made["properties"] |= {name: {} for name in others}
            made["additionalProperties"] = False
    if "items" in made:
        made["items"] = _sent(made["items"])
    return made


def parts_of(schema: Schema) -> Iterator[tuple[str, Any]]:
    """The schemas directly within a schema, with their places."""
    for keyword in SINGLE & schema.keys():
        yield keyword, schema[keyword]
    for keyword in LISTED & schema.keys():
        yield from ((f"{keyword}/{number}", part) for number, part in enumerate(schema[keyword]))
    for keyword in NAMED & schema.keys():
        yield from ((f"{keyword}/{name}", part) for name, part in schema[keyword].items())


def pointer(path: Sequence[str | int], known: Collection[str]) -> str:
    """A JSON pointer; names that are not known are written `*`, for they are a stranger's words."""
    parts = [str(part) if isinstance(part, int) or part in known else "*" for part in path]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def _sent(part: Any) -> Any:
    return sent_by(part) if isinstance(part, dict) else part


def _named_in_place(schema: Schema) -> set[str]:
    """Fields that the parts of a schema which look at the same object name."""
    found: set[str] = set()
    for place, part in parts_of(schema):
        if place.partition("/")[0] in _IN_PLACE and isinstance(part, dict):
            found |= {*part.get("properties", ()), *part.get("required", ())}
            found |= _named_in_place(part)
    return found | set(schema.get("required", ()))


def _check_keywords(schema: Any, place: str, *, depth: int) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise InvalidSchema(f"{place}: not a schema")
    if depth > DEPTH_MAX:
        raise InvalidSchema(f"{place}: nested deeper than {DEPTH_MAX}")
    for keyword, value in schema.items():
        _check_form(keyword, value, place)
    for name, part in parts_of(schema):
        _check_keywords(part, f"{place}/{name}", depth=depth + 1)


def _check_form(keyword: str, value: Any, place: str) -> None:
    if keyword in NAMED and not isinstance(value, dict):
        raise InvalidSchema(f"{place}/{keyword}: not a mapping")
    if keyword in LISTED and not isinstance(value, list):
        raise InvalidSchema(f"{place}/{keyword}: not a list")
    known = PLAIN | NAMED | LISTED | SINGLE | NOTES
    if keyword not in known and not keyword.startswith("x-"):
        raise InvalidSchema(f"{place}/{keyword}: forms do not know this keyword")
