"""Weights come from rows without labels, and come back as they were put in."""

from __future__ import annotations

import random

import msgspec
import pytest
from matchkit.errors import ModelInvalid
from matchkit.estimation import calibration, estimate
from matchkit.fields import Crossing
from matchkit.linker import Linker
from matchkit.model import Field, Model

SPEC = Model(
    version="estimated",
    fields=(
        Field(name="name", kind="text", uses_frequencies=True),
        Field(name="town", kind="text", uses_frequencies=True),
        Field(name="born", kind="date"),
        Field(name="code", kind="digits"),
        Field(name="flag", kind="identifier"),
    ),
    keys=("name", "born", "code", "town+name:first3"),
)
CUSTOMERS = 700


def made_up(*, seed, wrong_code=0.2, wrong_flag=0.1, crossed=0.0):
    """Two rows of each customer; codes and flags of the second are wrong as often as said."""
    draw = random.Random(seed)
    rows, truth = [], []
    for customer in range(CUSTOMERS):
        row = {
            "name": "".join(draw.choices("abcdefghijklmnop", k=9)),
            "town": "".join(draw.choices("qrstuvwxyz", k=6)),
            "born": f"{draw.randint(1930, 2005)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}",
            "code": str(draw.randint(10**6, 10**7)),
            "flag": draw.choice("ABCD"),
        }
        twin = dict(row)
        if draw.random() < wrong_code:
            twin["code"] = str(draw.randint(10**6, 10**7))
        if draw.random() < wrong_flag:
            twin["flag"] = draw.choice("EFGH")
        if draw.random() < crossed:
            twin["name"], twin["town"] = twin["town"], twin["name"]
        rows += [row, twin]
        truth += [customer, customer]
    return rows, truth


@pytest.fixture(scope="module")
def estimated():
    rows, _ = made_up(seed=1)
    return estimate(SPEC, [SPEC.read(row) for row in rows], seed=1)


def weights(model, field):
    return next(each.weights for each in model.fields if each.name == field)


def test_the_chances_of_mistakes_are_found_again(estimated):
    assert weights(estimated, "code")["exact"].m == pytest.approx(0.8, abs=0.04)
    assert weights(estimated, "code")["differs"].m == pytest.approx(0.2, abs=0.04)
    assert weights(estimated, "flag")["exact"].m == pytest.approx(0.9, abs=0.03)
    assert weights(estimated, "flag")["exact"].u == pytest.approx(0.225, abs=0.02)
    assert 2**estimated.prior_bits == pytest.approx(1 / (2 * CUSTOMERS - 1), rel=0.05)


def test_a_level_never_seen_is_unlikely_but_not_impossible(estimated):
    for field in estimated.fields:
        for weight in field.weights.values():
            assert 0 < weight.m < 1
            assert 0 < weight.u < 1
    assert weights(estimated, "name")["differs"].m < 0.01


def test_the_same_rows_and_seed_give_the_same_model(estimated):
    rows, _ = made_up(seed=1)

    assert estimate(SPEC, [SPEC.read(row) for row in rows], seed=1) == estimated


def test_what_was_estimated_finds_the_customers_of_other_rows(estimated, hasher):
    rows, truth = made_up(seed=2)
    linker = Linker(estimated, hasher)

    for at, row in enumerate(rows):
        linker.add(at, estimated.read(row))

    parts = linker.partition()
    assert all(len({truth[at] for at in part}) == 1 for part in parts)
    assert len(parts) <= CUSTOMERS * 1.01


def test_fields_written_crosswise_are_estimated_and_read(hasher):
    crossing = Crossing(fields=("name", "town"))
    spec = msgspec.structs.replace(SPEC, crossings=(crossing,))
    rows, truth = made_up(seed=3, crossed=0.15)

    model = estimate(spec, [spec.read(row) for row in rows], seed=1)
    linker = Linker(model, hasher)
    for at, row in enumerate(rows):
        linker.add(at, model.read(row))

    assert model.crossings[0].chance == pytest.approx(0.15, abs=0.03)
    assert all(len({truth[at] for at in part}) == 1 for part in linker.partition())
    assert len(linker.partition()) <= CUSTOMERS * 1.01


def test_how_often_customers_share_a_firm_is_found_again():
    draw = random.Random(4)
    rows, firms = [], 60
    for _ in range(CUSTOMERS):
        firm = draw.randrange(firms)
        row = {
            "name": "".join(draw.choices("abcdefghijklmnop", k=9)),
            "firm": f"firm {firm}",
            "code": f"T{firm}",
        }
        rows += [row, row]
    fields = (
        SPEC.fields[0],
        Field(name="firm", kind="identifier", group="firm"),
        Field(name="code", kind="identifier", group="firm", exclusive=True),
    )
    spec = msgspec.structs.replace(
        SPEC, fields=fields, keys=("name", "code+name:first3"), shared={"firm": 0.5}
    )

    model = estimate(spec, [spec.read(row) for row in rows], seed=1)

    assert model.shared["firm"] == pytest.approx(1 / firms, rel=0.1)
    assert weights(model, "firm")["exact"].u < 0.1 / firms


def test_too_few_rows_are_refused():
    with pytest.raises(ModelInvalid):
        estimate(SPEC, [SPEC.read({"name": "anna"})] * 9, seed=1)


def test_a_field_nobody_fills_weighs_nothing():
    rows, _ = made_up(seed=1)
    without = [{name: text for name, text in row.items() if name != "code"} for row in rows]

    model = estimate(SPEC, [SPEC.read(row) for row in without], seed=1)

    assert {weight.m / weight.u for weight in weights(model, "code").values()} == {1.0}


def test_a_reliability_table_tells_predicted_from_observed():
    bins = calibration([0.05, 0.05, 0.95, 0.95], [False, True, True, True])

    assert [(each.predicted, each.observed, each.pairs) for each in bins] == [
        (pytest.approx(0.05), 0.5, 2),
        (pytest.approx(0.95), 1.0, 2),
    ]
