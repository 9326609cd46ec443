"""Whose lead it is, decided without servers."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from identity.domain import (
    GoldenId,
    Key,
    Lead,
    LeadId,
    MatchBasis,
    Recognition,
    golden_id,
    master_id,
    recognise,
)

NOON = datetime(2026, 2, 7, 12, tzinfo=UTC)


def a_lead(number: int, *, phone: str = "A", uscc: str = "", minute: int = 0) -> Lead:
    """A lead; its indexes are readable here, digests elsewhere."""
    return Lead(
        LeadId(UUID(int=number)),
        "website_form",
        NOON + timedelta(minutes=minute),
        phone.encode(),
        uscc.encode(),
        GoldenId(f"{phone}/{uscc}" if phone else f"lead/{number}"),
    )


def bases(recognition: Recognition) -> list[MatchBasis]:
    return [identity.basis for identity in recognition.identities]


def customers(recognition: Recognition) -> list[str]:
    return [identity.golden_id for identity in recognition.identities]


def test_the_first_lead_of_a_phone_makes_a_customer() -> None:
    recognition = recognise([a_lead(1)], [])

    assert bases(recognition) == [MatchBasis.NEW]
    assert [newcomer.golden_id for newcomer in recognition.newcomers] == ["A/"]
    assert [(k.phone_index, k.uscc_index) for k in recognition.new_keys] == [(b"A", b"")]


def test_same_phone_and_same_company_twice_is_one_customer() -> None:
    recognition = recognise([a_lead(1, uscc="X"), a_lead(2, uscc="X")], [])

    assert bases(recognition) == [MatchBasis.NEW, MatchBasis.PHONE_AND_USCC]
    assert len(set(customers(recognition))) == 1
    assert len(recognition.newcomers) == 1


def test_the_identifier_survives_when_the_company_becomes_known_later() -> None:
    recognition = recognise([a_lead(1), a_lead(2, uscc="X"), a_lead(3, uscc="X")], [])

    assert customers(recognition) == ["A/", "A/", "A/"]
    assert bases(recognition) == [MatchBasis.NEW, MatchBasis.PHONE, MatchBasis.PHONE_AND_USCC]


def test_a_phone_alone_is_the_customer_with_that_phone_and_a_company() -> None:
    recognition = recognise([a_lead(1, uscc="X"), a_lead(2), a_lead(3)], [])

    assert customers(recognition) == ["A/X", "A/X", "A/X"]
    assert bases(recognition) == [MatchBasis.NEW, MatchBasis.PHONE, MatchBasis.PHONE]


def test_same_phone_with_another_company_is_another_customer() -> None:
    recognition = recognise([a_lead(1), a_lead(2, uscc="X"), a_lead(3, uscc="Y")], [])

    assert customers(recognition) == ["A/", "A/", "A/Y"]
    assert bases(recognition)[-1] is MatchBasis.NEW


def test_a_phone_of_two_companies_is_of_the_one_who_was_seen_first() -> None:
    known = [
        Key(b"A", b"X", GoldenId("A/X"), NOON),
        Key(b"A", b"Y", GoldenId("A/Y"), NOON - timedelta(days=1)),
    ]

    recognition = recognise([a_lead(1)], known)

    assert customers(recognition) == ["A/Y"]


def test_a_lead_without_a_phone_matches_nobody_even_with_a_known_company() -> None:
    known = [Key(b"A", b"X", GoldenId("A/X"), NOON)]

    recognition = recognise([a_lead(1, phone="", uscc="X"), a_lead(2, phone="")], known)

    assert customers(recognition) == ["lead/1", "lead/2"]
    assert bases(recognition) == [MatchBasis.NONE, MatchBasis.NONE]
    assert recognition.new_keys == []


FULL_KEYS = st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("XYZ")), max_size=12)


@given(keys=FULL_KEYS, shuffle=st.randoms(use_true_random=False), batch_size=st.integers(1, 5))
def test_the_order_of_leads_with_full_keys_does_not_change_who_is_one_customer(
    keys: list[tuple[str, str]], shuffle: object, batch_size: int
) -> None:
    leads = [a_lead(number, phone=p, uscc=u) for number, (p, u) in enumerate(keys)]
    shuffled = list(leads)
    shuffle.shuffle(shuffled)  # type: ignore[attr-defined]

    assert groups(leads, batch_size=len(leads) or 1) == groups(shuffled, batch_size=batch_size)


@given(keys=st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from(["", "X", "Y"]))))
def test_batches_decide_as_one_after_another_would(keys: list[tuple[str, str]]) -> None:
    leads = [a_lead(n, phone=p, uscc=u, minute=n) for n, (p, u) in enumerate(keys)]

    assert groups(leads, batch_size=len(leads) or 1) == groups(leads, batch_size=1)


def groups(leads: Sequence[Lead], *, batch_size: int) -> dict[str, set[LeadId]]:
    """The leads of each customer, after the leads have come in batches."""
    known: list[Key] = []
    found: dict[str, set[LeadId]] = defaultdict(set)
    for start in range(0, len(leads), batch_size):
        recognition = recognise(leads[start : start + batch_size], known)
        known += recognition.new_keys
        for identity in recognition.identities:
            found[identity.golden_id].add(identity.lead.lead_id)
    return dict(found)


def test_a_golden_id_is_64_hex_characters_that_depend_on_every_part() -> None:
    given = {"phone_e164": "+8613800138001", "second_factor": "91440300MA5EXAMP1X"}

    ids = {
        golden_id(b"k" * 32, **given),
        golden_id(b"l" * 32, **given),
        golden_id(b"k" * 32, **{**given, "phone_e164": "+8613800138002"}),
        golden_id(b"k" * 32, **{**given, "second_factor": ""}),
    }

    assert len(ids) == 4
    assert all(len(each) == 64 and int(each, 16) for each in ids)


def test_the_first_recipe_gives_the_same_golden_id_for_ever() -> None:
    found = golden_id(b"k" * 32, phone_e164="+8613800138001", second_factor="")

    assert found == "39803355e330f7d39693409423c38278743703df2d700ae2f1c1e1de71631d92"


def test_a_master_id_is_readable() -> None:
    assert master_id(date(2026, 2, 7), 1) == "CID-20260207-000001"
    assert master_id(date(2026, 2, 7), 12_345_678) == "CID-20260207-12345678"
