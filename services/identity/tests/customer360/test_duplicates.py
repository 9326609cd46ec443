"""Duplicate checks across walls, asked of the running service: that somebody exists, and no value of theirs."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from identity.policies.contactability import load_contact_policy
from leadchain.identity.v1 import duplicates_service_pb2 as pb
from leadchain.identity.v1.access_events_pb2 import CustomerAccessRequested
from servicekit.events import new_id
from stdnum.cn import uscc as credit_codes

PHONE = "+8613800138001"
USCC = "91440300MA5FMADE1"
USCC += credit_codes.calc_check_digit(USCC)
COMPANY = "示例科技有限公司"


async def check(desk: Any, who: str, **fields: str) -> pb.CheckDuplicateResponse:
    request = pb.CheckDuplicateRequest(**fields)
    answer: pb.CheckDuplicateResponse = await desk.duplicates(who).CheckDuplicate(request)
    return answer


async def refused(call: Callable[[], Any]) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call()
    code: grpc.StatusCode = refusal.value.code()
    return code


async def test_a_customer_of_somebody_elses_is_told_by_team_and_owner_only(
    desk: Any, world: Any
) -> None:
    person = await world.customer(phone=PHONE, name="张伟", company=COMPANY)
    await desk.owns("ana", person)

    answer = await check(desk, "bo", phone="138 0013 8001")

    (match,) = answer.matches
    assert answer.outcome == match.outcome == pb.DUPLICATE_OUTCOME_EXISTS
    assert (match.team, match.owner_id, match.is_walled) == ("mia", "ana", True)
    assert (match.golden_id, match.master_id) == ("", "")
    assert list(match.agreeing) == ["phone"]
    told = answer.SerializeToString().decode("latin-1")
    assert not any(secret in told for secret in ("13800138001", person.golden_id, "CID-"))


async def test_whoever_may_see_the_customer_is_led_to_them(desk: Any, world: Any) -> None:
    person = await world.customer(phone=PHONE)
    await desk.owns("ana", person)

    for who in ("ana", "mia", "dora"):
        (match,) = (await check(desk, who, phone=PHONE)).matches
        assert (match.golden_id, match.is_walled) == (person.golden_id, False)


async def test_nobody_is_found_where_nobody_is(desk: Any, world: Any) -> None:
    await world.customer(phone=PHONE, company=COMPANY, name="张伟")

    answer = await check(desk, "bo", phone="13900139009", email="nobody@example.cn")

    assert (answer.outcome, list(answer.matches)) == (pb.DUPLICATE_OUTCOME_NONE, [])


async def test_weak_evidence_is_only_that_somebody_may_exist(desk: Any, world: Any) -> None:
    await world.customer(phone=PHONE, name="张伟", uscc=USCC, company=COMPANY)
    while await world.relations.step():
        pass

    colleague = await check(desk, "bo", name="李娜", uscc=USCC, phone="13900139009")
    the_company = await check(desk, "bo", uscc=USCC)

    assert colleague.outcome == pb.DUPLICATE_OUTCOME_MAY_EXIST
    assert the_company.outcome == pb.DUPLICATE_OUTCOME_EXISTS


async def test_the_same_phone_at_another_company_is_perhaps_the_same_customer(
    desk: Any, world: Any
) -> None:
    other = "91440300MA5FMADE2"
    await world.customer(phone=PHONE, uscc=USCC, name="张伟")

    answer = await check(desk, "bo", phone=PHONE, uscc=other + credit_codes.calc_check_digit(other))

    assert answer.outcome == pb.DUPLICATE_OUTCOME_MAY_EXIST


async def test_a_phone_that_everybody_has_finds_nobody(desk: Any, world: Any) -> None:
    await world.customer(phone=PHONE)
    tokens = world.model.identifiers(world.model.read({"phone": PHONE}), world.digests.hasher)
    await world.execute("insert into generic_keys values ($1, 'phone', 'names', now())", tokens[0])

    answer = await check(desk, "bo", phone=PHONE)

    assert answer.outcome == pb.DUPLICATE_OUTCOME_NONE


async def test_a_name_and_a_company_find_who_bears_them(desk: Any, world: Any) -> None:
    await world.customer(phone=PHONE, name="张伟", company=COMPANY, city="深圳")

    answer = await check(desk, "bo", name="张伟", company="示例科技有限责任公司")

    assert answer.outcome in {pb.DUPLICATE_OUTCOME_MAY_EXIST, pb.DUPLICATE_OUTCOME_EXISTS}


async def test_one_person_may_not_go_through_phone_numbers(desk: Any, world: Any) -> None:
    allowed = load_contact_policy()[1].checks_per_minute

    left = [
        (await check(desk, "bo", phone=f"139001390{number:02}")).checks_left
        for number in range(allowed)
    ]
    code = await refused(lambda: check(desk, "bo", phone=PHONE))
    of_another = await check(desk, "dora", phone=PHONE)

    assert left == list(range(allowed - 1, -1, -1))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert of_another.checks_left == allowed - 1


async def test_every_check_is_kept_with_who_asked_and_without_a_value(
    desk: Any, world: Any
) -> None:
    person = await world.customer(phone=PHONE)

    answer = await check(desk, "bo", phone=PHONE, name="张伟")

    (row,) = await world.rows(
        "select check_id::text, actor_id, asked, outcome, golden_ids, walled from duplicate_checks"
    )
    assert row == (answer.check_id, "bo", ["name", "phone"], 3, [person.golden_id], [True])


async def test_the_owner_is_asked_for_access_once(desk: Any, world: Any) -> None:
    person = await world.customer(phone=PHONE)
    await desk.owns("ana", person)
    found = await check(desk, "bo", phone=PHONE)
    request = pb.RequestAccessRequest(check_id=found.check_id, match_index=0)

    first = await desk.duplicates("bo").RequestAccess(request)
    again = await desk.duplicates("bo").RequestAccess(request)

    (event,) = await world.states(CustomerAccessRequested)
    assert first == again
    assert first.has_owner
    assert (event.golden_id, event.requester_id) == (person.golden_id, "bo")
    assert (event.owner_id, event.manager_id) == ("ana", "mia")
    of_ana = await desk.duplicates("ana").ListAccessRequests(pb.ListAccessRequestsRequest())
    of_bo = await desk.duplicates("bo").ListAccessRequests(pb.ListAccessRequestsRequest())
    assert [(each.golden_id, each.requester_id) for each in of_ana.requests] == [
        (person.golden_id, "bo")
    ]
    assert [(each.golden_id, each.owner_id) for each in of_bo.requests] == [("", "")]


async def test_access_is_asked_for_what_one_found_oneself_and_lately(desk: Any, world: Any) -> None:
    person = await world.customer(phone=PHONE)
    await desk.owns("ana", person)
    found = await check(desk, "bo", phone=PHONE)

    def asking(who: str, check_id: str, index: int = 0) -> Callable[[], Any]:
        request = pb.RequestAccessRequest(check_id=check_id, match_index=index)
        return lambda: desk.duplicates(who).RequestAccess(request)

    assert await refused(asking("mia", found.check_id)) is grpc.StatusCode.NOT_FOUND
    assert await refused(asking("bo", new_id())) is grpc.StatusCode.NOT_FOUND
    assert await refused(asking("bo", found.check_id, 1)) is grpc.StatusCode.NOT_FOUND
    assert await refused(asking("bo", "check-1")) is grpc.StatusCode.INVALID_ARGUMENT
    await desk.owns("bo", person)
    assert await refused(asking("bo", found.check_id)) is grpc.StatusCode.FAILED_PRECONDITION
    await world.execute(
        "update duplicate_checks set checked_at = checked_at - interval '61 minutes'"
    )
    assert await refused(asking("bo", found.check_id)) is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    "fields",
    [{}, {"name": "张伟"}, {"company": COMPANY}, {"phone": "  "}, {"phone": "138****8001"}],
    ids=["nothing", "name", "company", "blank", "masked"],
)
async def test_a_check_by_nothing_that_tells_anybody_is_refused(
    desk: Any, fields: dict[str, str]
) -> None:
    assert await refused(lambda: check(desk, "bo", **fields)) is grpc.StatusCode.INVALID_ARGUMENT


async def test_whoever_has_no_such_right_may_not_check(desk: Any) -> None:
    code = await refused(lambda: check(desk, "identity", phone=PHONE))

    assert code is grpc.StatusCode.PERMISSION_DENIED
