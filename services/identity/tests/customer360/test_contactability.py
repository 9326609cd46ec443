"""Whether customers may be contacted, asked of the running service over all systems (ID-17)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from identity.commands import facts as commands
from leadchain.assignment.v1.events_pb2 import LeadContacted
from leadchain.identity.v1 import customer360_service_pb2 as pb
from leadchain.intake.v1.privacy_events_pb2 import (
    SUPPRESSED_PURPOSE_CONTACT,
    SUPPRESSED_PURPOSE_MARKETING,
    SubjectsSuppressed,
)
from servicekit.events import new_id
from servicekit.sealing import BlindIndex

PHONE = "+8613800138001"
DAY = timedelta(days=1)
NOW = datetime(2026, 2, 7, 5, 30, tzinfo=UTC)
"""The servicers' time."""


def renewal(person: Any) -> pb.MayContactRequest:
    return pb.MayContactRequest(
        id=person.golden_id, purpose=pb.CONTACT_PURPOSE_RENEWAL, channel=pb.CONTACT_CHANNEL_CALL
    )


def refusals(answer: pb.MayContactResponse) -> list[int]:
    return [reason.refusal for reason in answer.reasons]


async def test_calls_of_three_systems_that_know_a_customer_by_different_ids_count_together(
    desk: Any, world: Any, told: Any
) -> None:
    person = await world.customer(phone=PHONE, email="a@example.cn", openid="o-1", name="张伟")
    asking = desk.contactability("dora")

    await world.hears(told("call", NOW - 9 * DAY, system="call_centre", phone_e164=PHONE))
    await world.hears(told("call", NOW - 6 * DAY, system="scrm", openid="o-1"))
    before = await asking.MayContact(renewal(person))
    await world.hears(told("call", NOW - 3 * DAY, system="erp", email="a@example.cn"))
    after = await asking.MayContact(renewal(person))

    assert (before.may, before.contact_count) == (True, 2)
    assert (after.may, after.contact_count) == (False, 3)
    assert refusals(after) == [pb.CONTACT_REFUSAL_CONTACTED_OFTEN]
    assert list(after.reasons[0].systems) == ["call_centre", "erp", "scrm"]
    assert after.golden_id == person.golden_id


async def test_a_call_told_twice_and_one_that_the_customer_made_do_not_count(
    desk: Any, world: Any, told: Any
) -> None:
    person = await world.customer(phone=PHONE)
    started = told("call", NOW - DAY, own_id="c-1", phone_e164=PHONE)
    ended = told("call", NOW - DAY, own_id="c-1", phone_e164=PHONE)
    theirs = told("call", NOW - DAY, said={"is_inbound": True}, phone_e164=PHONE)

    await world.hears(started, ended, theirs)
    answer = await desk.contactability("dora").MayContact(renewal(person))

    assert answer.contact_count == 1


async def test_our_own_people_count_like_a_system(desk: Any, world: Any) -> None:
    person = await world.customer(phone=PHONE)
    marked = LeadContacted(event_id=new_id(), lead_id=person.lead_id, rep_id="ana")
    marked.occurred_at.FromDatetime(NOW - DAY)

    await world.hears(marked)
    answer = await desk.contactability("dora").MayContact(renewal(person))

    assert answer.contact_count == 1


async def test_a_fact_that_came_before_the_customer_is_theirs_when_they_come(
    desk: Any, world: Any, told: Any
) -> None:
    await world.hears(told("contract", NOW - DAY, phone_e164=PHONE))

    person = await world.customer(phone=PHONE)
    answer = await desk.contactability("dora").MayContact(renewal(person))

    assert refusals(answer) == [pb.CONTACT_REFUSAL_RENEWED]


async def test_facts_follow_a_merge_without_being_touched(desk: Any, world: Any, told: Any) -> None:
    first = await world.customer(phone=PHONE)
    second = await world.customer(email="a@example.cn")
    await world.hears(
        told("call", NOW - 3 * DAY, phone_e164=PHONE),
        told("call", NOW - 2 * DAY, phone_e164=PHONE),
        told("call", NOW - DAY, email="a@example.cn"),
    )

    before = await desk.contactability("dora").MayContact(renewal(first))
    await world.merge(first, second)
    after = await desk.contactability("dora").MayContact(renewal(second))

    assert (before.contact_count, before.may) == (2, True)
    assert (after.contact_count, after.may) == (3, False)
    assert after.golden_id == first.golden_id


async def test_a_complaint_that_is_solved_refuses_nothing(desk: Any, world: Any, told: Any) -> None:
    person = await world.customer(phone=PHONE)
    asking = desk.contactability("dora")

    await world.hears(told("complaint", NOW - 2 * DAY, own_id="t-1", phone_e164=PHONE))
    before = await asking.MayContact(renewal(person))
    solved = told("complaint", NOW - 2 * DAY, own_id="t-1", phone_e164=PHONE)
    solved.closed_at.FromDatetime(NOW - DAY)
    solved.occurred_at.FromDatetime(NOW - DAY)
    await world.hears(solved)
    after = await asking.MayContact(renewal(person))

    assert refusals(before) == [pb.CONTACT_REFUSAL_OPEN_COMPLAINT]
    assert after.may


async def test_a_switchboard_tells_nothing_about_whoever_is_behind_it(
    desk: Any, world: Any, told: Any
) -> None:
    person = await world.customer(phone=PHONE)
    (token,) = world.model.identifiers(world.model.read({"phone": PHONE}), world.digests.hasher)
    await world.execute("insert into generic_keys values ($1, 'phone', 'crowded', now())", token)

    await world.hears(*(told("call", NOW - days * DAY, phone_e164=PHONE) for days in (1, 2, 3)))
    answer = await desk.contactability("dora").MayContact(renewal(person))

    assert (answer.may, answer.contact_count) == (True, 0)


