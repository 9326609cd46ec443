"""What the guard says about a document before it is published."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lead_intake.domain import form_schemas
from lead_intake.domain.compatibility import Compatibility, Replay, Sent, check_clients, compare
from lead_intake.domain.form_documents import FormDocument, Notice, Texts
from lead_intake.domain.forms import Client, Form, FormId, FormVersion, Stage
from lead_intake.domain.leads import AccountId
from lead_intake.domain.schema_changes import Effect, changes

CATEGORIES = ["机械装备", "汽车零部件", "化工新材料"]
ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 50},
        "mobile": {"type": "string"},
        "category": {"enum": CATEGORIES},
    },
    "required": ["name", "mobile"],
}


def document(schema: dict[str, Any], **named: Any) -> FormDocument:
    notice = Notice("2026-01", Texts("同意示例公司联系我"))
    return FormDocument(schema=schema, title=Texts("询价"), notice=notice, **named)


def form_of(*documents: FormDocument, **named: Any) -> Form:
    versions = {
        number: FormVersion(number, Stage.LIVE, each) for number, each in enumerate(documents, 1)
    }
    return Form(FormId(1), "order", AccountId(1), versions, live_version=len(versions), **named)


def changed(schema: dict[str, Any], **named: Any) -> dict[str, Any]:
    return {**copy.deepcopy(schema), **named}


def with_field(schema: dict[str, Any], name: str, part: dict[str, Any]) -> dict[str, Any]:
    return changed(schema, properties={**schema["properties"], name: part})


HS_REQUIRED = changed(
    with_field(ORDER, "hs_code", {"type": "string", "pattern": "^[0-9]{6,10}$"}),
    required=["name", "mobile", "hs_code"],
)
HS_CONDITIONAL = {
    **with_field(
        with_field(ORDER, "hs_code", {"type": "string", "pattern": "^[0-9]{6,10}$"}),
        "category",
        {"enum": [*CATEGORIES, "电子配件"]},
    ),
    "if": {"properties": {"category": {"const": "电子配件"}}, "required": ["category"]},
    "then": {"required": ["hs_code"]},
}


def said_of(form: Form, wanted: FormDocument, *in_use: str) -> dict[str, Compatibility]:
    return {each.client: each.compatibility for each in check_clients(form, wanted, in_use)}


def test_hs_code_made_required_breaks_the_clients_before_it() -> None:
    form = form_of(document(ORDER))

    verdicts = check_clients(form, document(HS_REQUIRED), ["app/V3.2.6"])

    of_old_app = next(each for each in verdicts if each.client == "app/V3.2.6")
    assert of_old_app.compatibility is Compatibility.BREAKING
    first = of_old_app.changes[0]
    assert (first.pointer, first.kind, first.effect) == (
        "/hs_code",
        "required_added",
        Effect.BREAKING,
    )


def test_hs_code_required_for_the_new_category_only_breaks_nobody() -> None:
    form = form_of(document(ORDER))

    said = said_of(form, document(HS_CONDITIONAL), "app/V3.2.6", "app/V3.2.7")

    assert said["app/V3.2.6"] is said["app/V3.2.7"] is Compatibility.COMPATIBLE
    assert max(said.values()) is Compatibility.COMPATIBLE


def test_hs_code_for_clients_from_3_2_7_on_leaves_the_older_ones_alone() -> None:
    form = form_of(document(ORDER))

    said = said_of(form, document(HS_REQUIRED, min_client="3.2.7"), "app/V3.2.6", "app/3.2.7")

    assert said["app/V3.2.6"] is Compatibility.UNAFFECTED
    assert said["unstated"] is said["form version 1"] is Compatibility.UNAFFECTED
    assert said["app/3.2.7"] is Compatibility.BREAKING


def test_a_condition_that_old_clients_can_meet_breaks_them() -> None:
    free = with_field(ORDER, "category", {"type": "string"})
    wanted = changed(HS_CONDITIONAL, properties={**HS_CONDITIONAL["properties"], "category": {}})

    compatibility, found = compare(free, wanted)

    assert compatibility is Compatibility.BREAKING
    assert ("/hs_code", "conditional_required") in {(each.pointer, each.kind) for each in found}


def test_a_replay_counts_the_deliveries_of_each_client_that_would_fail() -> None:
    form = form_of(document(ORDER))
    whole = {"name": "张三", "mobile": "13800138001"}
    old, new = Client(version="app/3.2.6"), Client(version="app/3.2.7")
    sent = [
        Sent(old, whole),
        Sent(old, {"name": "李四"}),
        Sent(old, whole | {"hs_code": "850440"}),
        Sent(new, whole | {"hs_code": "8504"}),
    ]

    replay = Replay(form, document(HS_REQUIRED))
    for each in sent:
        replay.add(each)

    found = {each.client: each for each in replay.verdicts()}

    of_old = found["app/3.2.6"]
    assert (of_old.checked_count, of_old.failing_count) == (3, 1)
    assert [(each.violation.pointer, each.violation.rule) for each in of_old.places] == [
        ("/hs_code", "required")
    ]
    assert found["app/3.2.7"].places[0].violation.rule == "pattern"
    assert "13800138001" not in repr(found) + repr(sent)


NESTED = with_field(
    ORDER,
    "address",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": []},
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (ORDER, with_field(ORDER, "age", {"type": "integer"}), ("/age", "field_added")),
        (
            with_field(ORDER, "age", {"type": "integer"}),
            with_field(ORDER, "age", {"type": "number"}),
            ("/age", "type_widened"),
        ),
        (
            with_field(ORDER, "age", {"maximum": 3}),
            with_field(ORDER, "age", {"maximum": 4}),
            ("/age", "bound_loosened"),
        ),
        (
            ORDER,
            with_field(ORDER, "category", {"enum": [*CATEGORIES, "x"]}),
            ("/category", "enum_widened"),
        ),
        (ORDER, changed(ORDER, required=["name"]), ("/mobile", "required_removed")),
        (
            ORDER,
            with_field(ORDER, "name", {"type": "string"}),
            ("/name", "length_loosened"),
        ),
        (
            with_field(ORDER, "tel", {"type": "string"}),
            with_field(ORDER, "phone", {"type": "string"}),
            ("/tel", "field_renamed"),
        ),
    ],
    ids=["field", "type", "bound", "enum", "required", "length", "renamed while open"],
)
def test_what_breaks_nobody_is_listed_as_harmless(
    old: dict[str, Any], new: dict[str, Any], expected: tuple[str, str]
) -> None:
    compatibility, found = compare(old, new)

    assert compatibility is Compatibility.COMPATIBLE
    assert expected in {(each.pointer, each.kind) for each in found}
    assert {each.effect for each in found} == {Effect.HARMLESS}


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    return changed(schema, additionalProperties=False)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (ORDER, with_field(ORDER, "mobile", {"type": "integer"}), ("/mobile", "type_narrowed")),
        (
            ORDER,
            with_field(ORDER, "category", {"enum": CATEGORIES[:2]}),
            ("/category", "enum_tightened"),
        ),
        (
            ORDER,
            with_field(ORDER, "category", {"const": CATEGORIES[0]}),
            ("/category", "enum_tightened"),
        ),
        (
            ORDER,
            with_field(ORDER, "name", {"type": "string", "maxLength": 20}),
            ("/name", "length_tightened"),
        ),
        (
            ORDER,
            with_field(ORDER, "mobile", {"type": "string", "pattern": "^1"}),
            ("/mobile", "pattern_tightened"),
        ),
        (
            with_field(ORDER, "count", {"type": "integer"}),
            with_field(ORDER, "count", {"type": "integer", "minimum": 1}),
            ("/count", "bound_tightened"),
        ),
        (
            _closed(with_field(ORDER, "tel", {"type": "string", "minLength": 3})),
            _closed(with_field(ORDER, "phone", {"type": "string", "minLength": 3})),
            ("/tel", "field_renamed"),
        ),
        (_closed(with_field(ORDER, "fax", {})), _closed(ORDER), ("/fax", "field_removed")),
        (
            ORDER,
            changed(ORDER, dependentRequired={"category": ["hs_code"]}),
            ("/hs_code", "conditional_required"),
        ),
        (
            with_field(ORDER, "tags", {"type": "array", "items": {"type": "string"}}),
            with_field(ORDER, "tags", {"type": "array", "items": {"enum": ["a"]}}),
            ("/tags/*", "enum_tightened"),
        ),
        (
            NESTED,
            with_field(
                ORDER, "address", {**NESTED["properties"]["address"], "required": ["city"]}
            ),
            ("/address/city", "required_added"),
        ),
    ],
    ids=[
        "type", "enum", "const", "length", "pattern", "bound", "renamed", "removed", "dependent", "items", "nested",
    ],
)  # fmt: skip
def test_what_breaks_is_named_with_its_place(
    old: dict[str, Any], new: dict[str, Any], expected: tuple[str, str]
) -> None:
    compatibility, found = compare(old, new)

    assert compatibility is Compatibility.BREAKING
    assert expected in {(e.pointer, e.kind) for e in found if e.effect is Effect.BREAKING}


def test_a_pattern_that_became_another_is_undecided() -> None:
    old = with_field(ORDER, "mobile", {"type": "string", "pattern": "^1[0-9]{10}$"})
    new = with_field(ORDER, "mobile", {"type": "string", "pattern": "^[0-9]{11}$"})

    compatibility, found = compare(old, new)

    assert compatibility is Compatibility.UNDECIDED
    assert [(each.pointer, each.kind) for each in found] == [("/mobile", "pattern_changed")]


def test_a_version_that_retires_another_is_compared_with_what_its_clients_send() -> None:
    form = form_of(document(_closed(ORDER)), document(_closed(HS_REQUIRED), min_client="3.2.7"))
    third = document(_closed(HS_REQUIRED), min_client="3.3", oldest_supported=2)

    verdicts = {each.client: each for each in check_clients(form, third, [])}

    # A client of version 1 has no hs_code: the field came after it and stays optional for it.
    assert verdicts["form version 1"].new_version == 2
    assert verdicts["form version 1"].compatibility is Compatibility.COMPATIBLE
    assert verdicts["unstated"].compatibility is Compatibility.BREAKING


STRINGS = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(1, 6),
        "pattern": st.sampled_from(["^a", "b$", "^[ab]*$", "a"]),
    },
)
NUMBERS = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number", ["integer", "null"]])},
    optional={
        "minimum": st.integers(-2, 2),
        "maximum": st.integers(0, 4),
        "multipleOf": st.sampled_from([1, 2]),
    },
)
CHOICES = st.one_of(
    st.lists(st.sampled_from(["a", "b", 1, None]), min_size=1, unique_by=repr).map(
        lambda values: {"enum": values}
    ),
    st.sampled_from(["a", 1]).map(lambda value: {"const": value}),
)
LISTS = st.builds(
    lambda items, most: {"type": "array", "items": items, **({"maxItems": most} if most else {})},
    st.one_of(STRINGS, CHOICES),
    st.integers(0, 2),
)
LEAVES = st.one_of(STRINGS, NUMBERS, CHOICES, LISTS, st.just({}))
NAMES = ("a", "b", "c")


def objects(parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.lists(st.sampled_from(NAMES), unique=True, max_size=2)
    return st.fixed_dictionaries(
        {
            "type": st.just("object"),
            "properties": st.dictionaries(st.sampled_from(NAMES), parts, max_size=3),
        },
        optional={
            "required": names,
            "additionalProperties": st.booleans(),
            "dependentRequired": st.dictionaries(st.sampled_from(NAMES), names, max_size=1),
            "if": st.sampled_from(NAMES).map(
                lambda name: {"properties": {name: {"const": "a"}}, "required": [name]}
            ),
            "then": names.map(lambda required: {"required": required}),
            "minProperties": st.integers(0, 2),
        },
    )


SCHEMAS = objects(st.one_of(LEAVES, objects(LEAVES)))
VALUES = st.one_of(
    st.sampled_from(["", "a", "b", "ab", "aab", "aaaaaaa", None, True, 0, 1, 2, 3, -5, 1.5]),
    st.lists(st.sampled_from(["a", "b", "zz", 1]), max_size=3),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["a", "b", 1, None]), max_size=3),
)
INSTANCES = st.lists(
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3), min_size=10, max_size=40
)


@settings(max_examples=100, deadline=None)
@given(old=SCHEMAS, new=SCHEMAS, instances=INSTANCES, keep=st.sets(st.sampled_from(NAMES)))
def test_whatever_is_called_compatible_stays_valid(
    old: dict[str, Any], new: dict[str, Any], instances: list[Any], keep: set[str]
) -> None:
    # Half of the parts are kept, or hardly anything would ever be compatible.
    new = {**new, "properties": new["properties"] | {
        name: part for name, part in old["properties"].items() if name in keep
    }}  # fmt: skip
    for wanted in (new, {**new, "required": old.get("required", [])}, {**old, "minProperties": 0}):
        if compare(old, wanted)[0] is not Compatibility.COMPATIBLE:
            continue
        sent = jsonschema.Draft202012Validator(form_schemas.sent_by(old))
        accepted = jsonschema.Draft202012Validator(wanted)
        for instance in instances:
            assert not sent.is_valid(instance) or accepted.is_valid(instance)


@settings(max_examples=200, deadline=None)
@given(schema=SCHEMAS)
def test_a_schema_is_compatible_with_itself_and_nothing_changed(schema: dict[str, Any]) -> None:
    assert list(changes(schema, copy.deepcopy(schema))) == []
    assert compare(schema, copy.deepcopy(schema))[0] is not Compatibility.BREAKING


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "array"}, "/type"),
        ({"type": "object"}, "/properties"),
        (with_field(ORDER, "x", {"$ref": "#/properties/name"}), "/properties/x/$ref"),
        (with_field(ORDER, "x", {"pattern": "(?=a)b"}), "/properties/x/pattern"),
        (with_field(ORDER, "x", {"type": "text"}), "/properties/x/type"),
        (with_field(ORDER, "x", {"properties": []}), "/properties/x/properties"),
    ],
    ids=["no object", "no fields", "reference", "look-around", "unknown type", "no mapping"],
)
def test_a_schema_that_forms_do_not_know_is_refused_with_its_place(
    schema: dict[str, Any], place: str
) -> None:
    with pytest.raises(form_schemas.InvalidSchema, match=f"^{place.replace('$', '[$]')}"):
        form_schemas.check_schema(schema)
