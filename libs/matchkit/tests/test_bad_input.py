"""Input that nobody wants: refused by type, or read as nothing; never merged by accident."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matchkit.errors import (
    JudgementsContradict,
    ModelInvalid,
    RecordKnown,
    RecordUnknown,
    SameRecord,
    Unreadable,
    WeakSecret,
)
from matchkit.families import Verdict
from matchkit.kinds import KINDS
from matchkit.linker import Linker
from matchkit.model import Field, Hasher, Model, Weight
from matchkit.shipped import model_names, shipped_model

KIND_NAMES = sorted(KINDS)


@pytest.mark.parametrize("kind", KIND_NAMES)
@settings(deadline=None, max_examples=25)
@given(raws=st.tuples(st.text(max_size=40), st.text(max_size=40)))
def test_every_kind_reads_compares_and_cuts_whatever_it_is_given(kind, raws):
    described = KINDS[kind]
    one, other = (described.normalise(raw) for raw in raws)
    values = [value for value in (one, other) if value is not None]

    for a in values:
        assert all(isinstance(text, str) for cut in described.parts.values() for text in cut(a))
        assert described.term(a) is None or isinstance(described.term(a), str)
        for b in values:
            level = described.compare(a, b)
            assert 0 <= level < len(described.levels)
            assert level == described.compare(b, a)


@pytest.mark.parametrize("empty", [{}, {"name": ""}, {"phone": []}, {"name": "\u202e\u200b\x00 "}])
def test_an_empty_record_has_no_keys_and_joins_nobody(model, hasher, empty):
    linker = Linker(model, hasher)

    for at in range(3):
        linker.add(at, model.read(empty))

    assert model.keys_of(model.read(empty), hasher) == {}
    assert len(linker.partition()) == 3


def test_one_weak_field_joins_nobody(model, hasher):
    linker = Linker(model, hasher)

    for at in range(3):
        linker.add(at, model.read({"name": "anna lund"}))

    assert len(linker.partition()) == 3


def test_control_and_direction_characters_do_not_make_another_name(model):
    assert model.read({"name": "an\u202ena\x07\tlu\u200bnd"}) == model.read({"name": "anna lund"})


def test_a_document_in_a_field_is_refused_and_a_long_value_is_cut(model):
    with pytest.raises(Unreadable) as refused:
        model.read({"phone": "1" * 4_097})

    assert (refused.value.field, refused.value.length) == ("phone", 4_097)
    assert "1111" not in str(refused.value)
    assert len(model.read({"name": "x" * 4_096})[0]) == 256


def test_of_many_values_only_so_many_are_kept(model):
    features = model.read({"phone": [str(13_800_138_000 + n) for n in range(100)]})

    assert len(features[1]) == 8


def test_records_and_judgements_out_of_place_are_refused(model, hasher):
    linker = Linker(model, hasher)
    linker.add(1, model.read({"name": "anna"}))
    linker.add(2, model.read({"name": "anna", "uscc": "T1"}))
    linker.add(3, model.read({"name": "anna", "uscc": "T2"}))

    with pytest.raises(RecordKnown):
        linker.add(1, model.read({"name": "anna"}))
    with pytest.raises(SameRecord):
        linker.judge(1, 1, Verdict.MUST)
    with pytest.raises(RecordUnknown):
        linker.judge(1, 99, Verdict.NEVER)
    with pytest.raises(RecordUnknown):
        linker.remove(99)
    with pytest.raises(JudgementsContradict, match="field 2"):
        linker.judge(2, 3, Verdict.MUST)


def test_a_cycle_of_must_and_never_is_refused_wherever_it_closes(model, hasher):
    linker = Linker(model, hasher)
    for at in range(3):
        linker.add(at, model.read({"name": f"person {at}"}))
    linker.judge(0, 1, Verdict.MUST)
    linker.judge(1, 2, Verdict.MUST)

    with pytest.raises(JudgementsContradict):
        linker.judge(0, 2, Verdict.NEVER)
    with pytest.raises(JudgementsContradict):
        linker.judge(0, 1, Verdict.NEVER)
    linker.revoke(1, 2)
    linker.judge(0, 2, Verdict.NEVER)
    with pytest.raises(JudgementsContradict):
        linker.judge(1, 2, Verdict.MUST)


def test_more_must_than_a_customer_can_hold_is_refused(model, hasher):
    linker = Linker(model, hasher)
    for at in range(7):
        linker.add(at, model.read({"name": f"person {at}"}))
    for at in range(1, 6):
        linker.judge(0, at, Verdict.MUST)

    with pytest.raises(JudgementsContradict, match="size"):
        linker.judge(0, 6, Verdict.MUST)


@pytest.mark.parametrize("secret", [b"", b"short", b"x" * 65], ids=["empty", "short", "long"])
def test_a_weak_secret_is_refused(secret):
    with pytest.raises(WeakSecret):
        Hasher(secret)


@pytest.mark.parametrize(
    "changes",
    [
        {"fields": ()},
        {"fields": (Field(name="a", kind="no such kind"),)},
        {"fields": (Field(name="a", kind="text"), Field(name="a", kind="text"))},
        {"fields": (Field(name="a", kind="text", weights={"exact": Weight(0.5, 0.5)}),)},
        {"fields": (Field(name="b", kind="text", identifier=True),), "keys": ()},
        {"fields": (Field(name="a", kind="text", exclusive=True, many=True),)},
        {"keys": ("b",)},
        {"keys": ("a:no_such_part",)},
        {"accept": 0.4},
        {"names": "b"},
    ],
    ids=[
        "no fields",
        "unknown kind",
        "two of one name",
        "levels missing",
        "identifier without key",
        "exclusive of many",
        "key of no field",
        "key of no part",
        "accept below review",
        "names of no field",
    ],
)
def test_a_model_that_does_not_fit_together_is_refused(changes):
    whole = {"version": "1", "fields": (Field(name="a", kind="text"),), "keys": ("a",)}
    Model(**whole)

    with pytest.raises(ModelInvalid):
        Model(**(whole | changes))


def test_a_file_that_is_no_model_is_refused(tmp_path):
    file = tmp_path / "model.yaml"
    for text in ("", "version: [", "version: 1\nfields: 3", "{version: a, surprise: 1}"):
        file.write_text(text)
        with pytest.raises(ModelInvalid):
            Model.load(file)


@pytest.mark.parametrize("name", ["../febrl", "no-such-model", "", "febrl-columns"])
def test_a_model_that_is_not_shipped_is_refused(name):
    with pytest.raises(ModelInvalid):
        shipped_model(name)


@pytest.mark.parametrize("name", model_names())
def test_every_shipped_model_loads_and_is_written_as_it_was_read(name, tmp_path):
    model = shipped_model(name)
    file = tmp_path / "again.yaml"
    file.write_text(model.dump(), encoding="utf-8")

    assert Model.load(file) == model
