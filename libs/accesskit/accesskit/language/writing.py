"""From a model back to text, so that other engines can read it."""

from accesskit.language.model import (
    Computed,
    Condition,
    Direct,
    Exclusion,
    Intersection,
    Model,
    Restriction,
    Rewrite,
    Type,
    Union,
    Via,
)


def to_dsl(model: Model) -> str:
    """The model as text that `parse_model` and OpenFGA read; parsing it gives an equal model."""
    blocks = ["model\n  schema 1.1"]
    blocks += [_type(definition) for definition in model.types]
    blocks += [_condition(condition) for condition in model.conditions]
    return "\n\n".join(blocks) + "\n"


def _type(definition: Type) -> str:
    lines = [f"type {definition.name}"]
    if definition.relations:
        lines.append("  relations")
    lines += [f"    define {r.name}: {_rewrite(r.rewrite)}" for r in definition.relations]
    return "\n".join(lines)


def _rewrite(rewrite: Rewrite) -> str:
    match rewrite:
        case Direct(restrictions):
            return f"[{', '.join(_restriction(r) for r in restrictions)}]"
        case Computed(relation):
            return relation
        case Via(relation, link):
            return f"{relation} from {link}"
        case Union(parts):
            return " or ".join(_grouped(part) for part in parts)
        case Intersection(parts):
            return " and ".join(_grouped(part) for part in parts)
        case Exclusion(base, minus):
            return f"{_grouped(base)} but not {_grouped(minus)}"


def _grouped(rewrite: Rewrite) -> str:
    text = _rewrite(rewrite)
    return f"({text})" if isinstance(rewrite, Union | Intersection | Exclusion) else text


def _restriction(restriction: Restriction) -> str:
    text = restriction.type
    if restriction.relation:
        text = f"{text}#{restriction.relation}"
    if restriction.is_wildcard:
        text = f"{text}:*"
    return f"{text} with {restriction.condition}" if restriction.condition else text


def _condition(condition: Condition) -> str:
    parameters = ", ".join(f"{name}: {kind}" for name, kind in condition.parameters)
    return f"condition {condition.name}({parameters}) {{\n  {condition.expression}\n}}"
