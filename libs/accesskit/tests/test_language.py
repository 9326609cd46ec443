"""Models as text: what is read, what is refused and where, and what conditions make of their context."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from accesskit.decisions import Missing
from accesskit.language import (
    BadModel,
    BadValue,
    CompiledCondition,
    ConditionFailed,
    compile_condition,
    parse_model,
    to_dsl,
)
from accesskit.language.model import (
    Computed,
    Direct,
    Exclusion,
    Intersection,
    Restriction,
    Union,
    Via,
)
from hypothesis import given, settings
from hypothesis import strategies as st

CRM = """
# 示例: who may see a lead
model
  schema 1.1

type user
  relations
    define manager: [user]
    define superior: manager or superior from manager

type group
  relations
    define member: [user, group#member, user:*]   # a comment at the end

type lead
  relations
    define owner: [user]
    define blocked: [user, group#member]
    define reader: [user with at_office, user:* with at_office, group#member] or owner or
      superior from owner
    define editor: (reader and owner) but not blocked

condition at_office(address: ipaddress, networks: list<string>) {
  networks.exists(network, address.in_cidr(network))   // either '{' or '}' may stand in a string: "}"
}
"""


def a_condition(parameters: str, expression: str) -> CompiledCondition:
    text = f"model\n  schema 1.1\ntype user\ncondition it({parameters}) {{\n  {expression}\n}}"
    return compile_condition(parse_model(text).conditions[0])


def test_a_model_is_read_with_all_its_operators() -> None:
    model = parse_model(CRM)

    assert [each.name for each in model.types] == ["user", "group", "lead"]
    assert model.rewrites["user", "superior"] == Union(
        (Computed("manager"), Via("superior", "manager"))
    )
    assert model.rewrites["group", "member"] == Direct(
        (
            Restriction("user"),
            Restriction("group", "member"),
            Restriction("user", is_wildcard=True),
        )
    )
    assert model.rewrites["lead", "editor"] == Exclusion(
        Intersection((Computed("reader"), Computed("owner"))), Computed("blocked")
    )
    assert [str(kind) for _, kind in model.conditions[0].parameters] == [
        "ipaddress",
        "list<string>",
    ]


def test_a_model_written_out_is_read_back_equal() -> None:
    model = parse_model(CRM)

    assert parse_model(to_dsl(model)) == model


@pytest.mark.parametrize(
    ("definition", "line", "column", "reason"),
    [
        ("define a: [nobody]", 6, 16, "there is no type nobody"),
        ("define a: [user] or b", 6, 25, "doc has no relation b"),
        ("define a: [user with c]", 6, 16, "there is no condition c"),
        ("define a: [user#x]", 6, 16, "user has no relation x"),
        ("define a: a", 6, 12, "a is defined by itself"),
        ("define a: [user, user]", 6, 15, "a kind of subject is listed twice"),
        ("define a: [user", 6, 16, "this cannot stand here"),
        ("define and: [user]", 6, 12, "this name is reserved or too long"),
        (
            "define p: [doc]\n    define a: [user] but not a from p\n    define b: a",
            *(7, 12, "a depends on its own absence"),
        ),
    ],
)
def test_a_refusal_names_line_column_and_reason(
    definition: str, line: int, column: int, reason: str
) -> None:
    text = f"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    {definition}\n"

    with pytest.raises(BadModel) as caught:
        parse_model(text)

    assert (caught.value.reason, caught.value.line, caught.value.column) == (reason, line, column)


def test_a_relation_may_not_depend_on_its_own_absence_through_others() -> None:
    text = """model
  schema 1.1
type user
type doc
  relations
    define parent: [doc]
    define seen: [user] but not hidden
    define hidden: [user] or seen from parent
"""
    with pytest.raises(BadModel, match="seen depends on its own absence"):
        parse_model(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "model\n  schema 1.1\ntype a\n  relations\n    define a: " + "(" * 17 + "b" + ")" * 17,
        "model\n  schema 1.1\ntype a\ncondition c(x: " + "list<" * 50_000 + "int) { x }",
        "model\n  schema 1.1\ntype a\ncondition c(x: int) " + "{" * 50_000,
        "model\n  schema 1.1\n" + "".join(f"type t{i}\n" for i in range(101)),
        " " * 300_000,
    ],
    ids=["brackets", "groups", "parameter types", "braces", "types", "length"],
)
def test_a_bomb_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(BadModel):
        parse_model(text)


@pytest.mark.parametrize(
    ("parameters", "expression"),
    [
        ("x: int", "x <"),
        ("x: int", "y < 3"),
        ("x: int", "launch(x)"),
        ("x: int", "x < 'a'"),
        ("x: int, x: int", "x < 3"),
        ("x: text", "x == 'a'"),
        ("x: list", "size(x) == 1"),
        ("in_cidr: int", "in_cidr == 1"),
        ("", "true"),
        ("x: int", "!" * 2_000 + "true"),
        ("x: int", " || ".join(["x == 1"] * 300)),
        ("x: list<int>", "x.all(a, x.all(b, x.all(c, a + b + c > 0)))"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_condition_that_cannot_be_trusted_is_refused(parameters: str, expression: str) -> None:
    with pytest.raises(BadModel):
        a_condition(parameters, expression)


def test_what_a_fact_stores_wins_over_what_the_request_says() -> None:
    condition = a_condition("x: int", "x < 3")

    assert condition.verdict({"x": 5}, {"x": 1}) is False
    assert condition.verdict({"x": 1}, {"x": 5}) is True
    assert condition.verdict(None, {"x": 1}) is True


def test_a_missing_parameter_is_named_unless_the_expression_never_uses_it() -> None:
    condition = a_condition("x: int, y: int, unused: string", "x < y")

    assert condition.verdict({"x": 1}, None) == Missing(frozenset({"y"}))
    assert condition.verdict({"x": 1}, {"y": 2}) is True


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "1"),
        ("int", True),
        ("int", 1.5),
        ("int", 2**63),
        ("int", -(2**63)),
        ("uint", -1),
        ("double", "1.0"),
        ("bool", 1),
        ("string", 1),
        ("string", "x" * 5_000),
        ("timestamp", "2026-02-07"),
        ("timestamp", "2026-02-07T12:00:00"),
        ("timestamp", 1_770_000_000),
        ("timestamp", "9999-12-31T23:59:59Z"),
        ("timestamp", "2026-02-30T00:00:00Z"),
        ("duration", "1 hour"),
        ("duration", "9" * 30 + "h"),
        ("duration", "9" * 400 + "h"),
        ("ipaddress", "010.1.2.3"),
        ("ipaddress", "10.1.2"),
        ("ipaddress", "fe80::1%eth0"),
        ("list<int>", [1, "2"]),
        ("list<int>", list(range(1_000))),
        ("map<int>", {"a": "b"}),
        ("map<int>", [1]),
        ("any", object()),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_and_not_told(kind: str, value: Any) -> None:
    condition = a_condition(f"x: {kind}", "x == x")

    for stored, context in (({"x": value}, None), (None, {"x": value})):
        with pytest.raises(BadValue) as caught:
            condition.verdict(stored, context)
        assert caught.value.parameter == "x"
        assert str(value) not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "expression", "value"),
    [
        ("timestamp", "x < timestamp('2026-02-07T00:00:00Z')", "2026-02-07T07:59:59+08:00"),
        ("duration", "x == duration('90m')", "1h30m"),
        ("duration", "x < duration('0s')", "-1.5s"),
        ("ipaddress", "x.in_cidr('10.0.0.0/8')", "::ffff:10.1.2.3"),
        ("ipaddress", "x == '10.1.2.3'", "::ffff:10.1.2.3"),
        ("ipaddress", "x.in_cidr('fd00::/8')", "FD00:0::1"),
        ("ipaddress", "!x.in_cidr('::/0')", "10.1.2.3"),
        ("list<string>", "'华南' in x", ["华东", "华南"]),
        ("map<list<int>>", "x.a.all(i, i > 0)", {"a": [1, 2]}),
        ("any", "x.level == 3", {"level": 3}),
        ("int", "x == 3", 3.0),
        ("uint", "x == 3u", 3),
        ("double", "x == 3.0", 3),
    ],
)
def test_a_value_is_read_as_its_parameter_declares(kind: str, expression: str, value: Any) -> None:
    assert a_condition(f"x: {kind}", expression).verdict(None, {"x": value}) is True


@pytest.mark.parametrize(
    ("parameters", "expression", "context"),
    [
        ("x: int", "10 / x > 1", {"x": 0}),
        ("x: map<string>", "x.key == 'a'", {"x": {}}),
        ("x: list<int>", "x[5] == 1", {"x": [1]}),
        ("x: int", "x + 1", {"x": 1}),
        ("x: string", "x", {"x": "true"}),
        ("x: ipaddress, y: string", "x.in_cidr(y)", {"x": "10.1.2.3", "y": "10.0.0.1/8"}),
        ("x: any", "x < 3", {"x": "a"}),
        ("x: int", "x + x > 0", {"x": 2**63 - 1}),
    ],
)
def test_a_condition_that_fails_is_an_error_and_never_an_answer(
    parameters: str, expression: str, context: dict[str, Any]
) -> None:
    with pytest.raises(ConditionFailed):
        a_condition(parameters, expression).verdict(None, context)


def test_an_argument_that_is_not_declared_is_refused_in_a_fact_and_ignored_in_a_request() -> None:
    condition = a_condition("x: int", "x < 3")

    with pytest.raises(BadValue):
        condition.checked_arguments({"y": 1})
    assert condition.verdict({"x": 1}, {"y": 1}) is True


@given(text=st.text(max_size=200))
@settings(max_examples=40, deadline=None)
def test_any_text_is_a_model_or_a_typed_refusal(text: str) -> None:
    for candidate in (text, CRM[: len(text)] + text + CRM[len(text) :]):
        with suppress(BadModel):
            assert parse_model(to_dsl(parse_model(candidate))) == parse_model(candidate)
