"""What people type as a phone number, and what it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.normalising.phone_numbers import (
    PhoneKind,
    first_complete,
    first_masked,
    read_phones,
)

SAMPLE = "+8613800138001"


@pytest.mark.parametrize(
    "typed",
    [
        "13800138001",
        "+86 138-0013-8001",
        "(138)00138001",
        "008613800138001",
        "86 138 0013 8001",
        "１３８００１３８００１",
        "①③⑧⓪⓪①③⑧⓪⓪①",
        "+86(0)13800138001",
        "tel:13800138001",
        "微信13800138001",
        "\u200b138\u00a00013\u00a08001\ufeff",
        "一三八零零一三八零零一",
        "手机：138.0013.8001",
    ],
)
def test_a_mobile_number_is_read_however_it_is_typed(typed: str) -> None:
    (number,) = read_phones(typed)

    assert number.kind is PhoneKind.MOBILE
    assert number.e164 == SAMPLE
    assert number.display == "138****8001"


@pytest.mark.parametrize(
    "typed", ["138****8001", "138xxxx8001", "138 **** 8001", "138＊＊＊＊8001", "138••••8001"]
)
def test_a_masked_number_is_never_completed(typed: str) -> None:
    numbers = read_phones(typed)
    masked = first_masked(numbers)

    assert first_complete(numbers) is None
    assert masked is not None
    assert masked.e164 == ""
    assert masked.display == "138****8001"


@pytest.mark.parametrize(
    ("typed", "e164", "extension"),
    [
        ("0755-26123456", "+8675526123456", ""),
        ("(0755)26123456", "+8675526123456", ""),
        ("021-61234567 ext 12", "+862161234567", "12"),
        ("0755 2612 3456转8001", "+8675526123456", "8001"),
        ("0755-26123456-8001", "+8675526123456", "8001"),
    ],
)
def test_a_landline_keeps_its_extension_apart(typed: str, e164: str, extension: str) -> None:
    (number,) = read_phones(typed)

    assert (number.kind, number.e164, number.extension) == (PhoneKind.LANDLINE, e164, extension)


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("400-688-0186", PhoneKind.HOTLINE),
        ("800-820-8820", PhoneKind.HOTLINE),
        ("95588", PhoneKind.SHORT_CODE),
        ("12345", PhoneKind.SHORT_CODE),
        ("10648123456789", PhoneKind.SHORT_CODE),
        ("138l0138001", PhoneKind.INVALID),
        ("1380013800", PhoneKind.INVALID),
        ("138001380012", PhoneKind.INVALID),
    ],
)
def test_a_number_that_reaches_nobody_is_no_contact_point(typed: str, kind: PhoneKind) -> None:
    numbers = read_phones(typed)

    assert [number.kind for number in numbers] == [kind]
    assert first_complete(numbers) is None


@pytest.mark.parametrize(
    "typed", ["138 0013 8001/13800138002", "13800138001、13800138002", "13800138001 或 13800138002"]
)
def test_two_numbers_in_one_field_are_two_and_the_first_is_used(typed: str) -> None:
    numbers = read_phones(typed)

    assert [number.e164 for number in numbers] == [SAMPLE, "+8613800138002"]
    assert first_complete(numbers) == numbers[0]


@pytest.mark.parametrize(
    ("typed", "e164"),
    [
        ("+852 9123 4567", "+85291234567"),
        ("+886 912 345 678", "+886912345678"),
        ("+1 (281) 555-0123", "+12815550123"),
    ],
)
def test_a_foreign_number_needs_its_country(typed: str, e164: str) -> None:
    complete = first_complete(read_phones(typed))

    assert complete is not None
    assert complete.e164 == e164


@given(st.text(max_size=300))
def test_no_text_breaks_the_reading(typed: str) -> None:
    for number in read_phones(typed):
        assert bool(number.e164) is number.is_complete
