"""A reminder is done when it is received: receipts, the next route without one, and who is told (AS-08 to AS-11)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from leadchain.assignment.v1.events_pb2 import AssignmentCause
from leadchain.intake.v1.facts_events_pb2 import ReceiptReported
from leadchain.notification.v1.events_pb2 import (
    ReminderDelivered,
    ReminderFailed,
    ReminderHealthLow,
    ReminderRead,
)
from leadchain.permissions.v1.events_pb2 import CustomerReleased
from notification import subscribers
from notification.commands import books
from notification.commands.health import HealthWatch
from notification.commands.keeping import Keeper
from notification.commands.privacy import erase_leads
from notification.commands.routing import Router
from notification.domain.addresses import Address, Device
from notification.domain.kinds import QuietHours
from notification.domain.media import Medium
from notification.domain.people import Person, Standing
from notification.domain.routing import Directory
from servicekit.bus import Bus
from servicekit.erasures import Erasures
from servicekit.testing.hearing import Hearing
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notification.domain.kinds import Policy
    from servicekit.database import Database


async def opened(
    url: str, *, method: str = "GET", headers: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, str]:
    """The answer of somebody's browser opening a link: status, and where it leads on."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, allow_redirects=False, headers=headers) as response,
    ):
        return response.status, response.headers.get("location", "")


async def test_without_a_click_mail_and_text_message_follow(
    desk: Any, assigned: Callable[..., Any], wecom: Address, mail_address: Address, sms: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [wecom, mail_address, sms]))

    await desk.hearing.hears(assigned("rep-01"))
    await eventually(lambda: desk.mail.mails and desk.vendors.taken("aliyun_sms"))

    assert [message.to for message in desk.vendors.taken("aliyun_sms")] == ["13800138001"]
    media = await desk.rows("select step, medium from sends order by step, medium")
    assert media == [(0, "wecom_app"), (1, "aliyun_sms"), (1, "smtp")]
    assert await eventually(lambda: _in_turn(desk)) == [(True,)]


async def _in_turn(desk: Any) -> list[Any]:
    """Whether the second route began after the first had had its time."""
    return await desk.rows(
        """
        select min(s.accepted_at) >= r.created_at + interval '0.2 s' from sends s join reminders r using (reminder_id)
        where s.step = 1 and s.accepted_at is not null group by r.created_at
        """
    )


async def test_a_click_is_the_receipt_and_leads_to_the_record(
    desk: Any, assigned: Callable[..., Any], wecom: Address, mail_address: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [wecom, mail_address]))
    event = assigned("rep-01")
    await desk.hearing.hears(event)
    (message,) = await eventually(lambda: desk.vendors.taken("wecom_app"))

    status, place = await opened(message.links[0])
    again, _ = await opened(message.links[0])

    assert (status, place) == (302, f"https://crm.example/leads/{event.lead_id}")
    assert again == 302
    (delivered,) = await desk.hearing.states(ReminderDelivered)
    (read,) = await desk.hearing.states(ReminderRead)
    assert (delivered.medium, read.recipient_id) == ("wecom_app", "rep-01")
    assert await desk.rows("select kind, source from receipts") == [(3, "beacon")]
    assert await desk.rows("select state from reminders") == [(2,)]


@pytest.mark.parametrize("path", ["/r/" + "A" * 43, "/r/short", "/o/" + "A" * 43, "/elsewhere"])
async def test_a_link_that_is_not_ours_tells_nothing(desk: Any, path: str) -> None:
    status, place = await opened(desk.door_url + path)

    assert (status, place) == (404, "")


async def test_a_picture_in_a_mail_says_that_it_was_read(
    desk: Any, assigned: Callable[..., Any], mail_address: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [mail_address]))
    await desk.hearing.hears(assigned("rep-01"))
    (mail,) = await eventually(lambda: desk.mail.mails)
    picture = mail.html.partition('<img src="')[2].partition('"')[0]
    await eventually(lambda: desk.rows("select 1 from sends where accepted_at is not null"))
    await desk.hearing.execute("update sends set accepted_at = accepted_at - interval '1 minute'")

    status, _ = await opened(picture)

    assert status == 200
    assert await desk.rows("select kind from receipts") == [(2,)]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"sec-purpose": "prefetch;prerender"}),
        ("GET", {"user-agent": "Mozilla/5.0 (compatible; ProofpointScanner/2.0)"}),
    ],
    ids=["head", "prefetch", "scanner"],
)
async def test_a_machine_that_follows_a_link_stops_no_further_route(
    desk: Any, assigned: Callable[..., Any], wecom: Address, method: str, headers: dict[str, str]
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [wecom]))
    await desk.hearing.hears(assigned("rep-01"))
    (message,) = await eventually(lambda: _taken(desk, "wecom_app", 1))

    status, place = await opened(message.links[0], method=method, headers=headers)

    assert (status, place.partition("/leads/")[0]) == (302, "https://crm.example")
    assert await desk.rows("select kind from receipts") == [(5,)]
    assert await desk.hearing.states(ReminderDelivered) == []


