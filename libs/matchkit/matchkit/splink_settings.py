"""The same model as Splink settings, to estimate weights again where data outgrows one machine (DuckDB, Spark).

Values are normalised here, by `normalised_rows`; SQL only compares. Levels that SQL cannot tell apart are estimated
together and shared out again, by `from_splink`, as they were before. Groups and crossings have no counterpart: their
fields are exported as if they were independent, which is what estimating `m` and `u` asks for.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from matchkit.errors import ModelInvalid
from matchkit.fields import Weight
from matchkit.kinds.text import CLOSE, ONE_EDIT_LENGTH_MIN, SIMILAR
from matchkit.scoring import bits_of, posterior

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from matchkit.fields import Field
    from matchkit.kinds import Kind, Value
    from matchkit.model import Features, Model

Dialect = Literal["duckdb", "spark"]
CHANCE_MIN = 1e-9

# Splink ships the Spark functions in a jar of its own; DuckDB has them built in under these names.
JARO_WINKLER = MappingProxyType({"duckdb": "jaro_winkler_similarity", "spark": "jaro_winkler"})
EDIT = "damerau_levenshtein({0}_l, {0}_r) <= 1"
EXACT = "{0}_l = {0}_r"  # Splink adjusts by frequency only what it sees to be plain equality

SqlLevels = tuple[tuple[tuple[str, ...], str], ...]
"""Which of a kind's levels a condition covers, the strongest first; what none covers is the rest."""

SQL_LEVELS: Mapping[str, SqlLevels] = MappingProxyType(
    {
        "text": (
            (("exact",), EXACT),
            (
                ("one_edit",),
                f"{EDIT} AND least(length({{0}}_l), length({{0}}_r)) >= {ONE_EDIT_LENGTH_MIN}",
            ),
            (("close",), f"{{jw}}({{0}}_l, {{0}}_r) >= {CLOSE}"),
            (("similar",), f"{{jw}}({{0}}_l, {{0}}_r) >= {SIMILAR}"),
        ),
        "digits": ((("exact",), EXACT), (("one_slip",), EDIT)),
        "date": (
            (("exact",), EXACT),
            (("one_slip",), EDIT),
            (("day_month_swapped", "two_parts", "year"), "{0}__year_l = {0}__year_r"),
        ),
        "email": (
            (("exact",), EXACT),
            (("one_slip",), EDIT),
            (("same_mailbox_name",), "{0}__mailbox_l = {0}__mailbox_r"),
        ),
        "person_name": (
            (("exact",), EXACT),
            (("same_pinyin", "homophone"), "{0}__pinyin_l = {0}__pinyin_r"),
            (("initial",), "{0}__initials_l = {0}__initials_r"),
            (
                ("one_character", "surname_only", "same_surname"),
                "{0}__surname_l = {0}__surname_r",
            ),
        ),
    }
)


def splink_settings(model: Model, *, dialect: Dialect = "duckdb") -> dict[str, Any]:
    """Settings that `splink.Linker` takes, for rows made by `normalised_rows`.

    Raises `ModelInvalid` when the model has no weights to begin from.
    """
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "sql_dialect": dialect,
        "probability_two_random_records_match": posterior(model.prior_bits),
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": f"l.key_{at} = r.key_{at}", "sql_dialect": dialect}
            for at in range(len(model.rules))
        ],
        "comparisons": [
            _comparison(field, kind, dialect)
            for field, kind in zip(model.fields, model.kinds, strict=True)
        ],
        "retain_intermediate_calculation_columns": False,
        "retain_matching_columns": False,
    }


def normalised_rows(
    model: Model, rows: Iterable[Features]
) -> Iterator[dict[str, str | int | None]]:
    """The columns that the settings compare: a field's term and parts, and keys.

    A value that has no term (a surname alone) gets one of its own, equal to no other. A key rule
    that gives a record several keys gives none here; of several values the first counts.
    """
    for at, row in enumerate(rows):
        columns: dict[str, str | int | None] = {"unique_id": at}
        for position, (field, kind) in enumerate(zip(model.fields, model.kinds, strict=True)):
            columns |= _columns(field, kind, row[position], nobody=f"? {at}")
        for number, rule in enumerate(model.rules):
            columns[f"key_{number}"] = _only(rule.texts(row))
        yield columns


