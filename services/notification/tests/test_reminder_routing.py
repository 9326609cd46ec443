"""Who gets a reminder, on which route, and when: decided from what is known at that time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from notification.domain.addresses import Address, Device
from notification.domain.kinds import Aim, Kind, Policy, QuietHours, RouteStep, Thresholds
from notification.domain.media import Medium
from notification.domain.people import Person, Presence, Standing
from notification.domain.quiet_hours import quiet_until
from notification.domain.reminders import Reason, Resource, State, Subject, Target, TargetKind
from notification.domain.retention import Kept
from notification.domain.routing import (
    LAST_WAIT_STEP,
    NEVER,
    Directory,
    Due,
    Ended,
    Held,
    Routed,
    Waiting,
    decide,
)

NOON = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
LEAD = "01890a5d-ac96-774b-bcce-b302099a8057"
ANA, BO, EVE = "rep-ana", "rep-bo", "manager-eve"
QUIET = QuietHours(time(22), time(7))
ROUTES = (
    RouteStep("first_of", (Medium.WECOM_APP, Medium.WEBHOOK)),
    RouteStep("all_of", (Medium.SMTP, Medium.ALIYUN_SMS)),
)
WECOM = Address(Medium.WECOM_APP, "ana", account_id="wecom")
WEBHOOK = Address(Medium.WEBHOOK, "https://a.example", "whsec_")
MAIL = Address(Medium.SMTP, "ana@example.com", account_id="mail")
SMS = Address(Medium.ALIYUN_SMS, "+8613800138001", account_id="sms")


def a_policy(*, is_important: bool = True) -> Policy:
    kind = Kind(
        name="lead_assigned",
        event="LeadAssigned",
        aim=Aim(TargetKind.OWNER, "lead"),
        is_important=is_important,
        steps=ROUTES,
        template="lead_assigned",
        facts={},
        once_per=(),
        only_when={},
        receipt_within_s=10,
        thresholds=Thresholds(0.95, 0.95, 0.95),
    )
    kept = Kept(timedelta(days=400), timedelta(days=90))
    return Policy(1, SHANGHAI, QUIET, 600, {"lead_assigned": kind}, kept)


def due(**changes: Any) -> Due:
    usual = Due(
        reminder_id=UUID(int=1),
        kind="lead_assigned",
        target=Target(TargetKind.OWNER, Resource("lead", LEAD), person_id=ANA),
        subject=Subject(UUID(LEAD), "website_form", NOON, 1, None),
        state=State.DUE,
        step=0,
        attempt_count=0,
        accepted_at=None,
        last_reason="",
        owner_id=ANA,
        owner_assignment_no=1,
    )
    return replace(usual, **changes)


def people(*known: Person, standing: Standing = Standing.ACTIVE, manager: str = "") -> Directory:
    by_id = {person.recipient_id: person for person in known}
    return Directory(by_id.get, lambda _: standing, lambda _: manager)


def ana(*addresses: Address, **changes: Any) -> Person:
    return Person(ANA, list(addresses), **changes)


def test_a_reminder_goes_to_whoever_owns_the_record_now() -> None:
    bo = Person(BO, [WEBHOOK])

    decision = decide(due(owner_id=BO), a_policy(), people(ana(WECOM), bo), now=NOON)

    assert isinstance(decision, Routed)
    assert decision.person == bo
    assert decision.next_at == NOON + timedelta(seconds=10)


def test_the_owner_that_the_event_named_counts_while_nothing_newer_is_known() -> None:
    decision = decide(due(owner_id=None), a_policy(), people(ana(WECOM)), now=NOON)

    assert isinstance(decision, Routed)
    assert decision.addresses == [WECOM]


def test_a_reminder_of_an_assignment_that_is_over_is_superseded() -> None:
    later = due(owner_id=BO, owner_assignment_no=2)

    decision = decide(later, a_policy(), people(ana(WECOM)), now=NOON)

    assert decision == Ended(State.SUPERSEDED, Reason.SUPERSEDED, BO)


@pytest.mark.parametrize(
    ("changes", "standing", "reason"),
    [
        ({"owner_id": ""}, Standing.ACTIVE, Reason.NO_OWNER),
        ({}, Standing.FROZEN, Reason.FROZEN),
        ({}, Standing.DEPARTED, Reason.DEPARTED),
        ({"target": Target(TargetKind.MANAGER_OF_PERSON, person_id=ANA)}, Standing.ACTIVE, Reason.NO_MANAGER),
    ],
    ids=["in-the-pool", "frozen", "departed", "no-manager"],
)  # fmt: skip
def test_whoever_cannot_be_told_is_reported_with_the_reason(
    changes: dict[str, Any], standing: Standing, reason: Reason
) -> None:
    decision = decide(due(**changes), a_policy(), people(ana(WECOM), standing=standing), now=NOON)

    assert isinstance(decision, Ended)
    assert (decision.state, decision.reason) == (State.FAILED, reason)


def test_a_manager_is_the_one_on_record_and_else_the_one_the_event_named() -> None:
    target = Target(TargetKind.MANAGER_OF_PERSON, person_id=ANA, manager_id="manager-old")
    eve, old = Person(EVE, [WEBHOOK]), Person("manager-old", [WEBHOOK])

    known = decide(due(target=target), a_policy(), people(eve, old, manager=EVE), now=NOON)
    unknown = decide(due(target=target), a_policy(), people(eve, old), now=NOON)

    assert isinstance(known, Routed)
    assert isinstance(unknown, Routed)
    assert (known.person, unknown.person) == (eve, old)


def test_without_a_receipt_in_time_mail_and_text_message_go_out_together() -> None:
    waiting = due(state=State.AWAITING, accepted_at=NOON)

    decision = decide(waiting, a_policy(), people(ana(WECOM, MAIL, SMS)), now=NOON)

    assert isinstance(decision, Routed)
    assert (decision.step, decision.addresses) == (1, [MAIL, SMS])


def test_the_last_receipt_is_waited_for_and_then_the_reminder_is_given_up() -> None:
    waiting = due(state=State.AWAITING, step=1, accepted_at=NOON, attempt_count=2)
    over = replace(waiting, step=LAST_WAIT_STEP)

    patient = decide(waiting, a_policy(), people(ana(WECOM, MAIL)), now=NOON)
    ended = decide(over, a_policy(), people(ana(WECOM, MAIL)), now=NOON)

    assert patient == Waiting(NOON + timedelta(seconds=600), LAST_WAIT_STEP)
    assert ended == Ended(State.FAILED, Reason.NO_RECEIPT, ANA)


def test_a_route_that_is_tried_again_goes_on_when_there_is_no_other() -> None:
    tried = due(state=State.SENDING, is_begun=True)

    assert decide(tried, a_policy(), people(ana(WEBHOOK)), now=NOON) == Waiting(NEVER, 0)


def test_a_route_that_fails_for_ten_seconds_gets_the_next_one_beside_it() -> None:
    tried = due(state=State.SENDING, is_begun=True)

    decision = decide(tried, a_policy(), people(ana(WECOM, MAIL)), now=NOON)

    assert isinstance(decision, Routed)
    assert decision.addresses == [MAIL]


def test_a_message_that_only_waits_in_a_long_queue_is_not_doubled() -> None:
    queued = due(state=State.SENDING)

    decision = decide(queued, a_policy(), people(ana(WECOM, MAIL)), now=NOON)

    assert decision == Waiting(NOON + timedelta(seconds=10), 0)


def test_somebody_without_an_address_and_a_route_that_was_refused_are_told_apart() -> None:
    nowhere = decide(due(), a_policy(), people(), now=NOON)
    refused = decide(due(step=1, last_reason="refused"), a_policy(), people(ana(WECOM)), now=NOON)

    assert nowhere == Ended(State.FAILED, Reason.NO_RECIPIENT, ANA)
    assert refused == Ended(State.FAILED, Reason.REFUSED, ANA)


AT_NIGHT = datetime(2026, 2, 7, 15, 30, tzinfo=UTC)  # 23:30 in Shanghai
IN_THE_MORNING = datetime(2026, 2, 8, 7, 0, tzinfo=SHANGHAI)


def test_at_night_only_what_is_important_is_sent() -> None:
    usual = decide(due(), a_policy(is_important=False), people(ana(WECOM)), now=AT_NIGHT)
    important = decide(due(), a_policy(), people(ana(WECOM)), now=AT_NIGHT)

    assert usual == Held(IN_THE_MORNING, 0)
    assert isinstance(important, Routed)


def test_the_night_is_that_of_the_recipient() -> None:
    in_london = ana(WECOM, zone="Europe/London")

    decision = decide(due(), a_policy(is_important=False), people(in_london), now=AT_NIGHT)

    assert isinstance(decision, Routed)


def test_no_further_route_begins_at_night() -> None:
    waiting = due(state=State.AWAITING, accepted_at=AT_NIGHT)

    decision = decide(waiting, a_policy(is_important=False), people(ana(WECOM, SMS)), now=AT_NIGHT)

    assert decision == Waiting(IN_THE_MORNING, 0)


@pytest.mark.parametrize(
    ("local", "until"),
    [
        ("2026-02-07 21:59:59", None),
        ("2026-02-07 22:00:00", "2026-02-08 07:00:00"),
        ("2026-02-08 06:59:59", "2026-02-08 07:00:00"),
        ("2026-02-08 07:00:00", None),
    ],
)
def test_quiet_hours_begin_at_22_and_end_at_7(local: str, until: str | None) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=SHANGHAI)

    found = quiet_until(QUIET, now=now, zone=SHANGHAI)

    expected = datetime.fromisoformat(until).replace(tzinfo=SHANGHAI) if until else None
    assert found == expected


def test_quiet_hours_may_lie_within_a_day() -> None:
    quiet = QuietHours(time(12), time(14))
    noon = datetime(2026, 2, 7, 12, 30, tzinfo=SHANGHAI)

    assert quiet_until(quiet, now=noon, zone=SHANGHAI) == noon.replace(hour=14, minute=0)


def pushed(device: Device) -> Address:
    return replace(WECOM, device=device, to=device.value)


@pytest.fixture
def at() -> Callable[..., Presence]:
    def build(minutes_ago: float, *, is_online: bool = True) -> Presence:
        return Presence(is_online, NOON - timedelta(minutes=minutes_ago))

    return build


def test_the_device_that_was_active_last_comes_first(at: Callable[..., Presence]) -> None:
    person = ana(
        pushed(Device.IOS),
        pushed(Device.PC),
        WEBHOOK,
        presences={Device.IOS: at(4), Device.PC: at(1)},
    )

    assert person.usable(ROUTES[0], now=NOON) == [pushed(Device.PC)]


def test_nothing_is_pushed_to_a_device_that_is_offline(at: Callable[..., Presence]) -> None:
    presences = {Device.IOS: at(1, is_online=False), Device.WEB: at(6)}
    devices = (pushed(Device.IOS), pushed(Device.WEB), pushed(Device.ANDROID))

    with_more = ana(*devices, WEBHOOK, presences=presences)
    with_none = ana(*devices, presences=presences)

    assert with_more.usable(ROUTES[0], now=NOON) == [WEBHOOK]
    assert with_none.usable(ROUTES[0], now=NOON) == []
    decision = decide(due(), a_policy(), people(with_none), now=NOON)
    assert decision == Ended(State.FAILED, Reason.OFFLINE, ANA)


def test_devices_of_which_nothing_was_heard_are_tried_in_the_policy_s_order() -> None:
    assert ana(pushed(Device.IOS), WEBHOOK).usable(ROUTES[0], now=NOON) == [pushed(Device.IOS)]
