"""Which version judges a client, and what a verdict may say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lead_intake.domain.form_documents import FormDocument, Notice, Texts
from lead_intake.domain.forms import (
    Client,
    Form,
    FormId,
    FormVersion,
    Stage,
    bucket_of,
    client_of,
    judge,
    numbers_of,
    version_of,
)
from lead_intake.domain.leads import AccountId


def version(number: int, stage: Stage, min_client: str = "", **schema: Any) -> FormVersion:
    whole = {"type": "object", "properties": {f"f{number}": {"type": "string"}}, **schema}
    notice = Notice("1", Texts("同意"))
    document = FormDocument(schema=whole, title=Texts("询价"), notice=notice, min_client=min_client)
    return FormVersion(number, stage, document)


def form_of(*versions: FormVersion, **named: Any) -> Form:
    usual: dict[str, Any] = {"live_version": 3, **named}
    by_number = {each.version: each for each in versions}
    return Form(FormId(1), "order", AccountId(1), by_number, **usual)


GROWN = form_of(
    version(1, Stage.REPLACED),
    version(2, Stage.ROLLED_BACK, "2.5"),
    version(3, Stage.LIVE, "3.2.7"),
    version(4, Stage.CANARY, "4.0"),
    canary_version=4,
    canary_percent=5,
)


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (Client(), 1),
        (Client(version="3.2.6"), 1),
        (Client(version="V3.2.7"), 3),
        (Client(version="app/3.2.7.1"), 3),
        (Client(version="app/3.10"), 3),
        (Client(version="4.1"), 3),
        (Client(version="beta"), 1),
        (Client(form_version=1), 1),
        (Client(form_version=2), 1),
        (Client(form_version=3), 3),
        (Client(form_version=4), 3),
        (Client(form_version=99), 1),
    ],
    ids=lambda value: getattr(value, "label", value),
)
def test_a_client_is_judged_by_the_version_it_was_built_for(client: Client, expected: int) -> None:
    assert version_of(GROWN, client) == expected


def test_only_clients_that_are_new_enough_take_part_in_a_trial() -> None:
    taking_part = {
        version: judge(GROWN, Client(version=version), {}, bucket=0.01).version
        for version in ("3.2.6", "3.9", "4.0")
    }

    assert taking_part == {"3.2.6": 1, "3.9": 3, "4.0": 4}
    assert judge(GROWN, Client(version="4.0"), {}, bucket=0.05).version == 3


@pytest.mark.parametrize(
    ("body", "stated", "label"),
    [
        ({"form_version": 2}, "", "form version 2"),
        ({"form_version": "2"}, "3.2.6", "form version 2"),
        ({}, "2", "form version 2"),
        ({}, "app/3.2.6", "app/3.2.6"),
        ({"client": {"name": "app", "version": "3.2.6"}}, "", "app/3.2.6"),
        ({"client": {"version": "3.2.6"}}, "", "3.2.6"),
        ({"form_version": True}, "", "unstated"),
        ({"client": {"version": "13800138001\n<script>"}}, "", "unstated"),
        ({"client": "app"}, "", "unstated"),
        (None, "", "unstated"),
    ],
)
def test_a_client_is_known_by_what_it_states(body: Any, stated: str, label: str) -> None:
    assert client_of(body, stated).label == label


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("V3.2.6", (3, 2, 6)), ("app/3.10", (3, 10)), ("3.0.0", (3,)), ("0", ()), ("x3", None)],
)
def test_versions_are_compared_as_numbers(text: str, numbers: tuple[int, ...] | None) -> None:
    assert numbers_of(text) == numbers


def test_a_field_newer_than_a_closed_version_is_welcome_in_it() -> None:
    closed = {"additionalProperties": False}
    form = form_of(
        version(1, Stage.REPLACED, **closed),
        version(3, Stage.LIVE, "2.0", required=["f3"], **closed),
    )

    newer = judge(form, Client(form_version=1), {"f1": "a", "f3": "b"})
    wrong = judge(form, Client(form_version=1), {"f3": 7})
    unknown = judge(form, Client(form_version=1), {"f9": "a"})

    assert newer.is_ok
    assert wrong.detail == "/f3 type"
    assert unknown.detail == " additionalProperties"


def test_a_share_is_spread_evenly_and_is_another_for_another_canary() -> None:
    buckets = [bucket_of(GROWN, f"client-{number}") for number in range(4000)]
    following = form_of(*GROWN.versions.values(), canary_version=5)

    assert all(0 <= each < 1 for each in buckets)
    assert 0.04 < sum(each < 0.05 for each in buckets) / 4000 < 0.06
    assert bucket_of(following, "client-1") != buckets[1]


KNOWN = ("name", "mobile", "address", "city", "tags")
STRICT = form_of(
    version(
        3,
        Stage.LIVE,
        properties={
            "name": {"type": "string"},
            "mobile": {"type": "string", "pattern": "^1[0-9]{10}$"},
            "address": {
                "type": "object",
                "properties": {"city": {"enum": ["a"]}},
                "additionalProperties": {"type": "integer"},
            },
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        required=["name"],
        additionalProperties={"type": "null"},
    )
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(KNOWN), st.text(max_size=12)), inner, max_size=4),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(fields=JSON)
def test_a_verdict_names_known_fields_only_and_never_a_value(fields: Any) -> None:
    verdict = judge(STRICT, Client(), fields)

    for violation in verdict.violations:
        for part in violation.pointer.split("/")[1:]:
            assert part in (*KNOWN, "*") or part.isdecimal()
