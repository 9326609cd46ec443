"""The whole service on real servers: facts in, webhooks out over real HTTP, outcomes published."""

import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import nats
import pytest
from accesskit.changes import FactPut, PolicyPut, PrincipalPut
from accesskit.facts import Fact
from accesskit.testing.stand_in import EVERYTHING
from leadchain.assignment.v1.events_pb2 import ContactOverdue, LeadAssigned
from leadchain.notification.v1 import notification_service_pb2 as pb
from leadchain.notification.v1.events_pb2 import (
    REMINDER_KIND_CONTACT_OVERDUE,
    ReminderDelivered,
    ReminderFailed,
)
from leadchain.notification.v1.notification_service_pb2_grpc import NotificationServiceStub
from leadchain.reporting.v1.settlement_events_pb2 import FollowUpRateSettled
from leadctl.fakes.message_vendors import MessageVendors
from nats.aio.client import Client
from notification.app import build
from notification.settings import Settings
from servicekit.events import new_id, subject_of
from servicekit.grpc_client import connect
from servicekit.http_host import HttpHost
from servicekit.streams import apply_streams, load_definitions
from servicekit.testing.waiting import eventually

Assigned = Callable[..., LeadAssigned]
STREAMS = Path(__file__).parents[3] / "deploy" / "nats" / "streams.yaml"
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Running:
    """The running service, seen from outside."""

    bus: Client
    rpc: NotificationServiceStub

    async def deliver(
        self, events: Sequence[LeadAssigned | ContactOverdue], traceparent: str | None = None
    ) -> None:
        """Publishes events as assignment would."""
        for event in events:
            headers = {"Nats-Msg-Id": event.event_id}
            if traceparent:
                headers["traceparent"] = traceparent
            subject = subject_of(event.DESCRIPTOR.full_name, event.lead_id)
            await self.bus.jetstream().publish(subject, event.SerializeToString(), headers=headers)

    async def put(self, **urls: str) -> None:
        """Configures recipients; `rep_01="http://..."` is rep-01."""
        recipients = [
            pb.Recipient(recipient_id=name.replace("_", "-"), webhook_url=url, secret=SECRET)
            for name, url in urls.items()
        ]
        await self.rpc.PutRecipients(pb.PutRecipientsRequest(recipients=recipients), timeout=5)

    async def published(self, count: int) -> list[ReminderDelivered | ReminderFailed]:
        """What the service has published, once there are `count` events."""
        jetstream = self.bus.jetstream()

        async def enough() -> bool:
            return (await jetstream.stream_info("NOTIFICATION")).state.messages >= count

        await eventually(enough, what=f"{count} published events")
        messages = [await jetstream.get_msg("NOTIFICATION", seq) for seq in range(1, count + 1)]
        return [_event(message.subject or "", message.data or b"") for message in messages]

    async def reminders(self, lead_id: str) -> list[pb.Reminder]:
        """The reminders about a lead."""
        answer = await self.rpc.ListReminders(pb.ListRemindersRequest(lead_id=lead_id), timeout=5)
        return list(answer.reminders)


def _event(subject: str, data: bytes) -> ReminderDelivered | ReminderFailed:
    kind = ReminderDelivered if ".ReminderDelivered." in subject else ReminderFailed
    return kind.FromString(data)


@asynccontextmanager
async def running(settings: Settings, token: str) -> AsyncIterator[Running]:
    streams = [
        replace(definition, max_size_bytes=2**24)
        for definition in load_definitions(STREAMS)
        if definition.name != "ADVISORIES"
    ]
    await apply_streams(settings.nats_url, streams)
    chassis = build(settings)
    service = chassis.service()
    await service.start()
    bus = await nats.connect(settings.nats_url)
    try:
        async with connect(f"127.0.0.1:{chassis.grpc.port}", token=lambda: token) as channel:
            yield Running(bus, NotificationServiceStub(channel))
    finally:
        await bus.close()
        assert await service.stop() == 0


@pytest.fixture
async def notification(settings: Settings, token: str) -> AsyncIterator[Running]:
    async with running(settings, token) as service:
        yield service


async def test_the_owner_of_a_new_lead_gets_a_signed_reminder(
    notification: Running, system: Any, assigned: Assigned
) -> None:
    await notification.put(rep_01=system.url())
    event = assigned("rep-01")

    await notification.deliver([event])
    (outcome,) = await notification.published(1)

    (webhook,) = system.webhooks
    assert webhook.is_signed
    assert webhook.reminders[0]["lead_id"] == event.lead_id
    assert webhook.reminders[0]["kind"] == "lead_assigned"
    assert "请在 02-07 12:45 前联系" in webhook.reminders[0]["text_zh"]
    assert isinstance(outcome, ReminderDelivered)
    assert (outcome.lead_id, outcome.recipient_id, outcome.attempt_count) == (
        event.lead_id,
        "rep-01",
        1,
    )
    assert outcome.received_at == event.received_at


