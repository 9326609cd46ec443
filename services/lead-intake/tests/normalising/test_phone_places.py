"""Where a phone number was issued is a hint, never a statement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.places import Method, Precision, Region
from lead_intake.normalising.phone_places import load_phone_places
from lead_intake.normalising.regions import load_gazetteer, with_hint

GAZETTEER = load_gazetteer()
PLACES = load_phone_places(GAZETTEER)


@pytest.mark.parametrize(
    ("e164", "city"),
    [
        ("+8675526123456", "深圳"),
        ("+862161234567", "上海"),
        ("+8651261234567", "苏州"),
        ("+8613005412345", "深圳"),
        ("+8613800138001", "北京"),
        ("+85291234567", ""),
        ("+86139", ""),
        ("", ""),
    ],
)
def test_a_number_hints_at_the_city_in_which_it_was_issued(e164: str, city: str) -> None:
    hint = PLACES.hint_of(e164)

    assert hint.city == city
    assert hint.method is (Method.HINT if city else Method.NONE)


def test_a_hint_fills_in_what_nobody_said() -> None:
    hint = PLACES.hint_of("+8675526123456")

    assert with_hint(Region(), hint) == hint
    assert with_hint(GAZETTEER.resolve("广东"), hint) == hint


@pytest.mark.parametrize("stated", ["杭州", "浙江", "南京市鼓楼区"])
def test_a_hint_never_overrides_what_was_said(stated: str) -> None:
    said = GAZETTEER.resolve(stated)

    assert with_hint(said, PLACES.hint_of("+8675526123456")) == said


def test_a_hint_decides_between_the_places_that_were_said() -> None:
    said = GAZETTEER.resolve("朝阳区")

    settled = with_hint(said, PLACES.hint_of("+8613800138001"))

    assert (settled.city, settled.precision) == ("北京", Precision.CITY)
    assert settled.method is Method.HINT
    assert with_hint(said, PLACES.hint_of("+8675526123456")) == said


@given(st.from_regex(r"\+86[0-9]{0,12}", fullmatch=True))
def test_no_number_breaks_the_hint(e164: str) -> None:
    assert PLACES.hint_of(e164).method in {Method.NONE, Method.HINT}
