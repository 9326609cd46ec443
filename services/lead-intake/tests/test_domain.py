"""What lead-intake decides, without any server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.channels.channel_files import load_channels
from lead_intake.channels.transforms import TRANSFORMS
from lead_intake.domain.leads import (
    Contact,
    Inquiry,
    Quarantined,
    QuarantineReason,
    Understood,
    conclude,
    next_fetch_delay_s,
)
from lead_intake.domain.places import Region
from lead_intake.reading import load_lexicons, read_delivery, read_fetched

CHANNELS = load_channels()
LEXICONS = load_lexicons()
POINTS = ("phone_e164", "masked_phone", "email", "wechat")


def an_inquiry(**contact: str) -> Inquiry:
    return Inquiry(Contact(**contact), "", Region(), "", "other", "", None)


@pytest.mark.parametrize("point", POINTS)
def test_one_contact_point_is_enough(point: str) -> None:
    inquiry = an_inquiry(**{point: "x"})

    found = conclude(inquiry, external_id=None, contact_points=POINTS)

    assert found == Understood(inquiry)


def test_a_name_is_no_contact_point() -> None:
    found = conclude(an_inquiry(name="赵六"), external_id="7", contact_points=POINTS)

    assert found == Quarantined(QuarantineReason.NO_CONTACT_POINT, "contact", "7")


def test_a_body_is_fetched_again_on_schedule_and_then_given_up() -> None:
    delays = [next_fetch_delay_s(count, scale=1) for count in range(1, 7)]

    assert delays == [1, 5, 30, 120, 600, None]


def test_a_contact_does_not_show_in_a_text() -> None:
    inquiry = an_inquiry(name="赵六", phone_e164="+8613800138004")

    assert "赵六" not in repr(inquiry)
    assert "13800138004" not in repr(inquiry)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(VALUES, st.sampled_from(sorted(TRANSFORMS)))
def test_a_transform_takes_any_value(value: object, name: str) -> None:
    TRANSFORMS[name](value)


@given(st.binary(max_size=200), st.sampled_from(sorted(CHANNELS)))
def test_any_bytes_give_findings(raw: bytes, channel: str) -> None:
    read_delivery(CHANNELS[channel].reading, raw, LEXICONS)


@given(VALUES)
def test_any_fetched_body_gives_a_finding_about_its_id(body: object) -> None:
    found = read_fetched(CHANNELS["facebook_leadgen"].reading, body, LEXICONS, external_id="9")

    assert isinstance(found, Quarantined)
    assert found.external_id == "9"
