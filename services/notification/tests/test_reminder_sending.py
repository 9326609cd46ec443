"""What answers mean, which words are sent, and how messages are signed."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from notification.domain.addresses import Account, Device
from notification.domain.health import Tally, judged
from notification.domain.kinds import Policy, Thresholds
from notification.domain.letters import Style
from notification.domain.media import Medium
from notification.domain.people import Person
from notification.domain.receipts import Beacons
from notification.domain.reminders import Reason, Subject
from notification.domain.sending import (
    RETRY_DELAYS_S,
    Accepted,
    Answer,
    Bundle,
    Failed,
    Nowhere,
    Parcel,
    Postponed,
    Rejected,
    Taken,
    Unknown,
    verdict,
)
from notification.senders import wecom
from notification.senders.aliyun_sms import signed_headers
from notification.senders.calls import Reply
from notification.senders.codes import Codes
from notification.senders.layouts import html_page, markdown_text, plain_text, shortened
from notification.senders.robots import DINGTALK, FEISHU, dingtalk_signature, feishu_signature
from notification.senders.words import Words

NOW = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
SEND_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
BEACONS = Beacons(b"k" * 32, "https://crm.example/n")
REFUSED = Rejected(NOW, "http 503", retryable=True)


@pytest.mark.parametrize(("tried", "delay_s"), list(enumerate((1, 5, 30, 120, 600))))
def test_a_refused_message_is_tried_again_later_and_later(tried: int, delay_s: float) -> None:
    outcome = verdict(REFUSED, attempt_count=tried, delays_s=RETRY_DELAYS_S)

    next_at = NOW + timedelta(seconds=delay_s)
    assert outcome == Postponed(tried + 1, next_at, Reason.REFUSED, "http 503")


def test_a_provider_that_wants_to_be_left_alone_is() -> None:
    busy = Rejected(NOW, "45009", retryable=True, retry_after_s=60)

    outcome = verdict(busy, attempt_count=0, delays_s=RETRY_DELAYS_S)

    assert isinstance(outcome, Postponed)
    assert outcome.next_attempt_at == NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Accepted(NOW, "m-1"), Taken(6, "m-1")),
        (Unknown(NOW, Reason.TIMEOUT, "no answer in time"), Failed(6, Reason.TIMEOUT, "no answer in time")),
        (REFUSED, Failed(6, Reason.REFUSED, "http 503")),
        (Nowhere(NOW), Failed(5, Reason.NO_RECIPIENT, "no_recipient")),
    ],
    ids=["taken", "timeout", "refused", "nowhere"],
)  # fmt: skip
def test_after_five_tries_the_next_answer_is_the_last(answer: Answer, outcome: object) -> None:
    assert verdict(answer, attempt_count=5, delays_s=RETRY_DELAYS_S) == outcome


def test_an_address_that_is_gone_is_not_tried_again() -> None:
    gone = Rejected(NOW, "http 410", retryable=True, is_gone=True)

    assert verdict(gone, attempt_count=0, delays_s=RETRY_DELAYS_S) == Failed(
        1, Reason.REFUSED, "http 410"
    )


@pytest.mark.parametrize(
    ("codes", "code", "retryable", "gone"),
    [
        (DINGTALK, 310000, False, False),
        (DINGTALK, 130101, True, False),
        (wecom.CODES, 93000, False, True),
        (wecom.CODES, 45009, True, False),
        (wecom.CODES, -1, True, False),
        (FEISHU, 9499, False, False),
        (FEISHU, 19021, False, False),
        (FEISHU, None, True, False),
    ],
    ids=["310000", "130101", "93000", "45009", "busy", "9499", "19021", "no-code"],
)
def test_a_200_with_a_bad_code_is_no_success(
    codes: Codes,
    code: int | None,
    retryable: bool,  # noqa: FBT001
    gone: bool,  # noqa: FBT001
) -> None:
    answer = codes.judge(code, Reply(200, {}, 0), at=NOW)

    assert isinstance(answer, Rejected)
    assert (answer.retryable, answer.is_gone) == (retryable, gone)


def test_a_good_code_with_a_bad_status_is_no_success_either() -> None:
    assert isinstance(DINGTALK.judge(0, Reply(502, {}, 0), at=NOW), Rejected)
    assert isinstance(DINGTALK.judge(0, Reply(200, {}, 0), at=NOW), Accepted)


def test_aliyun_calls_carry_the_signature_of_the_documented_example() -> None:
    keys = {"access_key_id": "YourAccessKeyId", "access_key_secret": "YourAccessKeySecret"}
    account = Account("ecs", Medium.ALIYUN_SMS, "https://ecs.cn-shanghai.aliyuncs.com", keys)
    query = {
        "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        "RegionId": "cn-shanghai",
    }

    headers = signed_headers(
        account,
        query,
        action=("RunInstances", "2014-05-26"),
        at=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        nonce="3156853299f313e23d1673dc12e1703d",
    )

    expected = "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    assert headers["authorization"].endswith(f"Signature={expected}")


def test_robots_sign_with_their_secret_and_without_one_not_at_all() -> None:
    assert dingtalk_signature("", NOW) == {}
    assert dingtalk_signature("SECtest", NOW)["timestamp"] == "1770438600000"
    assert feishu_signature("", NOW) == {}
    assert feishu_signature("test", NOW)["timestamp"] == "1770438600"


@pytest.fixture(scope="module")
def words() -> Words:
    return Words(BEACONS)


HOSTILE = '<b>[x](http://evil.example)</b>*_`@all`\n"\u202e'


def a_bundle(facts: dict[str, str], *, count: int = 1) -> Bundle:
    subject = Subject(SEND_ID, "website_form", NOW, 1, None)
    parcel = Parcel(SEND_ID, SEND_ID, "lead_assigned", facts, subject)
    return Bundle(SEND_ID, "lane", Medium.SMTP, Device.NONE, "rep-01", 0, [parcel] * count)


FACTS = {
    "region": "广东 深圳",
    "industry": "医疗器械",
    "phone_display": "138****8001",
    "first_action": "book_demo",
    "contact_due_at": "2026-02-07T04:45:00+00:00",
}


def test_a_reminder_is_said_in_chinese_or_english_by_the_recipient_s_clock(
    words: Words, policy: Policy
) -> None:
    chinese = words.letter(a_bundle(FACTS), Person("rep-01"), policy, Style.PLAIN)
    person = Person("rep-01", locale="en", zone="Europe/London")
    english = words.letter(a_bundle(FACTS), person, policy, Style.PLAIN)

    assert chinese.items[0].text == (
        "新线索：广东 深圳 医疗器械，电话 138****8001，首触动作 预约演示，请在 02-07 12:45 前联系"
    )
    assert english.items[0].text == (
        "New lead: 广东 深圳 医疗器械, phone 138****8001, first action book a demo,"
        " make contact by 02-07 04:45"
    )
    assert ("最迟联系", "02-07 12:45") in chinese.items[0].card


def test_what_is_not_known_is_not_said(words: Words, policy: Policy) -> None:
    facts = {"contact_due_at": "2026-02-07T04:45:00+00:00"}

    letter = words.letter(a_bundle(facts), Person("rep-01"), policy, Style.PLAIN)

    assert letter.items[0].text == "新线索，请在 02-07 12:45 前联系"


@pytest.mark.parametrize("style", list(Style), ids=[style.value for style in Style])
def test_what_strangers_wrote_stays_text(words: Words, policy: Policy, style: Style) -> None:
    facts = {"region": HOSTILE, "contact_due_at": "2026-02-07T04:45:00+00:00"}

    letter = words.letter(a_bundle(facts), Person("rep-01"), policy, style)
    said = letter.items[0].text + str(letter.items[0].card)

    assert "\n" not in said
    assert "\u202e" not in said
    if style is Style.HTML:
        assert "<b>" not in html_page(letter)
        assert "&lt;b&gt;" in html_page(letter)
    if style is Style.MARKDOWN:
        assert "[x](" not in markdown_text(letter, bytes_max=4000)
        assert "@all" not in said


def test_several_reminders_are_one_message_that_fits(words: Words, policy: Policy) -> None:
    letter = words.letter(a_bundle(FACTS, count=10), Person("rep-01"), policy, Style.MARKDOWN)

    text = markdown_text(letter, bytes_max=2048)

    assert text.startswith("**10 条提醒**")
    assert len(text.encode()) <= 2048
    assert plain_text(letter).count("新线索") == 10
    assert shortened("电话" * 10, 20).endswith("…")


def test_a_link_stands_for_one_message_and_cannot_be_made_up() -> None:
    token = BEACONS.token(SEND_ID)
    flipped = ("B" if token[0] == "A" else "A") + token[1:]

    assert BEACONS.click_url(SEND_ID) == f"https://crm.example/n/r/{token}"
    assert BEACONS.opened(token) == SEND_ID
    assert BEACONS.opened(flipped) is None
    assert BEACONS.opened("short") is None
    assert Beacons(b"o" * 32, "").opened(token) is None


def test_health_is_low_below_95_in_a_hundred_of_at_least_twenty() -> None:
    least = Thresholds(0.95, 0.95, 0.95)

    well = judged(Tally("lead_assigned", 100, 95, 95, 95, 95), least)
    unsent = judged(Tally("lead_assigned", 100, 94, 94, 94, 94), least)
    unopened = judged(Tally("lead_assigned", 100, 100, 90, 80, 40), least)
    few = judged(Tally("lead_assigned", 19, 0, 0, 0, 0), least)

    assert (well.low, unsent.low, few.low) == ((), ("sent",), ())
    assert unopened.low == ("reached", "interacted")
    assert unopened.interacted_rate == 0.5