async def test_a_filter_that_opens_a_mail_on_its_way_is_no_reader(
    desk: Any, assigned: Callable[..., Any], mail_address: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [mail_address]))
    await desk.hearing.hears(assigned("rep-01"))
    (mail,) = await eventually(lambda: desk.mail.mails)
    picture = mail.html.partition('<img src="')[2].partition('"')[0]

    await opened(picture)
    await eventually(lambda: desk.rows("select 1 from sends where accepted_at is not null"))
    await desk.hearing.execute("update sends set accepted_at = accepted_at - interval '1 minute'")
    await opened(picture)

    assert await desk.rows("select kind from receipts order by kind") == [(2,), (5,)]
    assert len(await desk.hearing.states(ReminderRead)) == 1


async def test_a_carrier_s_receipt_proves_a_text_message_and_its_failure_is_told(
    desk: Any, assigned: Callable[..., Any], sms: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [sms]))
    for _ in range(2):
        await desk.hearing.hears(assigned("rep-01"))
    arrived, lost = await eventually(lambda: _taken(desk, "aliyun_sms", 2))

    await desk.hearing.hears(_receipt(arrived, is_delivered=True))
    await desk.hearing.hears(_receipt(lost, is_delivered=False))

    (delivered,) = await desk.hearing.states(ReminderDelivered)
    assert delivered.medium == "aliyun_sms"
    await eventually(lambda: desk.hearing.states(ReminderFailed))
    (failed,) = await desk.hearing.states(ReminderFailed)
    assert failed.reason == "refused"
    assert await desk.rows("select last_error from sends where state = 3") == [("carrier UNDELIV",)]


async def test_wechat_s_word_of_a_template_message_is_a_receipt_by_its_message_id(
    desk: Any, assigned: Callable[..., Any]
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [Address(Medium.WECHAT_MP, "openid-1", account_id="mp")]))
    for _ in range(2):
        await desk.hearing.hears(assigned("rep-01"))
    await eventually(lambda: _numbered(desk, 2))

    await desk.hearing.hears(_wechat_receipt("1", "success"))
    await desk.hearing.hears(_wechat_receipt("2", "failed:user block"))

    (delivered,) = await desk.hearing.states(ReminderDelivered)
    assert delivered.medium == "wechat_mp"
    refused = await desk.rows("select last_error from sends where state = 3")
    assert refused == [("carrier failed:user block",)]


async def test_a_receipt_of_one_medium_proves_nothing_of_another(
    desk: Any, assigned: Callable[..., Any]
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [Address(Medium.WECHAT_MP, "openid-1", account_id="mp")]))
    await desk.hearing.hears(assigned("rep-01"))
    await eventually(lambda: _numbered(desk, 1))

    await desk.hearing.hears(_wechat_receipt("1", "success", channel="aliyun_sms_receipt"))

    assert await desk.hearing.states(ReminderDelivered) == []


async def _numbered(desk: Any, count: int) -> bool:
    rows = await desk.rows("select 1 from sends where provider_message_id <> ''")
    return len(rows) == count


def _wechat_receipt(
    message_id: str, status: str, *, channel: str = "wechat_receipts"
) -> ReceiptReported:
    event = ReceiptReported(message_id=message_id, is_delivered=status == "success", code=status)
    event.origin.channel = channel
    event.occurred_at.FromDatetime(datetime.now(UTC))
    return event


def _taken(desk: Any, vendor: str, count: int) -> list[Any]:
    found = desk.vendors.taken(vendor)
    return found if len(found) == count else []


def _receipt(message: Any, *, is_delivered: bool) -> ReceiptReported:
    code = "DELIVERED" if is_delivered else "UNDELIV"
    event = ReceiptReported(our_reference=message.key, is_delivered=is_delivered, code=code)
    event.occurred_at.FromDatetime(datetime.now(UTC))
    return event