async def test_the_commission_system_gets_a_settled_month_with_the_digest_of_its_statement(
    notification: Running, system: Any
) -> None:
    await notification.put(hr=system.url())
    statement = '{"lines":[{"due":8,"rep_id":"rep-01","within_72h":6}],"period":"2026-02"}'
    settled = FollowUpRateSettled(
        event_id=new_id(),
        period="2026-02",
        settlement_no=3,
        revision=1,
        statement=statement,
        sha256=hashlib.sha256(statement.encode()).hexdigest(),
    )
    settled.occurred_at.GetCurrentTime()

    subject = subject_of(settled.DESCRIPTOR.full_name, settled.period)
    headers = {"Nats-Msg-Id": settled.event_id}
    jetstream = notification.bus.jetstream()
    await jetstream.publish(subject, settled.SerializeToString(), headers=headers)
    await notification.published(1)

    (webhook,) = system.webhooks
    (card,) = webhook.reminders
    assert webhook.is_signed
    assert (card["kind"], card["settlement_no"]) == ("follow_up_rate_settled", "3")
    assert hashlib.sha256(card["statement"].encode()).hexdigest() == card["sha256"]


async def test_a_burst_for_one_person_leaves_in_few_messages(
    settings: Settings, token: str, system: Any, assigned: Assigned
) -> None:
    patient = settings.model_copy(update={"reminder_pace_s": 0.5})
    async with running(patient, token) as notification:
        await notification.put(rep_01=system.url())
        await notification.deliver([assigned("rep-01") for _ in range(100)])

        await notification.published(100)

    sizes = [len(webhook.reminders) for webhook in system.webhooks]
    assert sum(sizes) == 100
    assert max(sizes) <= 50
    assert len(sizes) <= 5


async def test_a_manager_is_told_that_contact_is_overdue_and_a_missing_one_is_reported(
    notification: Running, system: Any, overdue: Callable[..., ContactOverdue]
) -> None:
    await notification.put(manager_01=system.url())

    await notification.deliver([overdue(manager_id=""), overdue(manager_id="manager-01")])
    outcomes = {outcome.recipient_id: outcome for outcome in await notification.published(2)}

    assert outcomes["manager-01"].kind == REMINDER_KIND_CONTACT_OVERDUE
    assert isinstance(outcomes["manager-01"], ReminderDelivered)
    assert isinstance(outcomes[""], ReminderFailed)
    assert outcomes[""].reason == "no_manager"
    assert "rep-01 未在 02-07 12:45 前联系线索" in system.webhooks[0].reminders[0]["text_zh"]


async def test_the_manager_is_the_one_whom_permissions_states_by_then(
    notification: Running, permissions: Any, system: Any, overdue: Callable[..., ContactOverdue]
) -> None:
    managed = EVERYTHING.replace(
        "  type user\n", "  type user\n    relations\n      define manager: [user]\n", 1
    )
    led = Fact("user", "rep-01", "manager", "user", "manager-eve")
    revision = await permissions.apply(
        [PolicyPut(2, managed, "live"), PrincipalPut("rep-01", "user", "active", 1), FactPut(led)]
    )

    async def has_heard() -> bool:
        return any(reached >= revision for _, reached in permissions.confirmed)

    await eventually(has_heard, what="the replica")
    await notification.put(manager_eve=system.url(), manager_01=system.url())

    await notification.deliver([overdue(manager_id="manager-01")])
    (outcome,) = await notification.published(1)

    assert outcome.recipient_id == "manager-eve"


async def test_a_refused_reminder_is_sent_again_under_the_same_ids_until_it_is_taken(
    notification: Running, system: Any, assigned: Assigned
) -> None:
    system.failures_left = 2
    await notification.put(rep_01=system.url())

    await notification.deliver([assigned("rep-01")])
    (outcome,) = await notification.published(1)

    assert isinstance(outcome, ReminderDelivered)
    assert outcome.attempt_count == 3
    assert len({webhook.webhook_id for webhook in system.webhooks}) == 1
    assert len({str(webhook.reminders) for webhook in system.webhooks}) == 1


async def test_a_reminder_that_is_always_refused_is_given_up_and_says_so(
    settings: Settings, token: str, system: Any, assigned: Assigned
) -> None:
    hasty = settings.model_copy(update={"reminder_delay_scale": 0.0001})
    async with running(hasty, token) as notification:
        await notification.put(rep_01=system.url("500"))
        event = assigned("rep-01")
        await notification.deliver([event])

        (outcome,) = await notification.published(1)
        (reminder,) = await notification.reminders(event.lead_id)

    assert isinstance(outcome, ReminderFailed)
    assert (outcome.reason, outcome.attempt_count) == ("refused", 6)
    assert (reminder.state, reminder.last_error) == ("failed", "http 500")


