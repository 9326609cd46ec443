"""Each medium over a real connection: what is taken, what is refused, and what follows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from leadchain.assignment.v1.events_pb2 import LeadUnassignable
from leadchain.notification.v1.events_pb2 import ReminderAccepted, ReminderFailed
from notification.domain.addresses import Address
from notification.domain.media import Medium
from notification.domain.people import Person
from servicekit.events import new_id
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

ROBOTS = [Medium.WECOM_BOT, Medium.DINGTALK_ROBOT, Medium.FEISHU_BOT]


def unassignable(channel: str = "website_form") -> LeadUnassignable:
    return LeadUnassignable(lead_id=new_id(), channel=channel, rule_id="south", refusal_count=3)


async def test_the_owner_gets_a_card_in_wecom_with_a_link_and_a_masked_phone(
    desk: Any, assigned: Callable[..., Any], wecom: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [wecom]))

    await desk.hearing.hears(assigned("rep-01"))
    await eventually(lambda: desk.vendors.taken("wecom_app"))

    (message,) = desk.vendors.taken("wecom_app")
    card = json.loads(message.text)
    assert message.to == "ana"
    assert "请在 02-07 12:45 前联系" in card["description"]
    assert "138＊＊＊＊8001" in card["description"]
    assert card["url"].startswith(f"{desk.door_url}/r/")
    await eventually(lambda: desk.hearing.states(ReminderAccepted))


async def test_a_token_that_ended_is_renewed_and_the_message_sent_again(
    desk: Any, assigned: Callable[..., Any], wecom: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [wecom]))
    await desk.hearing.hears(assigned("rep-01"))
    await eventually(lambda: desk.vendors.taken("wecom_app"))

    desk.vendors.expire_tokens()
    await desk.hearing.hears(assigned("rep-01"))
    await eventually(lambda: len(desk.vendors.taken("wecom_app")) == 2)

    assert desk.vendors.tokens_given == 2
    assert desk.vendors.refused["wecom_app"] == 1
    await eventually(lambda: _tried_once(desk))


async def _tried_once(desk: Any) -> bool:
    return await desk.rows("select attempt_count from sends") == [(1,), (1,)]


@pytest.mark.parametrize("medium", ROBOTS, ids=[medium.value for medium in ROBOTS])
async def test_a_group_is_told_by_its_robot_which_signs(desk: Any, medium: Medium) -> None:
    await desk.put(Person("operations", [desk.robot(medium)]))

    await desk.hearing.hears(unassignable())
    await eventually(lambda: desk.vendors.taken(medium.value))

    (message,) = desk.vendors.taken(medium.value)
    assert message.to == "robot-1"
    assert "3 名人选均被拒" in message.text
    assert desk.vendors.refused == {}


@pytest.mark.parametrize(
    ("medium", "code", "error"),
    [
        (Medium.DINGTALK_ROBOT, 310000, "310000"),
        (Medium.WECOM_BOT, 93000, "93000"),
        (Medium.FEISHU_BOT, 9499, "9499"),
        (Medium.FEISHU_BOT, 19021, "19021"),
    ],
    ids=["dingtalk-310000", "wecom-93000", "feishu-9499", "feishu-19021"],
)
async def test_a_refusal_behind_a_200_is_a_failure_with_its_code(
    desk: Any, medium: Medium, code: int, error: str
) -> None:
    await desk.put(Person("operations", [desk.robot(medium)]))
    desk.vendors.refusals[medium.value].append(code)

    await desk.hearing.hears(unassignable())
    (failed,) = await eventually(lambda: desk.hearing.states(ReminderFailed))

    assert failed.reason == "refused"
    assert await desk.rows("select last_error, state from reminders") == [(error, 3)]
    assert desk.vendors.messages == []


async def test_a_user_whom_wecom_does_not_know_is_a_failure_and_is_not_written_to_again(
    desk: Any, assigned: Callable[..., Any], wecom: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [wecom]))
    desk.vendors.strangers.add("ana")

    await desk.hearing.hears(assigned("rep-01"))
    (failed,) = await eventually(lambda: desk.hearing.states(ReminderFailed))
    await desk.hearing.hears(assigned("rep-01"))
    await eventually(lambda: _count(desk, 2))

    reasons = [event.reason for event in await desk.hearing.states(ReminderFailed)]
    assert failed.recipient_id == "rep-01"
    assert reasons == ["refused", "no_recipient"]
    assert desk.vendors.refused["wecom_app"] == 1


async def _count(desk: Any, count: int) -> bool:
    return len(await desk.hearing.states(ReminderFailed)) == count


async def test_a_busy_provider_is_tried_again_and_a_throttled_one_left_alone(
    desk: Any, assigned: Callable[..., Any], wecom: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [wecom]))
    desk.vendors.refusals["wecom_app"] += [-1, 45009]

    await desk.hearing.hears(assigned("rep-01"))

    async def put_off() -> list[Any]:
        return await desk.rows(
            "select last_error, attempt_count from sends"
            " where next_attempt_at > now() + interval '50 s' and state = 1"
        )

    assert await eventually(put_off) == [("45009", 2)]


async def test_the_twenty_first_message_of_a_minute_waits_for_the_robot(desk: Any) -> None:
    await desk.put(Person("operations", [desk.robot(Medium.DINGTALK_ROBOT)]))
    await desk.hearing.execute(
        "insert into rate_buckets values ('dingtalk_robot::operations', 1.5, now())"
    )

    await desk.hearing.hears(unassignable("first"))
    await eventually(lambda: desk.vendors.taken("dingtalk_robot"))
    await desk.hearing.hears(unassignable("second"))

    async def put_off() -> list[Any]:
        return await desk.rows(
            "select attempt_count from sends where state = 1 and next_attempt_at > now()"
        )

    assert await eventually(put_off) == [(0,)]
    assert len(desk.vendors.messages) == 1
    assert desk.vendors.refused == {}


async def test_a_follower_gets_a_template_message_under_a_key_of_ours(
    desk: Any, assigned: Callable[..., Any]
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [Address(Medium.WECHAT_MP, "openid-1", account_id="mp")]))

    await desk.hearing.hears(assigned("rep-01"))
    (message,) = await eventually(lambda: desk.vendors.taken("wechat_mp"))

    assert message.to == "openid-1"
    assert "新线索" in message.text
    (send_id,) = await desk.rows("select send_id from sends")
    assert message.key == send_id[0].hex


async def test_mail_is_plain_and_html_and_what_strangers_wrote_stays_text(
    desk: Any, assigned: Callable[..., Any], mail_address: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [mail_address], locale="en"))

    await desk.hearing.hears(assigned("rep-01", industry="<script>alert(1)</script>"))
    (mail,) = await eventually(lambda: desk.mail.mails)

    assert (mail.to, mail.subject) == ("ana@example.com", "New lead")
    assert "<script>" not in mail.html
    assert "138****8001" in mail.text
    assert any(link.startswith(f"{desk.door_url}/r/") for link in mail.links)


@pytest.mark.parametrize(
    ("reply", "state"),
    [("451 later", 2), ("550 no such box", 3)],
    ids=["passes-by-itself", "never"],
)
async def test_a_mail_server_s_refusals_are_told_apart(
    desk: Any, assigned: Callable[..., Any], mail_address: Address, reply: str, state: int
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [mail_address]))
    desk.mail.refusals.append(reply)

    await desk.hearing.hears(assigned("rep-01"))

    async def ended() -> list[Any]:
        return await desk.rows("select state, last_error from sends where state in (2, 3)")

    ((found, error),) = await eventually(ended)
    assert found == state
    assert error == ("" if state == 2 else "smtp 550")


async def test_a_number_that_cannot_be_is_refused_by_the_carrier_s_code(
    desk: Any, assigned: Callable[..., Any], sms: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [sms]))
    desk.vendors.refusals["aliyun_sms"].append("isv.MOBILE_NUMBER_ILLEGAL")

    await desk.hearing.hears(assigned("rep-01"))
    await eventually(lambda: desk.hearing.states(ReminderFailed))

    assert await desk.rows("select last_error from sends") == [("isv.MOBILE_NUMBER_ILLEGAL",)]
