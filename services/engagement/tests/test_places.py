"""Distances between coordinates of both datums (FU-04)."""

import pytest
from engagement.domain.places import Datum, Place, WrongCoordinates, gcj02, place
from hypothesis import given
from hypothesis import strategies as st

# Pairs that implementations of the shift are commonly held against: WGS-84, then GCJ-02.
KNOWN = [
    ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
]


@pytest.mark.parametrize(("earth", "mars"), KNOWN, ids=["shanghai", "shenzhen", "beijing"])
def test_the_shift_is_the_known_one(earth: tuple[float, float], mars: tuple[float, float]) -> None:
    assert gcj02(Place(*earth)).distance_m(Place(*mars)) < 0.01
    assert place(*mars, Datum.GCJ02).distance_m(Place(*earth)) < 0.01


@given(st.floats(4, 53), st.floats(73, 135))
def test_undoing_the_shift_comes_back_anywhere_in_china(latitude: float, longitude: float) -> None:
    here = Place(latitude, longitude)
    shifted = gcj02(here)

    back = place(shifted.latitude, shifted.longitude, Datum.GCJ02)

    assert back.distance_m(here) < 0.01


def test_the_same_digits_in_the_wrong_datum_are_hundreds_of_metres_away() -> None:
    (earth, _), *_ = KNOWN

    taken_wrong = place(*earth, Datum.GCJ02)

    assert 400 < taken_wrong.distance_m(Place(*earth)) < 800


def test_outside_of_china_nothing_is_shifted() -> None:
    assert gcj02(Place(48.8584, 2.2945)) == Place(48.8584, 2.2945)


@pytest.mark.parametrize(
    ("first", "second", "metres"),
    [
        ((0.0, 0.0), (0.0, 1.0), 111_195),
        ((39.9, 116.4), (31.2, 121.5), 1_068_000),
        ((22.5, 114.0), (22.5, 114.0), 0),
    ],
    ids=["a degree at the equator", "beijing to shanghai", "nowhere"],
)
def test_distances_are_those_on_the_globe(first: tuple, second: tuple, metres: float) -> None:  # type: ignore[type-arg]
    assert Place(*first).distance_m(Place(*second)) == pytest.approx(metres, rel=0.005)


@pytest.mark.parametrize("wrong", [(91, 0), (0, 181), (float("nan"), 0), (0, float("inf"))])
def test_what_is_on_no_map_is_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(WrongCoordinates):
        place(*wrong, Datum.WGS84)
