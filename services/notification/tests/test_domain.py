"""What a reminder says, where it may go, and what becomes of it."""

import base64
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from notification.domain import (
    RETRY_DELAYS_S,
    BadSecret,
    Delivered,
    Failed,
    LeadCard,
    NotTaken,
    Nowhere,
    OverdueCard,
    Postponed,
    Reason,
    Taken,
    UnsafeUrl,
    checked_url,
    is_public,
    parsed_secret,
    verdict,
)

NOW = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
REFUSED = NotTaken(NOW, Reason.REFUSED, "http 503")


def test_a_reminder_that_was_taken_is_delivered() -> None:
    assert verdict(Taken(NOW), attempt_count=2, delays_s=RETRY_DELAYS_S) == Delivered(3)


@pytest.mark.parametrize(("tried", "delay_s"), list(enumerate((1, 5, 30, 120, 600))))
def test_a_refused_reminder_is_tried_again_later_and_later(tried: int, delay_s: float) -> None:
    outcome = verdict(REFUSED, attempt_count=tried, delays_s=RETRY_DELAYS_S)

    assert outcome == Postponed(tried + 1, NOW + timedelta(seconds=delay_s), "http 503")


def test_a_reminder_is_given_up_after_six_tries_with_the_last_reason() -> None:
    timeout = NotTaken(NOW, Reason.TIMEOUT, "no answer in time")

    outcome = verdict(timeout, attempt_count=5, delays_s=RETRY_DELAYS_S)

    assert outcome == Failed(6, Reason.TIMEOUT, "no answer in time")


def test_a_system_that_is_gone_is_not_tried_again() -> None:
    gone = NotTaken(NOW, Reason.REFUSED, "http 410", gone=True)

    assert verdict(gone, attempt_count=0, delays_s=RETRY_DELAYS_S) == Failed(
        1, Reason.REFUSED, "http 410"
    )


def test_a_reminder_for_nobody_known_fails_without_a_try() -> None:
    outcome = verdict(Nowhere(NOW), attempt_count=0, delays_s=RETRY_DELAYS_S)

    assert outcome == Failed(0, Reason.NO_RECIPIENT, "no_recipient")


@pytest.mark.parametrize(
    "url",
    [
        "http://reminders.example/in",
        "https://user:pass@reminders.example/in",
        "https://reminders.example/in#part",
        "https:///in",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:169.254.169.254]/",
        "https://0.0.0.0/",
        "https://127.0.0.1/in",
        "https://localhost/in",
        "http://127.0.0.1:8080/in",
        "ftp://reminders.example/in",
        "https://[::1/in",
        "https://reminders.example:99999/in",
        "https://reminders.example/a b",
        "javascript:alert(1)",
        "",
    ],
)
def test_an_unsafe_address_is_refused(url: str) -> None:
    with pytest.raises(UnsafeUrl):
        checked_url(url, allow_loopback_http=False)


@pytest.mark.parametrize("url", ["https://reminders.example/in", "https://10.1.2.3:8443/in"])
def test_an_https_address_is_accepted(url: str) -> None:
    assert checked_url(url, allow_loopback_http=False) == url


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/in", "http://localhost/", "http://[::1]:1/"]
)
def test_plain_http_is_accepted_on_this_machine_where_it_is_allowed(url: str) -> None:
    assert checked_url(url, allow_loopback_http=True) == url


def test_plain_http_to_another_machine_is_refused_also_where_loopback_is_allowed() -> None:
    with pytest.raises(UnsafeUrl):
        checked_url("http://10.1.2.3/in", allow_loopback_http=True)


def test_a_name_that_leads_to_this_machine_or_to_the_cloud_metadata_is_not_public() -> None:
    assert [is_public(a) for a in ("127.0.0.1", "169.254.169.254", "fe80::1", "10.0.0.1")] == [
        False,
        False,
        False,
        True,
    ]


def test_a_secret_is_whsec_and_base64() -> None:
    text = "whsec_" + base64.b64encode(b"s" * 24).decode()

    assert parsed_secret(text) == b"s" * 24


@pytest.mark.parametrize("text", ["", "whsec_", "c2VjcmV0", "whsec_c2hvcnQ=", "whsec_%%%%"])
def test_a_secret_that_is_short_or_unreadable_is_refused(text: str) -> None:
    with pytest.raises(BadSecret):
        parsed_secret(text)


def test_an_owner_reads_what_to_do_and_by_when() -> None:
    card = LeadCard("广东 深圳", "医疗器械", "138****8001", "book_demo", NOW)

    assert card.text_zh(SHANGHAI) == (
        "新线索：广东 深圳 医疗器械，电话 138****8001，首触动作 预约演示，请在 02-07 12:30 前联系"
    )
    assert card.text_en(SHANGHAI) == (
        "New lead: 广东 深圳 医疗器械, phone 138****8001, first action book_demo, "
        "make contact by 02-07 12:30"
    )


def test_what_is_not_known_is_left_out() -> None:
    card = LeadCard("", "", "", "", NOW)

    assert card.text_zh(SHANGHAI) == "新线索，请在 02-07 12:30 前联系"


def test_a_manager_reads_who_was_late_and_who_has_it_now() -> None:
    taken, left = OverdueCard("rep-01", "rep-02", NOW), OverdueCard("rep-01", "", NOW)

    assert taken.text_zh(SHANGHAI) == "rep-01 未在 02-07 12:30 前联系线索，已转给 rep-02"
    assert left.text_en(SHANGHAI) == "rep-01 made no contact by 02-07 12:30; nobody took it"
