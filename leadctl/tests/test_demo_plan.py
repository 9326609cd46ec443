"""What the demonstration delivers: made-up, the same at every run, with each oddity in it."""

from datetime import UTC, datetime
from itertools import islice, product

import pytest
from leadctl.demo.deliveries import FACEBOOK_LEADGEN, WEBSITE_FORM, Kind, plan, simple_deliveries
from leadctl.demo.environment import DEMO_FILES
from leadctl.demo.people import COVERED_PLACES, INDUSTRIES, UNCOVERED_PLACE, credit_code, people
from leadctl.reps import load_roster

AT = datetime(2026, 1, 25, 13, 30, tzinfo=UTC)
SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def test_a_plan_is_the_same_for_the_same_arguments() -> None:
    first = plan(300, seed=7, at=AT)

    again, others = plan(300, seed=7, at=AT), plan(300, seed=8, at=AT)

    assert first == again
    assert first.deliveries != others.deliveries


@pytest.mark.parametrize("count", [20, 100, 1000])
def test_a_plan_has_every_kind_and_as_many_deliveries_as_asked_for(count: int) -> None:
    planned = plan(count, seed=1, at=AT)

    counts = planned.counts()

    assert len(planned.deliveries) == count
    assert set(counts) == set(Kind)
    assert [counts[k] for k in (Kind.UNMAPPABLE, Kind.TEST, Kind.SPAM, Kind.UNCOVERED)] == [1] * 4


def test_what_a_plan_expects_adds_up() -> None:
    expected = plan(1000, seed=1, at=AT).expected()

    outcomes = expected.assigned + expected.waiting + expected.merged
    assert expected.accepted == outcomes + expected.rejected + expected.quarantined
    assert expected.accepted == 1000 - 50 - 10


def test_too_small_a_plan_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 20"):
        plan(19, seed=1, at=AT)


def test_a_repeat_is_the_same_delivery_after_the_first() -> None:
    deliveries = plan(1000, seed=3, at=AT).deliveries

    repeats = [(n, one) for n, one in enumerate(deliveries) if one.kind is Kind.REPEATED]

    for place, repeat in repeats:
        assert repeat.repeats is not None
        first = deliveries[repeat.repeats]
        assert repeat.repeats < place
        assert (first.body, first.webhook_id) == (repeat.body, repeat.webhook_id)
        assert first.repeats is None


def test_three_in_ten_come_by_facebook_and_the_graph_api_knows_each() -> None:
    planned = plan(1000, seed=1, at=AT)

    by_facebook = {one.body for one in planned.deliveries if one.channel == FACEBOOK_LEADGEN}

    assert 230 < len(by_facebook) < 370
    assert len(planned.graph_bodies) == len(by_facebook)


def test_no_two_people_share_a_phone_and_all_are_of_the_sample_pattern() -> None:
    phones = [person.phone for person in islice(people(1), 25_000)]

    assert len(set(phones)) == len(phones)
    assert all(len(phone) == 11 and phone[3:7] == "0013" for phone in phones)
    assert all(phone.startswith("1380013") for phone in phones[:10_000])


def test_tax_numbers_are_well_formed_and_different() -> None:
    codes = [credit_code(number) for number in range(0, 90_000, 7)]

    assert len(set(codes)) == len(codes)
    for code in codes[:50]:
        weighed = sum(SIGNS.index(sign) * pow(3, n, 31) for n, sign in enumerate(code[:17]))
        assert (weighed + SIGNS.index(code[17])) % 31 == 0


def test_every_covered_lead_finds_a_second_owner_and_the_uncovered_one_none() -> None:
    active = [rep for rep in load_roster(DEMO_FILES / "roster.yaml") if rep.active]

    for place, industry in product(COVERED_PLACES, INDUSTRIES):
        able = [
            rep.rep_id
            for rep in active
            if place.city in rep.cities and (not rep.industries or industry in rep.industries)
        ]
        assert len(able) >= 2, (place.city, industry)
    assert not [rep.rep_id for rep in active if UNCOVERED_PLACE.city in rep.cities]


def test_load_is_plain_website_forms_each_with_an_id_of_its_own() -> None:
    load = list(simple_deliveries(500, seed=1, at=AT))

    assert {one.channel for one in load} == {WEBSITE_FORM}
    assert len({one.webhook_id for one in load}) == 500
