"""The same parameters, written for Splink and read back."""

from __future__ import annotations

import json

import pytest
from matchkit.errors import ModelInvalid
from matchkit.model import Field, Model, Weight
from matchkit.scoring import posterior
from matchkit.splink_settings import from_splink, normalised_rows, splink_settings

ROWS = [
    {"name": "Anna", "phone": ["13800138001", "13800138000"], "uscc": "T1"},
    {"name": "Bertram"},
]


def test_settings_hold_every_level_and_rule_of_the_model(model):
    settings = json.loads(json.dumps(splink_settings(model)))

    names = [each["output_column_name"] for each in settings["comparisons"]]
    assert names == [field.name for field in model.fields]
    assert len(settings["blocking_rules_to_generate_predictions"]) == len(model.keys)
    assert settings["probability_two_random_records_match"] == posterior(model.prior_bits)
    for comparison, field in zip(settings["comparisons"], model.fields, strict=True):
        said = comparison["comparison_levels"][1:]
        assert sum(level["m_probability"] for level in said) == pytest.approx(
            sum(weight.m for weight in field.weights.values())
        )
        assert said[-1]["sql_condition"] == "ELSE"


def test_rows_have_the_columns_that_the_conditions_name(model):
    first, second = normalised_rows(model, [model.read(row) for row in ROWS])

    assert (first["name"], first["phone"], first["uscc"]) == ("anna", "13800138000", "T1")
    assert second["phone"] is second["uscc"] is None
    assert first.keys() == second.keys() >= {"unique_id", "key_0", "key_1", "key_2"}
    assert first["key_0"] is None, "two phones give two keys"


def test_trained_weights_come_back_level_by_level(model):
    trained = splink_settings(model)
    name = trained["comparisons"][0]["comparison_levels"]
    name[1]["m_probability"], name[5]["m_probability"] = 0.85, 0.07
    del name[2]["u_probability"]

    back = from_splink(model, trained)

    assert back.fields[0].weights["exact"].m == pytest.approx(0.85)
    assert back.fields[0].weights["differs"].m == pytest.approx(0.07)
    assert back.fields[0].weights["one_edit"].u == pytest.approx(0.01)
    assert back.prior_bits == pytest.approx(model.prior_bits)


def test_levels_that_sql_cannot_tell_apart_keep_their_proportion():
    levels = ("exact", "one_slip", "day_month_swapped", "two_parts", "year", "differs")
    chances = (0.8, 0.1, 0.02, 0.03, 0.01, 0.04)
    weights = {level: Weight(each, each) for level, each in zip(levels, chances, strict=True)}
    born = Field(name="born", kind="date", weights=weights)
    model = Model(version="1", fields=(born,), keys=("born",))

    settings = splink_settings(model, dialect="spark")
    settings["comparisons"][0]["comparison_levels"][3]["m_probability"] = 0.12
    back = from_splink(model, settings).fields[0].weights

    assert back["two_parts"].m / back["year"].m == pytest.approx(3.0)


def test_parameters_of_other_fields_are_refused(model):
    trained = splink_settings(model)
    trained["comparisons"].pop()

    with pytest.raises(ModelInvalid):
        from_splink(model, trained)


def test_a_model_without_weights_has_nothing_to_export():
    with pytest.raises(ModelInvalid):
        splink_settings(Model(version="1", fields=(Field(name="a", kind="text"),), keys=("a",)))
