"""What differs between two versions of a schema: one line for each change, with its place and what it does.

The lines explain; whether anything breaks is proved in `compatibility`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lead_intake.domain.form_schemas import Schema


class Effect(StrEnum):
    """What a change does to what was valid before."""

    HARMLESS = "harmless"
    BREAKING = "breaking"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Change:
    """One change: JSON pointer of the field (`/items/*` for every element), its kind, its effect, and why."""

    pointer: str
    kind: str
    effect: Effect
    reason: str


_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_LOWER: Final = {
    "minimum": "bound", "exclusiveMinimum": "bound", "minLength": "length",
    "minItems": "items_bound", "minProperties": "properties_bound",
}  # fmt: skip
_UPPER: Final = {
    "maximum": "bound", "exclusiveMaximum": "bound", "maxLength": "length",
    "maxItems": "items_bound", "maxProperties": "properties_bound",
}  # fmt: skip
_CONDITIONS: Final = ("if", "then", "else", "dependentRequired", "dependentSchemas")
_COMPOSED: Final = (
    "allOf", "anyOf", "oneOf", "not", "patternProperties", "propertyNames", "contains", "prefixItems", "multipleOf",
)  # fmt: skip


def changes(old: Any, new: Any, at: str = "") -> Iterator[Change]:
    """What differs between two schemas of one field, outermost first."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield _undecided(at, "schema_changed", "the schema as a whole was replaced")
        return
    yield from _types(old, new, at)
    yield from _values(old, new, at)
    yield from _bounds(old, new, at)
    yield from _patterns(old, new, at)
    yield from _required(old, new, at)
    yield from _fields(old, new, at)
    yield from _conditions(old, new, at)
    if old.get("items") != new.get("items"):
        yield from changes(old.get("items", {}), new.get("items", {}), f"{at}/*")


def _types(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    before, after = _type_names(old), _type_names(new)
    lost = {name for name in before - after if not (name == "integer" and "number" in after)}
    if lost:
        yield _breaking(at, "type_narrowed", f"{_listed(lost)} is no longer accepted")
    elif before != after:
        yield _harmless(at, "type_widened", f"{_listed(after - before)} is accepted as well")


def _type_names(schema: Schema) -> frozenset[str]:
    given = schema.get("type", _TYPES)
    return frozenset({given} if isinstance(given, str) else given)


def _values(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    before, after = _choices(old), _choices(new)
    if before == after or (before is None and after is None):
        return
    if after is None:
        yield _harmless(at, "enum_removed", "any value is accepted")
    elif before is None:
        yield _breaking(at, "enum_tightened", "only listed values are accepted")
    else:
        yield from _listed_values(before, after, at)


def _listed_values(before: list[Any], after: list[Any], at: str) -> Iterator[Change]:
    lost = [value for value in before if value not in after]
    if lost:
        reason = f"{len(lost)} of {len(before)} values are no longer accepted"
        yield _breaking(at, "enum_tightened", reason)
    if any(value not in before for value in after):
        yield _harmless(at, "enum_widened", "more values are accepted")


def _choices(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return schema.get("enum")


def _bounds(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    for keyword, kind in {**_LOWER, **_UPPER}.items():
        before, after = old.get(keyword), new.get(keyword)
        if before == after:
            continue
        is_tighter = after is not None and (
            before is None or (after > before if keyword in _LOWER else after < before)
        )
        told = f"{keyword} was {_shown(before)} and is {_shown(after)}"
        effect = Effect.BREAKING if is_tighter else Effect.HARMLESS
        yield Change(at, f"{kind}_{'tightened' if is_tighter else 'loosened'}", effect, told)
    if new.get("uniqueItems") and not old.get("uniqueItems"):
        yield _breaking(at, "items_bound_tightened", "elements must be unique")


def _patterns(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    before, after = old.get("pattern"), new.get("pattern")
    if before == after:
        return
    if after is None:
        yield _harmless(at, "pattern_removed", "any text is accepted")
    elif before is None:
        yield _breaking(at, "pattern_tightened", "a text must match a pattern")
    else:
        yield _undecided(at, "pattern_changed", "a text must match another pattern")


def _required(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(after - before):
        yield _breaking(f"{at}/{_token(name)}", "required_added", "the field must be there")
    for name in sorted(before - after):
        yield _harmless(f"{at}/{_token(name)}", "required_removed", "the field may be left out")


def _fields(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    before, after = old.get("properties", {}), new.get("properties", {})
    lost, added = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
    is_closed = new.get("additionalProperties") is False
    for name in lost:
        heirs = [other for other in added if after[other] == before[name]]
        yield _lost_field(f"{at}/{_token(name)}", heirs, is_closed=is_closed)
    for name in added:
        yield _harmless(f"{at}/{_token(name)}", "field_added", "the field is new")
    if is_closed and old.get("additionalProperties") is not False:
        yield _undecided(at, "closed", "fields that are not named are no longer accepted")
    for name in sorted(before.keys() & after.keys()):
        yield from changes(before[name], after[name], f"{at}/{_token(name)}")


def _lost_field(at: str, heirs: list[str], *, is_closed: bool) -> Change:
    kind = "field_renamed" if len(heirs) == 1 else "field_removed"
    told = f"the field is called {heirs[0]}" if len(heirs) == 1 else "the field is gone"
    if is_closed:
        return _breaking(at, kind, f"{told}, and fields that are not named are refused")
    return _harmless(at, kind, f"{told}; what is sent in it is kept and not checked")


def _conditions(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    if any(old.get(keyword) != new.get(keyword) for keyword in _CONDITIONS):
        names = sorted(_demanded(new) - _demanded(old))
        for name in names:
            told = "the field must be there when a condition holds"
            yield _breaking(f"{at}/{_token(name)}", "conditional_required", told)
        if not names:
            yield _undecided(at, "condition_changed", "what holds under a condition was changed")
    for keyword in _COMPOSED:
        if old.get(keyword) != new.get(keyword):
            yield _undecided(at, f"{keyword}_changed", f"{keyword} was changed")
    before, after = old.get("additionalProperties"), new.get("additionalProperties")
    if before != after and isinstance(after, dict):
        yield _undecided(at, "additional_changed", "fields that are not named are checked")


def _demanded(schema: Schema) -> set[str]:
    """Fields that are required under a condition."""
    found = {name for names in schema.get("dependentRequired", {}).values() for name in names}
    branches = [
        schema.get("then"),
        schema.get("else"),
        *schema.get("dependentSchemas", {}).values(),
    ]
    for branch in branches:
        if isinstance(branch, dict):
            found |= set(branch.get("required", ())) | _demanded(branch)
    return found


def _harmless(at: str, kind: str, reason: str) -> Change:
    return Change(at, kind, Effect.HARMLESS, reason)


def _breaking(at: str, kind: str, reason: str) -> Change:
    return Change(at, kind, Effect.BREAKING, reason)


def _undecided(at: str, kind: str, reason: str) -> Change:
    return Change(at, kind, Effect.UNDECIDED, reason)


def _token(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _listed(names: set[str] | frozenset[str]) -> str:
    return " or ".join(sorted(names)) or "nothing"


def _shown(bound: Any) -> str:
    return "absent" if bound is None else str(bound)
