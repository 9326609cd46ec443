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
        "❶❸❽⓪⓪❶❸❽⓪⓪❶",
        "١٣٨٠٠١٣٨٠٠١",
        "一三八 零零一三 八零零一",
        "幺三八洞洞幺三八洞洞幺",
        "壹叁捌零零壹叁捌零零壹",
        "138零零138001",
        "wx13800138001",
        "张三13800138001",
        "13800138001张三",
        "13800138001(微信同号)",
        "【13800138001】",
        "13800138001 wechat",
        "电话：138 0013 8001（王先生）",
        "138_0013_8001",
        "订单12 13800138001",
        "13800138001?",
    ],
)
def test_a_mobile_number_is_read_however_it_is_typed(typed: str) -> None:
    (number,) = read_phones(typed)

    assert number.kind is PhoneKind.MOBILE
    assert number.e164 == SAMPLE
    assert number.display == "138****8001"


@pytest.mark.parametrize(
    "typed",
    [
        "138****8001",
        "138xxxx8001",
        "138XXXX8001",
        "138 **** 8001",
        "138＊＊＊＊8001",
        "138••••8001",
        "138××××8001",
        "138????8001",
        "138____8001",
        "+86 138-****-8001",
        "微信138****8001",
    ],
)
def test_a_masked_number_is_never_completed(typed: str) -> None:
    numbers = read_phones(typed)
    masked = first_masked(numbers)

    assert first_complete(numbers) is None
    assert masked is not None
    assert masked.e164 == ""
    assert (masked.masked, masked.display) == ("138****8001", "138****8001")
    assert (masked.prefix, masked.suffix) == ("138", "8001")


@pytest.mark.parametrize(
    ("typed", "prefix", "suffix"),
    [
        ("1380013****", "1380013", ""),
        ("1380013800*", "1380013", ""),
        ("****8001", "", "8001"),
        ("13800138001*", "1380013", ""),
        ("0755-2612****", "7552612", ""),
    ],
)
def test_a_masked_number_keeps_the_digits_that_it_shows(
    typed: str, prefix: str, suffix: str
) -> None:
    (number,) = read_phones(typed)

    assert (number.kind, number.prefix, number.suffix) == (PhoneKind.MASKED, prefix, suffix)


def test_a_masked_number_is_only_a_candidate() -> None:
    (masked,) = read_phones("138****8001")
    (vague,) = read_phones("****8001")
    (complete,) = read_phones("13800138001")

    assert masked.could_be("+8613800138001")
    assert not masked.could_be("+8613900138001")
    assert not vague.could_be("+8613800138001")
    assert not complete.could_be("+8613800138001")


@pytest.mark.parametrize(
    ("typed", "e164", "extension"),
    [
        ("0755-26123456", "+8675526123456", ""),
        ("(0755)26123456", "+8675526123456", ""),
        ("021-61234567 ext 12", "+862161234567", "12"),
        ("0755 2612 3456转8001", "+8675526123456", "8001"),
        ("0755-26123456-8001", "+8675526123456", "8001"),
        ("0755-26123456（转8001）", "+8675526123456", "8001"),
        ("0755-26123456分机8001", "+8675526123456", "8001"),
        ("021-61234567x12", "+862161234567", "12"),
        ("021-61234567#12", "+862161234567", "12"),
        ("+86-0755-26123456", "+8675526123456", ""),
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
        ("l3800138001", PhoneKind.INVALID),
        ("1380013800O", PhoneKind.INVALID),
        ("O755-26123456", PhoneKind.INVALID),
        ("A13800138001B", PhoneKind.INVALID),
        ("852 9123 4567", PhoneKind.INVALID),
        ("110", PhoneKind.SHORT_CODE),
        ("4006880186转1", PhoneKind.HOTLINE),
        ("1380013800", PhoneKind.INVALID),
        ("138001380012", PhoneKind.INVALID),
    ],
)
def test_a_number_that_reaches_nobody_is_no_contact_point(typed: str, kind: PhoneKind) -> None:
    numbers = read_phones(typed)

    assert [number.kind for number in numbers] == [kind]
    assert first_complete(numbers) is None