async def test_a_wish_is_kept_by_identifiers_and_can_be_taken_back(desk: Any, world: Any) -> None:
    person = await world.customer(phone=PHONE)
    await desk.owns("ana", person)
    asking = desk.contactability("ana")
    wish = pb.RecordObjectionRequest(
        id=person.lead_id, channel=pb.CONTACT_CHANNEL_CALL, objection_id=new_id()
    )

    await asking.RecordObjection(wish)
    await asking.RecordObjection(wish)
    refused = await asking.MayContact(renewal(person))
    withdrawn = await asking.WithdrawObjection(pb.WithdrawObjectionRequest(id=person.golden_id))
    again = await asking.WithdrawObjection(pb.WithdrawObjectionRequest(id=person.golden_id))
    allowed = await asking.MayContact(renewal(person))

    assert refusals(refused) == [pb.CONTACT_REFUSAL_OBJECTED]
    assert (withdrawn.withdrawn_count, again.withdrawn_count) == (1, 0)
    assert allowed.may


async def test_a_wish_of_whom_nothing_is_known_by_themselves_is_refused(
    desk: Any, world: Any
) -> None:
    person = await world.customer(name="张伟", company="示例科技有限公司")

    wish = pb.RecordObjectionRequest(id=person.golden_id, objection_id=new_id())
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await desk.contactability("dora").RecordObjection(wish)

    assert refusal.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_whoever_was_forgotten_is_left_alone_when_another_system_still_knows_them(
    desk: Any, world: Any
) -> None:

    index = BlindIndex(b"i" * 32, "phone").of(PHONE)
    async with world.database.unit_of_work() as uow:
        await commands.suppress(uow, [index])

    person = await world.customer(email="a@example.cn")
    await world.source(person, system="kingdee", phone="138-0013-8001")
    answer = await desk.contactability("dora").MayContact(renewal(person))

    assert refusals(answer) == [pb.CONTACT_REFUSAL_SUPPRESSED]


@pytest.mark.parametrize(
    ("who", "code"),
    [("bo", grpc.StatusCode.PERMISSION_DENIED), ("mia", None), ("ana", None)],
    ids=["bo", "mia", "ana"],
)
async def test_only_who_may_see_the_customer_may_ask(
    desk: Any, world: Any, who: str, code: Any
) -> None:
    person = await world.customer(phone=PHONE)
    await desk.owns("ana", person)

    answer: Any = None
    try:
        answer = await desk.contactability(who).MayContact(renewal(person))
    except grpc.aio.AioRpcError as refusal:
        answer = refusal

    assert (answer.code() if isinstance(answer, grpc.aio.AioRpcError) else None) is code


@pytest.mark.parametrize(
    ("id_", "code"),
    [
        ("f" * 64, grpc.StatusCode.NOT_FOUND),
        ("CID-20260207-999999", grpc.StatusCode.NOT_FOUND),
        ("0198a000-0000-7000-8000-000000000000", grpc.StatusCode.NOT_FOUND),
        ("", grpc.StatusCode.INVALID_ARGUMENT),
        ("\x00", grpc.StatusCode.INVALID_ARGUMENT),
    ],
    ids=["golden", "master", "lead", "empty", "zero"],
)
async def test_an_unknown_customer_is_refused_by_kind(desk: Any, id_: str, code: Any) -> None:
    request = pb.MayContactRequest(id=id_, purpose=pb.CONTACT_PURPOSE_SALES)

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await desk.contactability("dora").MayContact(request)

    assert refusal.value.code() is code


async def test_whom_lead_intake_leaves_alone_is_left_alone_by_every_system_until_it_is_lifted(
    desk: Any, world: Any
) -> None:
    person = await world.customer(phone=PHONE, name="张伟")
    index = BlindIndex(b"i" * 32, "phone").of(PHONE)
    asking = desk.contactability("dora")

    async def hears(purpose: Any, *, is_lifted: bool = False) -> list[bool]:
        event = SubjectsSuppressed(event_id=new_id(), subject_indexes=[index], is_lifted=is_lifted)
        event.purpose = purpose
        await world.hears(event)
        asked = (renewal(person), pb.MayContactRequest(
            id=person.golden_id,
            purpose=pb.CONTACT_PURPOSE_MARKETING,
            channel=pb.CONTACT_CHANNEL_CALL,
        ))  # fmt: skip
        return [(await asking.MayContact(each)).may for each in asked]

    assert await hears(SUPPRESSED_PURPOSE_MARKETING) == [True, False]
    assert await hears(SUPPRESSED_PURPOSE_CONTACT) == [False, False]
    assert await hears(SUPPRESSED_PURPOSE_CONTACT, is_lifted=True) == [True, False]
    assert await hears(SUPPRESSED_PURPOSE_MARKETING, is_lifted=True) == [True, True]


async def test_a_key_that_says_nothing_hides_no_facts_but_its_own(
    desk: Any, world: Any, told: Any
) -> None:
    person = await world.customer(phone=PHONE, name="张伟")
    await world.execute(
        "insert into generic_keys (key, rule, reason, made_at) values (42, 'phone', 'crowded', now())"
    )

    await world.hears(told("call", NOW - DAY, system="call_centre", phone_e164=PHONE))

    answer = await desk.contactability("dora").MayContact(renewal(person))
    assert answer.contact_count == 1