async def test_a_redirect_is_a_refusal_and_is_not_followed(
    notification: Running, system: Any, assigned: Assigned
) -> None:
    await notification.put(rep_01=system.url("302"))
    event = assigned("rep-01")
    await notification.deliver([event])

    async def refused() -> bool:
        reminders = await notification.reminders(event.lead_id)
        return [reminder.last_error for reminder in reminders] == ["http 302"]

    await eventually(refused)
    assert {webhook.path for webhook in system.webhooks} == {"/302"}


async def test_a_system_that_is_gone_is_not_written_to_again_until_it_is_put_anew(
    notification: Running, system: Any, assigned: Assigned
) -> None:
    await notification.put(rep_01=system.url("410"))
    await notification.deliver([assigned("rep-01")])
    await notification.published(1)
    await notification.deliver([assigned("rep-01")])
    await notification.published(2)
    await notification.put(rep_01=system.url())
    await notification.deliver([assigned("rep-01")])

    outcomes = await notification.published(3)

    assert [getattr(outcome, "reason", "") for outcome in outcomes] == [
        "refused",
        "no_recipient",
        "",
    ]
    assert [webhook.path for webhook in system.webhooks] == ["/410", "/200"]


async def test_a_missing_recipient_fails_at_once_and_stops_nobody_else(
    notification: Running, system: Any, assigned: Assigned
) -> None:
    await notification.put(rep_02=system.url())

    await notification.deliver([assigned("rep-01"), assigned("rep-02")])
    outcomes = {outcome.recipient_id: outcome for outcome in await notification.published(2)}

    assert isinstance(outcomes["rep-02"], ReminderDelivered)
    missing = outcomes["rep-01"]
    assert isinstance(missing, ReminderFailed)
    assert (missing.reason, missing.attempt_count) == ("no_recipient", 0)


async def test_a_slow_system_holds_up_nobody_else(
    notification: Running, system: Any, assigned: Assigned
) -> None:
    await notification.put(rep_01=system.url("slow"), rep_02=system.url())
    await notification.deliver([assigned("rep-01")])
    await eventually(lambda: system.webhooks)

    await notification.deliver([assigned("rep-02")])
    (outcome,) = await notification.published(1)

    assert outcome.recipient_id == "rep-02"


async def test_a_system_that_does_not_answer_in_time_or_at_all_is_named_as_such(
    notification: Running, system: Any, assigned: Assigned
) -> None:
    await notification.put(rep_01=system.url("slow"), rep_02="http://127.0.0.1:9/")
    slow, closed = assigned("rep-01"), assigned("rep-02")
    await notification.deliver([slow, closed])

    async def errors() -> list[str]:
        listed = [await notification.reminders(e.lead_id) for e in (slow, closed)]
        return [r[0].last_error for r in listed if r and r[0].last_error]

    async def both() -> bool:
        return len(await errors()) == 2

    await eventually(both)
    assert await errors() == ["no answer in time", "ClientConnectorError"]


async def test_what_was_sent_but_not_written_down_is_sent_again_under_the_same_id(
    settings: Settings, token: str, system: Any, assigned: Assigned
) -> None:
    async with running(settings, token) as notification:
        await notification.put(rep_01=system.url())
        await notification.deliver([assigned("rep-01")])
        await notification.published(1)
        first = system.webhooks[0]
        await _forget_the_answer(settings)

        await eventually(lambda: len(system.webhooks) == 2)

    assert system.webhooks[1].webhook_id == first.webhook_id
    assert system.webhooks[1].reminders == first.reminders


async def _forget_the_answer(settings: Settings) -> None:
    """Leaves the rows as a process leaves them that was killed between the answer and its commit."""
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        await connection.execute("update reminders set state = 4")
        await connection.execute("update sends set state = 1, attempt_count = 0")
    finally:
        await connection.close()


async def test_a_reminder_continues_the_trace_of_its_lead(
    notification: Running, system: Any, assigned: Assigned
) -> None:
    await notification.put(rep_01=system.url())

    await notification.deliver([assigned("rep-01")], traceparent=TRACE)
    await notification.published(1)
    message = await notification.bus.jetstream().get_msg("NOTIFICATION", 1)

    assert system.webhooks[0].traceparent[:35] == TRACE[:35]
    assert (message.headers or {})["traceparent"][:35] == TRACE[:35]


