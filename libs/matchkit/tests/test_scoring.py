"""What agreement weighs, and that every answer explains itself."""

from __future__ import annotations

from math import log2

import msgspec
import pytest
from matchkit.errors import ModelInvalid
from matchkit.fields import Crossing, Field
from matchkit.model import Hasher, Model
from matchkit.scoring import Outcome, assess, bits_of, explain, posterior, score

ANNA = {"name": "Anna", "phone": "13800138000", "uscc": "T1", "company": "north works"}


def test_a_common_value_weighs_less_than_a_rare_one(model):
    common = model.read({"name": "anna"})
    rare = model.read({"name": "zacharias"})

    assert score(model, common, common) == pytest.approx(-10 + log2(0.9 / 0.05))
    assert score(model, rare, rare) == pytest.approx(-10 + log2(0.9 / 0.005))


def test_of_a_correlated_group_only_the_strongest_agreement_counts(model):
    both = model.read({"uscc": "T1", "company": "north works"})
    code_only = model.read({"uscc": "T1", "company": "south"})

    found = explain(model, both, both)

    assert [each.counted for each in found.fields] == ["missing", "missing", "yes", "hidden"]
    assert score(model, both, both) == pytest.approx(-10 + log2(0.99 / 0.01))
    assert score(model, both, code_only) < score(model, both, both)


def test_what_colleagues_share_counts_no_more_than_the_chance_of_a_colleague(model):
    shared = msgspec.structs.replace(model, shared={"company": 2**-5})
    one, other = shared.read(ANNA), shared.read(ANNA)
    person = score(shared, *(shared.read({"name": "Anna", "phone": "13800138000"}),) * 2)

    found = explain(shared, one, other)

    assert score(shared, one, other) - person < 5
    assert found.prior_bits + sum(each.bits for each in found.fields) == pytest.approx(
        score(shared, one, other)
    )
    assert score(shared, one, other) == score(shared, other, one)


def test_only_a_group_is_shared(model):
    with pytest.raises(ModelInvalid):
        msgspec.structs.replace(model, shared={"nothing": 0.1})
    with pytest.raises(ModelInvalid):
        msgspec.structs.replace(model, shared={"company": 0.0})


def test_of_several_numbers_the_best_pair_counts(model):
    one = model.read({"phone": ["13800138001", "13800138002"]})
    other = model.read({"phone": ["13900139000", "13800138002"]})

    assert score(model, one, other) == pytest.approx(-10 + log2(0.9 / 0.0001))


def test_different_exclusive_values_are_a_veto_whatever_else_agrees(model):
    one, other = model.read(ANNA), model.read(ANNA | {"uscc": "T2"})

    found = assess(model, one, other)

    assert (found.outcome, found.veto) == (Outcome.VETO, "uscc")


def test_an_explanation_adds_up_and_holds_no_value(model):
    one, other = model.read(ANNA), model.read(ANNA | {"company": "south"})

    found = explain(model, one, other)

    counted = sum(each.bits for each in found.fields if each.counted == "yes")
    assert found.prior_bits + counted == pytest.approx(found.assessment.bits)
    assert found.assessment.posterior == pytest.approx(posterior(found.assessment.bits))
    text = msgspec.json.encode(found).decode()
    assert not any(value.casefold() in text for value in ("13800138000", "anna", "north works"))


def test_names_written_crosswise_are_explained_as_such(model):
    fields = (model.fields[0], msgspec.structs.replace(model.fields[0], name="surname"))
    crossing = Crossing(fields=("name", "surname"), chance=0.05)
    crossed = Model(
        version="1", fields=fields, keys=("name+surname",), prior_bits=-5, crossings=(crossing,)
    )
    one = crossed.read({"name": "anna", "surname": "lundgren"})
    other = crossed.read({"name": "lundgren", "surname": "anna"})

    found = explain(crossed, one, other)

    assert [each.counted for each in found.fields] == ["crossed", "crossed"]
    assert sum(each.bits for each in found.fields) - 5 == pytest.approx(found.assessment.bits)
    assert score(crossed, one, other) == score(crossed, other, one) > 0


def test_a_crossing_needs_two_fields_of_one_kind(model):
    with pytest.raises(ModelInvalid):
        msgspec.structs.replace(model, crossings=(Crossing(fields=("name", "phone")),))
    with pytest.raises(ModelInvalid):
        msgspec.structs.replace(model, crossings=(Crossing(fields=("name", "nothing")),))


def test_stored_features_come_back_as_they_were(model):
    features = model.read(ANNA | {"other_phones": ["13800138001"]})

    assert model.decode(model.encode(features)) == features
    with pytest.raises(ModelInvalid):
        model.decode(msgspec.msgpack.encode(["one field of another model"]))


def test_tokens_depend_on_the_secret_and_on_the_kind(model, hasher):
    features, other = model.read(ANNA), Hasher(b"another made-up secret")

    assert model.keys_of(features, hasher).keys().isdisjoint(model.keys_of(features, other))
    assert hasher("phone", "1") != hasher("email", "1")
    assert set(model.identifiers(features, hasher)) <= set(model.keys_of(features, hasher))
    assert tuple(model.keys_of(features, hasher)) == model.record(1, features, hasher).keys
    assert all(-(2**63) <= key < 2**63 for key in model.keys_of(features, hasher))


@pytest.mark.parametrize("bits", [-2000.0, -3.0, 0.0, 2.5, 2000.0])
def test_chances_and_bits_are_two_ways_to_say_one_thing(bits):
    chance = posterior(bits)

    assert 0 <= chance <= 1
    if abs(bits) < 100:
        assert bits_of(chance) == pytest.approx(bits)


def test_a_field_without_weights_cannot_be_scored():
    model = Model(version="1", fields=(Field(name="a", kind="text"),), keys=("a",))

    with pytest.raises(ModelInvalid):
        score(model, model.read({"a": "x"}), model.read({"a": "x"}))
