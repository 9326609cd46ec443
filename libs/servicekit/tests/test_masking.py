"""No personal data survives masking, and what operators need to read does."""

import unicodedata
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit.masking import mask_fields, mask_phone, mask_text

_GAPS = st.sampled_from(["", "", "", " ", "-", ".", "\u3000", "－", "\u200b", " - ", "\u00a0", "·"])
_PREFIXES = st.sampled_from(
    ["", "+86", "+86 ", "0086", "86", "86-", "(+86)", "＋８６", "０", "0", "+86-"]
)
_AROUND = st.text(st.characters(exclude_categories=["Nd", "Nl", "No"]), max_size=12)
_MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)


@st.composite
def spelt_mobiles(draw: st.DrawFn) -> tuple[str, str]:
    """A mobile number and one of the ways that people type it."""
    mobile = draw(_MOBILES)
    wide = draw(st.booleans())
    digits = [chr(ord(d) + 0xFEE0) if wide else d for d in mobile]
    spelling = digits[0] + "".join(draw(_GAPS) + digit for digit in digits[1:])
    return mobile, draw(_PREFIXES) + spelling


@given(spelt_mobiles(), _AROUND, _AROUND)
def test_no_mobile_number_survives_however_it_is_spelt(
    spelt: tuple[str, str], before: str, after: str
) -> None:
    mobile, spelling = spelt

    masked = mask_text(f"{before} {spelling} {after}")

    digits = "".join(c for c in unicodedata.normalize("NFKC", masked) if c.isdecimal())
    assert mobile not in digits


@given(spelt_mobiles(), _AROUND)
def test_masking_twice_changes_nothing(spelt: tuple[str, str], around: str) -> None:
    once = mask_text(f"{around}{spelt[1]}{around}")

    assert mask_text(once) == once


@given(spelt_mobiles())
def test_a_masked_phone_keeps_its_first_three_and_last_four_digits(spelt: tuple[str, str]) -> None:
    mobile, spelling = spelt

    assert mask_phone(spelling) == f"{mobile[:3]}****{mobile[-4:]}"


@given(st.uuids(), st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1))
def test_ids_are_left_alone(some_id: uuid.UUID, trace: int, span: int) -> None:
    text = f"{some_id} {some_id.hex} 00-{trace:032x}-{span:016x}-01"

    assert mask_text(text) == text


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_timestamps_are_left_alone(moment: datetime) -> None:
    seconds = max(int(moment.timestamp()), 1_000_000_000)
    text = f"at {moment.isoformat()} or {seconds} {seconds * 1000} {seconds * 10**9};"

    assert mask_text(text) == text


@given(st.integers(1, 65535), st.ip_addresses(v=4))
def test_ports_are_left_alone(port: int, address: object) -> None:
    text = f"{address}:{port} localhost:{port}"

    assert mask_text(text) == text


@pytest.mark.parametrize(
    "personal",
    [
        "zhang.san@example.com",
        "zhang＠example．cn",
        "91110108MA01ABCD2X",
        "91110108ma01abcd2x",
        "110101199003078888",
        "11010119900307888X",
    ],
)
def test_emails_credit_codes_and_identity_numbers_are_masked(personal: str) -> None:
    assert mask_text(f"客户 {personal} 来访") == "客户 *** 来访"
    assert personal not in mask_text(f"客户{personal}来访")


def test_a_phone_inside_chinese_text_or_letters_is_masked() -> None:
    assert mask_text("请回电13800138001谢谢") == "请回电138****8001谢谢"
    assert mask_text("tel13800138002x") == "tel138****8002x"
    assert mask_text("13800138001/13800138002") == "138****8001/138****8002"


def test_fields_known_by_their_key_are_hidden_whatever_they_hold() -> None:
    fields = {
        "phone": "1380-013-8001",
        "contact_person": "示例",
        "name": "示例",
        "company": {"title": "示例公司"},
        "Authorization": "Bearer abc",
        "webhook_secret": "s3cret",
        "payload": b"\x00\x01",
        "channel": "website_form",
        "email": None,
        "attempts": 3,
    }

    assert mask_fields(fields) == {
        "phone": "138****8001",
        "contact_person": "***",
        "name": "***",
        "company": "***",
        "Authorization": "***",
        "webhook_secret": "***",
        "payload": "***",
        "channel": "website_form",
        "email": None,
        "attempts": 3,
    }


def test_nested_numbers_bytes_and_unknown_objects_reveal_nothing() -> None:
    fields = {"lead": [{"n": 13800138001}, b"13800138001", object(), 5.5, True]}

    masked = mask_fields(fields)

    assert masked == {"lead": [{"n": "138****8001"}, "<11 bytes>", "<object>", 5.5, True]}