async def test_recipients_and_leads_that_cannot_be_are_refused(notification: Running) -> None:
    unusable = [
        pb.Recipient(recipient_id="rep-01", webhook_url="http://10.0.0.1/in", secret=SECRET),
        pb.Recipient(recipient_id="rep-01", webhook_url="https://a.example/", secret="whsec_c2g="),
        pb.Recipient(recipient_id="", webhook_url="https://a.example/", secret=SECRET),
        pb.Recipient(recipient_id="rep-01", addresses=[pb.Address(medium="pigeon", to="roof")]),
    ]
    for recipient in unusable:
        request = pb.PutRecipientsRequest(recipients=[recipient])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await notification.rpc.PutRecipients(request, timeout=5)

        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "c2g" not in str(refused.value.details())
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await notification.reminders("nonsense")

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert await notification.reminders(new_id()) == []


async def test_health_counts_reminders_by_state(
    notification: Running, system: Any, assigned: Assigned
) -> None:
    await notification.put(rep_01=system.url())
    await notification.deliver([assigned("rep-01"), assigned("rep-02")])
    await notification.published(2)

    health = await notification.rpc.GetReminderHealth(pb.GetReminderHealthRequest(), timeout=5)

    assert (health.due_count, health.delivered_count, health.failed_count) == (0, 1, 1)


WECOM = {"corp_id": "ww1", "agent_id": "1000002", "secret": "vendor-secret"}


async def test_five_test_leads_are_told_in_wecom_within_ten_seconds(
    notification: Running, assigned: Assigned
) -> None:
    vendors = MessageVendors()
    async with serving(vendors) as url:
        account = pb.Account(account_id="wecom", medium="wecom_app", url=url, settings=WECOM)
        await notification.rpc.PutAccounts(pb.PutAccountsRequest(accounts=[account]), timeout=5)
        people = [
            pb.Recipient(
                recipient_id=f"rep-{n}",
                addresses=[pb.Address(medium="wecom_app", to=f"user-{n}", account_id="wecom")],
            )
            for n in range(5)
        ]
        await notification.rpc.PutRecipients(pb.PutRecipientsRequest(recipients=people), timeout=5)
        events = [assigned(f"rep-{n}") for n in range(5)]

        await notification.deliver(events)
        await eventually(lambda: len(vendors.messages) == 5, deadline_s=10)

        async def accepted() -> list[pb.Reminder]:
            listed = await notification.reminders(events[0].lead_id)
            return [reminder for reminder in listed if reminder.state == "awaiting"]

        (reminder,) = await eventually(accepted)

    assert {message.to for message in vendors.messages} == {f"user-{n}" for n in range(5)}
    (send,) = reminder.sends
    assert (send.medium, send.step) == ("wecom_app", 1)
    assert [receipt.kind for receipt in send.receipts] == ["accepted"]
    routes = await notification.rpc.ListRoutes(pb.ListRoutesRequest(), timeout=5)
    assert [(each.account_id, dict(each.settings)) for each in routes.accounts] == [("wecom", {})]
    told = {kind.kind_name: kind for kind in routes.kinds}
    assert told["lead_assigned"].recipient == "owner lead"
    assert list(told["lead_assigned"].routes)[1] == "all_of smtp, aliyun_sms"


@asynccontextmanager
async def serving(vendors: MessageVendors) -> AsyncIterator[str]:
    host = HttpHost("127.0.0.1", 0, vendors)
    await host.start()
    try:
        yield f"http://127.0.0.1:{host.port}"
    finally:
        await host.stop()


async def test_a_device_speaks_for_its_own_user_only(
    notification: Running, settings: Settings
) -> None:
    own = pb.ReportPresenceRequest(device="ios", is_online=True)
    another = pb.ReportPresenceRequest(recipient_id="rep-01", device="pc", is_online=True)

    await notification.rpc.ReportPresence(own, timeout=5)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await notification.rpc.ReportPresence(another, timeout=5)
    with pytest.raises(grpc.aio.AioRpcError) as unreadable:
        await notification.rpc.ReportPresence(pb.ReportPresenceRequest(device="tv"), timeout=5)

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert unreadable.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        rows = await connection.fetch("select recipient_id, device, is_online from presences")
    finally:
        await connection.close()
    assert [tuple(row) for row in rows] == [("leadctl", "ios", True)]


async def test_an_account_that_cannot_be_is_refused_without_its_secret(
    notification: Running,
) -> None:
    account = pb.Account(account_id="a", medium="wecom_app", settings={"secret": "very-secret"})

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await notification.rpc.PutAccounts(pb.PutAccountsRequest(accounts=[account]), timeout=5)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "very-secret" not in str(refused.value.details())