async def test_a_reminder_that_nobody_ever_opens_is_given_up_with_that_reason(
    desk: Any, assigned: Callable[..., Any], wecom: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("rep-01", [wecom]))

    await desk.hearing.hears(assigned("rep-01"))
    (failed,) = await eventually(lambda: desk.hearing.states(ReminderFailed))
    (message,) = desk.vendors.taken("wecom_app")
    await opened(message.links[0])

    assert failed.reason == "no_receipt"
    assert len(await desk.hearing.states(ReminderDelivered)) == 1


async def test_a_waiting_message_is_not_sent_to_somebody_who_lost_the_lead(
    desk: Any, assigned: Callable[..., Any], wecom: Address
) -> None:
    await desk.open_accounts()
    bo = Person("rep-02", [type(wecom)(Medium.WECOM_APP, "bo", account_id="wecom")])
    await desk.put(Person("rep-01", [wecom]), bo)
    desk.vendors.refusals["wecom_app"].append(45009)
    first = assigned("rep-01")
    await desk.hearing.hears(first)
    await eventually(lambda: desk.rows("select 1 from sends where last_reason = 'refused'"))

    second = assigned(
        "rep-02",
        lead_id=first.lead_id,
        assignment_no=2,
        cause=AssignmentCause.ASSIGNMENT_CAUSE_CONTACT_OVERDUE,
    )
    await desk.hearing.hears(second)
    await desk.hearing.execute(
        "update sends set next_attempt_at = now(), leased_until = now() where recipient_id = 'rep-01'"
    )
    await eventually(lambda: _taken(desk, "wecom_app", 1))

    await eventually(lambda: _failed(desk, "superseded"))
    assert [message.to for message in desk.vendors.taken("wecom_app")] == ["bo"]


@pytest.mark.parametrize(
    ("standing", "reason"),
    [(Standing.FROZEN, "frozen"), (Standing.DEPARTED, "departed")],
    ids=["frozen", "departed"],
)
async def test_somebody_who_is_frozen_or_gone_is_reported_and_stops_nobody_else(
    desk: Any, assigned: Callable[..., Any], wecom: Address, standing: Standing, reason: str
) -> None:
    await desk.open_accounts()
    bo = Person("rep-02", [type(wecom)(Medium.WECOM_APP, "bo", account_id="wecom")])
    await desk.put(Person("rep-01", [wecom]), bo)
    desk.standings["rep-01"] = standing

    await desk.hearing.hears(assigned("rep-01"))
    await desk.hearing.hears(assigned("rep-02"))
    await eventually(lambda: desk.vendors.taken("wecom_app"))

    (failed, *_) = await eventually(lambda: desk.hearing.states(ReminderFailed))
    assert (failed.recipient_id, failed.reason) == ("rep-01", reason)
    assert [message.to for message in desk.vendors.taken("wecom_app")] == ["bo"]


async def test_an_empty_manager_s_mailbox_does_not_stop_the_text_message(
    desk: Any, overdue: Callable[..., Any], mail_address: Address, sms: Address
) -> None:
    await desk.open_accounts()
    await desk.put(Person("manager-01", [mail_address, sms]))
    desk.mail.refusals += ["550 mailbox unavailable"] * 3

    await desk.hearing.hears(overdue(manager_id="manager-01"))
    (message,) = await eventually(lambda: desk.vendors.taken("aliyun_sms"))

    assert message.to == "13800138001"
    assert "rep-01 未在" in message.text
    states = dict(await desk.rows("select medium, state from sends"))
    await eventually(lambda: _refused(desk))
    assert states["aliyun_sms"] in {1, 2}


async def _refused(desk: Any) -> bool:
    return (3,) in await desk.rows("select state from sends where medium = 'smtp'")


async def test_health_that_falls_raises_an_alarm_once(desk: Any, policy: Any) -> None:
    at = datetime.now(UTC) - timedelta(hours=2)
    await desk.hearing.execute(
        """
        insert into reminders (reminder_id, kind_name, dedupe_key, channel, assignment_no, card, target, resource_type,
                               resource_id, person_id, manager_id, recipient_id, owner_id, state, step,
                               next_attempt_at, attempt_count, last_reason, last_error, created_at, accepted_at,
                               reached_at, interacted_at)
        select gen_random_uuid(), 'lead_assigned', n::text, '', 1, '{}', 3, '', '', '', '', '', '', 2, 0, t.at, 1, '',
               '', t.at, t.at, case when n <= 90 then t.at end, case when n <= 88 then t.at end
        from generate_series(1, 100) as n, (values ($1::timestamptz)) as t(at)
        """,
        at,
    )
    watch = HealthWatch(desk.hearing.database, policy)

    await watch.step()
    await watch.step()

    (low,) = await desk.hearing.states(ReminderHealthLow)
    assert (low.kind_name, list(low.low)) == ("lead_assigned", ["reached"])
    assert (low.reminder_count, low.sent_rate, low.reached_rate) == (100, 1.0, 0.9)
    assert low.interacted_rate == pytest.approx(88 / 90)