def from_splink(model: Model, trained: Mapping[str, Any]) -> Model:
    """The model with `m`, `u` and prior as Splink trained them (`linker.misc.save_model_to_json`).

    Raises `ModelInvalid` when the comparisons are not those of `splink_settings`.
    """
    comparisons = {each["output_column_name"]: each for each in trained["comparisons"]}
    if set(comparisons) != {field.name for field in model.fields}:
        raise ModelInvalid("the trained comparisons are not of this model's fields")
    fields = tuple(
        _retrained(field, kind, comparisons[field.name])
        for field, kind in zip(model.fields, model.kinds, strict=True)
    )
    chance = float(trained["probability_two_random_records_match"])
    return msgspec.structs.replace(model, fields=fields, prior_bits=bits_of(chance))


def _levels(kind: Kind) -> SqlLevels:
    """The conditions of a kind, and the rest as the last of them."""
    said = SQL_LEVELS.get(kind.name, ((kind.levels[:1], EXACT),))
    covered = {level for levels, _ in said for level in levels}
    return (*said, (tuple(level for level in kind.levels if level not in covered), "ELSE"))


def _comparison(field: Field, kind: Kind, dialect: Dialect) -> dict[str, Any]:
    if not field.weights:
        raise ModelInvalid(f"field {field.name} has no weights yet")
    name = field.name
    levels: list[dict[str, Any]] = [
        {
            "sql_condition": f"{name}_l IS NULL OR {name}_r IS NULL",
            "label_for_charts": "missing",
            "is_null_level": True,
        }
    ]
    for covered, condition in _levels(kind):
        levels.append(
            {
                "sql_condition": condition.format(name, jw=JARO_WINKLER[dialect]),
                "label_for_charts": " or ".join(covered),
                "m_probability": sum(field.weights[level].m for level in covered),
                "u_probability": sum(field.weights[level].u for level in covered),
            }
        )
    if field.uses_frequencies:
        levels[1] |= {"tf_adjustment_column": name, "tf_adjustment_weight": 1.0}
    return {"output_column_name": name, "comparison_levels": levels}


def _columns(
    field: Field, kind: Kind, value: Value | None, *, nobody: str
) -> dict[str, str | int | None]:
    first = value[0] if field.many and value else value
    found: dict[str, str | int | None] = {
        field.name: None if first is None else (kind.term(first) or nobody)
    }
    used = "".join(condition for _, condition in _levels(kind))
    for part, cut in kind.parts.items():
        if f"__{part}_l" in used:
            found[f"{field.name}__{part}"] = None if first is None else _only(cut(first))
    return found


def _only(texts: Iterable[str]) -> str | None:
    """The one text there is; None when there is none or more than one."""
    found = list(texts)
    return found[0] if len(found) == 1 else None


def _retrained(field: Field, kind: Kind, comparison: Mapping[str, Any]) -> Field:
    trained: Sequence[Mapping[str, Any]] = [
        level for level in comparison["comparison_levels"] if not level.get("is_null_level")
    ]
    expected = _levels(kind)
    if len(trained) != len(expected):
        raise ModelInvalid(f"field {field.name}: the trained levels are not this model's")
    weights: dict[str, Weight] = {}
    for level, (covered, _) in zip(trained, expected, strict=True):
        m = _shared_out(level.get("m_probability"), [field.weights[each].m for each in covered])
        u = _shared_out(level.get("u_probability"), [field.weights[each].u for each in covered])
        weights.update({each: Weight(m[at], u[at]) for at, each in enumerate(covered)})
    return msgspec.structs.replace(field, weights=_summing_to_one(weights))


def _summing_to_one(weights: Mapping[str, Weight]) -> dict[str, Weight]:
    """The weights with each side's chances scaled to one: trained and untrained levels mix."""
    m, u = sum(each.m for each in weights.values()), sum(each.u for each in weights.values())
    return {level: Weight(each.m / m, each.u / u) for level, each in weights.items()}


def _shared_out(trained: object, before: Sequence[float]) -> list[float]:
    """A trained chance, shared as before; untrained ones (Splink saw no such pair) stay."""
    if not isinstance(trained, int | float):
        return list(before)
    whole = sum(before)
    return [min(max(trained * each / whole, CHANCE_MIN), 1 - CHANCE_MIN) for each in before]