@pytest.mark.parametrize(
    "typed",
    [
        "138 0013 8001/13800138002",
        "13800138001、13800138002",
        "13800138001 或 13800138002",
        "13800138001 13800138002",
        "138 0013 8001 138 0013 8002",
        "1380013800113800138002",
        "13800138001,13800138002",
        "手机13800138001电话13800138002",
    ],
)
def test_two_numbers_in_one_field_are_two_and_the_first_is_used(typed: str) -> None:
    numbers = read_phones(typed)

    assert [number.e164 for number in numbers] == [SAMPLE, "+8613800138002"]
    assert first_complete(numbers) == numbers[0]


def test_numbers_of_several_kinds_in_one_field_are_all_kept() -> None:
    numbers = read_phones("13800138001 0755-26123456; 138****8002、400-688-0186")

    assert [number.kind for number in numbers] == [
        PhoneKind.MOBILE,
        PhoneKind.LANDLINE,
        PhoneKind.MASKED,
        PhoneKind.HOTLINE,
    ]


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


def test_a_short_foreign_number_hides_four_digits_too() -> None:
    (number,) = read_phones("+852 9123 4567")

    assert number.display == "****4567"


MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
PREFIXES = st.sampled_from(["", "+86", "+86 ", "0086", "86-", "tel:", "手机：", "(+86)", "+86(0)"])


@given(
    MOBILES,
    PREFIXES,
    st.sampled_from(["", " ", "-", ".", "\u00a0", "·", "—"]),
    st.sampled_from(["half", "full"]),
    st.sampled_from(["", "(微信同号)", " 张三", "。", " "]),
)
def test_every_spelling_of_a_mobile_is_one_number(
    digits: str, prefix: str, separator: str, width: str, note: str
) -> None:
    spelled = prefix + separator.join((digits[:3], digits[3:7], digits[7:]))
    spelled = spelled.translate(FULL_WIDTH) if width == "full" else spelled

    (number,) = read_phones(spelled + note)

    assert number == read_phones(digits)[0]
    assert number.e164 == f"+86{digits}"


@given(MOBILES, st.integers(0, 10), st.integers(1, 11), st.sampled_from("*•●×＊○※"), PREFIXES)
def test_hiding_any_digits_of_a_number_leaves_no_number(
    digits: str, first: int, count: int, sign: str, prefix: str
) -> None:
    hidden = (digits[:first] + sign * count + digits[first + count :])[:11]

    numbers = read_phones(prefix + hidden)

    assert [number.e164 for number in numbers] in ([""], [])


@given(MOBILES, st.integers(0, 9), st.integers(2, 11), st.sampled_from("xX?#_"))
def test_hiding_digits_behind_letters_leaves_no_number(
    digits: str, first: int, count: int, sign: str
) -> None:
    hidden = (digits[:first] + sign * count + digits[first + count :])[:11]

    assert first_complete(read_phones(hidden)) is None


@given(MOBILES, st.integers(0, 10), st.sampled_from("lIoO"))
def test_a_letter_is_never_taken_for_a_digit(digits: str, place: int, letter: str) -> None:
    typed = digits[:place] + letter + digits[place + 1 :]

    assert first_complete(read_phones(typed)) is None


@given(st.text(max_size=300) | st.text("0123456789+-() *x转/;.,一二三①②", max_size=300))
def test_reading_is_total_and_its_normal_forms_are_fixed_points(typed: str) -> None:
    for number in read_phones(typed):
        assert bool(number.e164) is number.is_complete
        if number.is_complete:
            assert [again.e164 for again in read_phones(number.e164)] == [number.e164]
        if number.masked:
            (again,) = read_phones(number.masked)
            assert (again.kind, again.masked) == (PhoneKind.MASKED, number.masked)