async def test_the_device_that_was_active_last_is_pushed_to_and_an_offline_one_never(
    desk: Any, assigned: Callable[..., Any], wecom: Address
) -> None:
    await desk.open_accounts()
    phone = replace(wecom, to="ana-phone", device=Device.IOS)
    desktop = replace(wecom, to="ana-pc", device=Device.PC)
    await desk.put(Person("rep-01", [phone, desktop]))
    now = datetime.now(UTC)

    await _says(desk, Device.IOS, seen_at=now - timedelta(minutes=2))
    await _says(desk, Device.PC, seen_at=now - timedelta(minutes=1))
    await desk.hearing.hears(assigned("rep-01"))
    await eventually(lambda: _taken(desk, "wecom_app", 1))
    await _says(desk, Device.PC, is_online=False, seen_at=now)
    await desk.hearing.hears(assigned("rep-01"))
    await eventually(lambda: _taken(desk, "wecom_app", 2))
    await _says(desk, Device.IOS, is_online=False, seen_at=now)
    await desk.hearing.hears(assigned("rep-01"))
    await eventually(lambda: _failed(desk, "offline"))

    assert [m.to for m in desk.vendors.taken("wecom_app")] == ["ana-pc", "ana-phone"]


async def _says(desk: Any, device: Device, *, seen_at: datetime, is_online: bool = True) -> None:
    async with desk.hearing.database.unit_of_work() as uow:
        await books.report_presence(uow, "rep-01", device, is_online=is_online, seen_at=seen_at)
    await desk.book.refresh()


async def test_what_is_not_important_is_a_row_that_waits_for_the_morning(
    database: Database, policy: Policy
) -> None:
    local = datetime.now(policy.zone)
    begins, ends = (local - timedelta(hours=1)).time(), (local + timedelta(hours=1)).time()
    night = replace(policy, quiet_hours=QuietHours(begins, ends))
    bus = Bus("nats://127.0.0.1:1", database=database)
    directory = Directory(Person, lambda _: Standing.ACTIVE, lambda _: "")
    keeper = Keeper(night, directory, on_queued=_nothing, on_due=_nothing)
    subscribers.subscribe(bus, keeper, Erasures(database, erase_leads, spared=[]))
    hearing = Hearing("notification", database, bus)
    await hearing.hears(CustomerReleased(previous_owner_id="rep-01", reason="lapsed"))

    await Router(database, night, directory, refresh=_nobody_new, on_queued=_nothing).step()

    ((state, until),) = await hearing.rows("select state, next_attempt_at from reminders")
    assert state == 1
    assert until.astimezone(policy.zone).time() == ends
    assert await hearing.rows("select count(*) from sends") == [(0,)]


async def _failed(desk: Any, reason: str) -> bool:
    return reason in [event.reason for event in await desk.hearing.states(ReminderFailed)]


async def _nobody_new() -> bool:
    return False


def _nothing() -> None:
    """Nobody is to be woken."""


async def test_replicas_that_route_at_the_same_time_send_nothing_twice(
    database: Database,
    policy: Policy,
    keeper: Keeper,
    a_reminder: Callable[..., Any],
    wecom: Address,
) -> None:
    async with database.unit_of_work() as uow:
        await keeper.add(uow, [a_reminder() for _ in range(500)])
    directory = Directory(lambda who: Person(who, [wecom]), lambda _: Standing.ACTIVE, lambda _: "")
    routers = [
        Router(database, policy, directory, refresh=_nobody_new, on_queued=_nothing)
        for _ in range(4)
    ]

    for _ in range(2):
        await asyncio.gather(*(router.step() for router in routers))

    async with database.raw() as raw:
        counts = await raw.fetchrow("select count(*), count(distinct reminder_id) from sends")
    assert tuple(counts) == (500, 500)
