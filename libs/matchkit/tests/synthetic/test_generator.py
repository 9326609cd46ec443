"""The labelled set is repeatable, as dirty as promised, and nobody's."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from matchkit.chinese.phone_numbers import is_mobile
from matchkit.kinds.company import COMPANY
from matchkit.kinds.person_name import PERSON_NAME
from matchkit.kinds.phone import PHONE
from matchkit.kinds.resident_id import RESIDENT_ID
from matchkit.kinds.uscc import USCC
from matchkit.synthetic import generate
from matchkit.synthetic.companies import a_firm
from matchkit.synthetic.difficulty import difficulty
from matchkit.synthetic.mistakes import damaged_code
from matchkit.synthetic.records import FIELDS

CUSTOMERS = 3_000


@pytest.fixture(scope="module")
def records():
    """Some 4,500 records of 3,000 customers."""
    return generate(customers=CUSTOMERS, seed=11)


def test_the_same_seed_gives_the_same_records(records) -> None:
    assert generate(customers=CUSTOMERS, seed=11) == records


def test_another_seed_gives_others(records) -> None:
    assert generate(customers=CUSTOMERS, seed=12) != records


def test_a_third_of_the_records_are_duplicates(records) -> None:
    found = difficulty(records)

    assert found.customers == CUSTOMERS
    assert found.duplicate_share == pytest.approx(0.342, abs=0.02)


def test_some_records_share_nothing_with_their_siblings(records) -> None:
    found = difficulty(records)

    assert 0 < found.unlinkable / found.records < 0.02


def test_every_customer_is_in_the_records(records) -> None:
    assert {record.customer for record in records} == set(range(CUSTOMERS))


def test_five_systems_hold_them_under_keys_of_their_own(records) -> None:
    assert set(Counter(record.system for record in records)) == {
        "erp",
        "scm",
        "tickets",
        "wechat",
        "old_crm",
    }
    assert len({record.key for record in records}) == len(records)


def test_records_have_known_fields_only(records) -> None:
    assert {field for record in records for field in record.values} <= set(FIELDS)


def test_names_are_names_and_firms_are_firms(records) -> None:
    assert all(PERSON_NAME.normalise(record.values["name"]) for record in records)
    assert all(
        COMPANY.normalise(record.values["company"])
        for record in records
        if "company" in record.values
    )


def test_numbers_are_valid_but_for_the_damaged_ones(records) -> None:
    codes = [record.values["uscc"] for record in records if "uscc" in record.values]
    residents = [
        record.values["resident_id"] for record in records if "resident_id" in record.values
    ]

    damaged = sum(USCC.normalise(code) is None for code in codes)

    assert 0 < damaged < len(codes) * 0.03
    assert all(RESIDENT_ID.normalise(number) for number in residents)


def test_telephones_are_readable_however_they_are_typed(records) -> None:
    phones = [record.values["phone"] for record in records if "phone" in record.values]

    numbers = [PHONE.normalise(phone) for phone in phones]

    assert all(numbers)
    assert 0.8 < sum(is_mobile(number) for number in numbers) / len(numbers) < 0.99


def test_somebody_who_changed_jobs_is_two_customers_with_one_telephone(records) -> None:
    owners: dict[str, set[int]] = {}
    for record in records:
        if "openid" in record.values:
            owners.setdefault(record.values["openid"], set()).add(record.customer)

    assert any(len(customers) == 2 for customers in owners.values())


def test_a_world_without_customers_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a customer"):
        generate(customers=0, seed=1)


def test_a_damaged_code_is_no_code() -> None:
    random = Random(3)
    codes = [a_firm(random).uscc for _ in range(300)]

    assert all(USCC.normalise(code) == code for code in codes)
    assert not any(USCC.normalise(damaged_code(random, code)) for code in codes)
