"""What is read in the plain form is what JSON says, and whatever is not surely so is not of that form."""

import json
from pathlib import Path
from typing import Any

import pytest
from auditor.contents import agree
from auditor.dump import opened
from auditor.plain import ENTRY, RECORDED, fact_key, fact_value
from auditor.specimen import Signer, chained, grown, sealed
from auditor.verification import verify
from hypothesis import given
from hypothesis import strategies as st

SIGNER = Signer.of("leadchain/permissions/specimen", "signer")
NAMES = st.sampled_from(["action", "seq", "changes", "recorded_at", "resource", "z", "销售", 'a"b'])
VALUES = st.one_of(st.text(max_size=5), st.integers(), st.floats(allow_nan=False), st.booleans())
DETAILS = st.dictionaries(NAMES, VALUES | st.lists(st.text(max_size=3), max_size=2), max_size=5)
FACT = {
    "relation": "viewer",
    "resource_id": "l1",
    "resource_type": "lead",
    "seq": 7,
    "subject_id": "ana",
    "subject_type": "user",
}


def canonical(stated: dict[str, Any]) -> str:
    return json.dumps(stated, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def entry(**stated: Any) -> str:
    return canonical({"action": "decided", "recorded_at": "noon", "seq": 7, **stated})


@given(
    details=DETAILS,
    is_change=st.booleans(),
    cut=st.tuples(st.integers(0, 250), st.integers(0, 3)),
    put=st.text('",:{}[]\\ 0e.-\nx', max_size=3),
)
def test_what_is_of_the_plain_form_is_json_that_says_the_same(
    *, details: dict, is_change: bool, cut: tuple[int, int], put: str
) -> None:
    changes = {"changes": [{"fact": FACT, "kind": "fact_put"}]} if is_change else {}
    whole = canonical({"recorded_at": "noon", "seq": 7, **details, **changes})
    at = cut[0] % len(whole)

    for text in (whole, whole[:at] + put + whole[at + cut[1] :]):
        match = ENTRY.fullmatch(text)
        if match is not None:
            stated = json.loads(text)
            assert (stated["recorded_at"], stated["seq"]) == (match[9], int(match[10]))
            assert ("changes" in stated) == (match[8] is not None)
            if match[8] is not None:
                [change] = stated["changes"]
                taken = (match[3], match[2], match[1], match[7], match[5], match[6] or "")
                assert (taken, match[4]) == (fact_key(change["fact"]), fact_value(change))


@pytest.mark.parametrize(
    "text",
    [
        entry(seq="7"),
        entry(seq=7.0),
        entry(recorded_at={"recorded_at": "noon"}),
        entry(details={"seq": 7}),
        entry(changes=[]),
        entry(changes=[{"fact": {**FACT, "until_s": 5.0}, "kind": "fact_put"}]),
        entry().replace('"seq":7', '"seq":7,"seq":8'),
        entry().replace('"seq":7', '"seq":07'),
        entry().replace(":", ": "),
        entry(actor="a\nb"),
        entry() + " ",
    ],
)
def test_what_is_not_surely_plain_is_left_to_json(text: str) -> None:
    assert ENTRY.fullmatch(text) is None


def test_entries_as_they_are_written_are_of_the_plain_form() -> None:
    plain = [
        entry(actor="销售", resource="lead:l1", fields=["a", "b"], price=1.5, is_new=True),
        entry(changes=[{"fact": FACT, "kind": "fact_put"}]),
        entry(changes=[{"fact": {**FACT, "subject_relation": "m"}, "kind": "fact_removed"}]),
    ]

    assert all(ENTRY.fullmatch(text) for text in plain)


def test_a_part_of_the_state_is_plain_only_as_a_whole() -> None:
    names = ("resource_type", "resource_id", "relation", "subject_type", "subject_id", "seq")
    fact = {name: FACT[name] for name in names}
    one = json.dumps({"kind": "fact_put", "fact": fact}, separators=(",", ":"))

    assert RECORDED.findall(f"{one},{one}") == [(*fact_key(FACT), "7", "")] * 2
    for text in (f"{one} {one}", f"{one},", f"{one}{one}", f'{one},{{"kind":"x"}}', f"[{one}]"):
        assert any(row[-1] for row in RECORDED.findall(text))


@pytest.mark.parametrize(
    ("last", "state", "is_whole"),
    [
        ({"kind": "fact_removed", "fact": FACT}, [], True),
        ({"kind": "fact_removed", "fact": FACT}, [FACT], False),
        ({"kind": "fact_put", "fact": {**FACT, "seq": 9}}, [{**FACT, "seq": 9}], True),
        ({"kind": "fact_put", "fact": {**FACT, "seq": 9}}, [FACT], False),
        ({"kind": "fact_put", "fact": {**FACT, "until_s": 1.0}}, [], True),
        ({"kind": "fact_put", "fact": {**FACT, "until_s": 1.0}}, [FACT], False),
        ({"kind": "fact_put", "fact": {**FACT, "until_s": 9e9}}, [], False),
        ({"kind": "network_put", "cidr": "::/0", "name": "all"}, [FACT], False),
        ({"kind": "nothing"}, [FACT], False),
        ({}, [FACT], False),
        ({"kind": "fact_put", "fact": 5}, [FACT], False),
    ],
)
def test_the_last_change_of_a_fact_is_what_has_to_be_on_record(
    *, last: dict, state: list[dict], is_whole: bool, tmp_path: Path
) -> None:
    log = grown(1, every=1, signer=SIGNER, witness=SIGNER)
    facts = [json.loads(log.entries[0].fact)]
    facts += [{"changes": [{"kind": "fact_put", "fact": FACT}]}, {"changes": [last]}]
    log.entries = chained(facts)
    log.notes = sealed(log.entries, [3], (SIGNER,))
    log.state = [{"kind": "fact_put", "fact": fact} for fact in state]
    log.ending_where_it_ends().write(tmp_path / "log.dump")

    report = verify(tmp_path / "log.dump", processes=1)

    assert (report.findings == []) == is_whole
    assert agree(opened(tmp_path / "log.dump")) == is_whole
