"""Facts are written whole or not at all, by whoever may, and never make the organisation chart impossible."""

import asyncio
import json
import random

import grpc
import pytest
from accesskit.decisions import Outcome, Question
from leadchain.permissions.v1 import approvals_service_pb2 as approvals_pb
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import facts_service_pb2 as pb
from permissions.domain.facts import ORG_DEPTH_MAX
from servicekit.testing.thoroughness import rounds

from .conftest import Door, a_fact, a_write

LEAD_VIEWER = "lead:l-1#viewer@user:bo"


async def test_what_is_written_is_read_and_decides_by_its_token(door: Door) -> None:
    before = door.live.engine.revision

    answer = await door.write(LEAD_VIEWER)

    await door.live.at_least(answer.token)
    question = Question("bo", "read", "lead", "l-1")
    assert answer.seq > before
    assert await door.facts(resource_type="lead") == [LEAD_VIEWER]
    assert door.live.engine.decide(question, now_s=door.live.now_s).outcome is Outcome.ALLOW


async def test_a_repeated_write_is_one_effect(door: Door) -> None:
    first = await door.write(LEAD_VIEWER)

    again = await door.write(LEAD_VIEWER)

    assert (again.seq, again.token) == (0, first.token)


async def test_a_removed_fact_is_gone_and_removing_it_again_changes_nothing(door: Door) -> None:
    await door.write(LEAD_VIEWER)

    removed = await door.write(remove=[LEAD_VIEWER])
    again = await door.write(remove=[LEAD_VIEWER])

    assert (removed.seq > 0, again.seq) == (True, 0)
    assert await door.facts(resource_type="lead") == []


async def test_facts_are_read_page_by_page_in_the_order_of_their_bytes(door: Door) -> None:
    names = ["Rep", "rep", "rep-10", "rep-9", "代表", "ré"]
    await door.write(*[f"lead:{name}#viewer@user:bo" for name in names])

    found, token = [], ""
    while True:
        request = pb.ReadFactsRequest(resource_type="lead", page_size=2, page_token=token)
        page = await door.call("ReadFacts", request)
        found += [fact.resource.id for fact in page.facts]
        token = page.next_page_token
        if not token:
            break

    assert found == sorted(names, key=str.encode)


@pytest.mark.parametrize(
    "token", ["x", "W10=", "WzEsMl0=", "é", "WyJcdTAwMDAiLCIiLCIiLCIiLCIiLCIiXQ=="]
)
async def test_a_page_token_that_was_never_given_out_is_refused(door: Door, token: str) -> None:
    code, _ = await door.refusal("ReadFacts", pb.ReadFactsRequest(page_token=token))

    assert code == "INVALID_ARGUMENT"


NO_NAMES = {
    "empty": "",
    "space before": " bo",
    "space after": "bo ",
    "colon": "b:o",
    "hash": "b#o",
    "at": "b@o",
    "nul": "b\x00o",
    "newline": "b\no",
    "bidi": "b\u202eo",
    "zero width": "b\u200bo",
    "not NFC": "e\u0301",
    "long": "b" * 201,
}


@pytest.mark.parametrize("place", ["resource", "relation", "subject"])
async def test_a_name_that_could_pass_for_another_is_refused(door: Door, place: str) -> None:
    for trick, name in NO_NAMES.items():
        fact = a_fact(LEAD_VIEWER)
        if place == "relation":
            fact.relation = name
        else:
            getattr(fact, place).id = name

        code, text = await door.refusal("WriteFacts", pb.WriteFactsRequest(puts=[fact]))

        assert (trick, code) == (trick, "INVALID_ARGUMENT")
        assert not name.strip() or name not in text


async def test_names_that_differ_in_case_are_two_names(door: Door) -> None:
    await door.write("lead:L-1#viewer@user:bo", "lead:l-1#viewer@user:bo")

    await door.write(remove=["lead:L-1#viewer@user:bo"])

    assert await door.facts(resource_type="lead") == ["lead:l-1#viewer@user:bo"]


@pytest.mark.parametrize(
    "written",
    [
        "lead:l-1#viewer@user:*",
        "lead:l-1#viewer@service:engagement",
        "lead:l-1#viewer@role:director",
        "lead:l-1#unheard@user:bo",
        "unheard:l-1#viewer@user:bo",
        "lead:l-1#reader@user:bo",
        "lead:l-1#viewer@role:director#holder",
    ],
)
async def test_what_the_model_does_not_admit_is_refused(door: Door, written: str) -> None:
    code, _ = await door.refused_write(LEAD_VIEWER, written)

    assert code == "INVALID_ARGUMENT"
    assert await door.facts(resource_type="lead") == []


async def test_an_unknown_condition_is_refused(door: Door) -> None:
    fact = a_fact(LEAD_VIEWER, condition="at_work")

    code, _ = await door.refusal("WriteFacts", pb.WriteFactsRequest(puts=[fact]))

    assert code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "context", ["[1]", "{", '{"a": NaN}', '{"a": "\\ud800"}', "[" * 3000, '"x"', "9" * 4001]
)
async def test_a_context_that_is_no_object_is_refused(door: Door, context: str) -> None:
    fact = a_fact(LEAD_VIEWER, context_json=context)

    code, _ = await door.refusal("WriteFacts", pb.WriteFactsRequest(puts=[fact]))

    assert code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("until_s", [1.0, -1.0, float("inf"), float("nan")])
async def test_an_expiry_that_does_not_lie_ahead_is_refused(door: Door, until_s: float) -> None:
    fact = a_fact(LEAD_VIEWER, until_s=until_s)

    code, _ = await door.refusal("WriteFacts", pb.WriteFactsRequest(puts=[fact]))

    assert code == "INVALID_ARGUMENT"


async def test_an_owner_is_not_changed_past_the_lease(door: Door) -> None:
    code, text = await door.refused_write("lead:l-1#owner@user:bo")

    assert (code, "through its lease" in text) == ("INVALID_ARGUMENT", True)


async def test_nothing_is_written_when_a_precondition_does_not_hold(door: Door) -> None:
    given = [
        pb.Precondition(fact=a_fact("role:salesperson#member@user:ana")),
        pb.Precondition(fact=a_fact("role:salesperson#member@user:dee")),
    ]

    code, text = await door.refused_write(LEAD_VIEWER, preconditions=given)

    assert (code, text) == ("FAILED_PRECONDITION", "precondition 1 does not hold")
    assert await door.facts(resource_type="lead") == []


async def test_an_absent_fact_can_be_a_precondition(door: Door) -> None:
    absent = [pb.Precondition(fact=a_fact(LEAD_VIEWER), must_be_absent=True)]
    await door.write(LEAD_VIEWER, preconditions=absent)

    code, _ = await door.refused_write("lead:l-2#viewer@user:bo", preconditions=absent)

    assert code == "FAILED_PRECONDITION"


async def test_too_much_too_little_or_twice_the_same_is_refused(door: Door) -> None:
    many = [f"lead:l-{number}#viewer@user:bo" for number in range(1001)]

    assert (await door.refused_write(*many))[0] == "RESOURCE_EXHAUSTED"
    assert (await door.refused_write())[0] == "INVALID_ARGUMENT"
    assert (await door.refused_write(LEAD_VIEWER, remove=[LEAD_VIEWER]))[0] == "INVALID_ARGUMENT"
    assert (await door.write(*many[1:])).seq > 0


async def test_nobody_has_two_managers(door: Door) -> None:
    await door.write("user:ana#manager@user:dee")

    code, text = await door.refused_write("user:ana#manager@user:sec")
    both = await door.refused_write("user:bo#manager@user:dee", "user:bo#manager@user:sec")

    assert (code, text) == ("FAILED_PRECONDITION", "user ana would have two managers")
    assert both == ("FAILED_PRECONDITION", "user bo would have two managers")


async def test_a_manager_is_replaced_in_one_request(door: Door) -> None:
    await door.write("user:ana#manager@user:dee")

    await door.write("user:ana#manager@user:sec", remove=["user:ana#manager@user:dee"])

    assert await door.facts(relation="manager") == ["user:ana#manager@user:sec"]


@pytest.mark.parametrize("length", [1, 2, 3, 10])
async def test_nobody_becomes_their_own_superior(door: Door, length: int) -> None:
    circle = [f"user:p-{n}#manager@user:p-{(n + 1) % length}" for n in range(length)]
    if length > 1:
        await door.write(*circle[:-1])

    code, text = await door.refused_write(circle[-1])
    at_once = await door.refused_write(*[each.replace("p-", "q-") for each in circle])

    assert (code, "own superior" in text) == ("FAILED_PRECONDITION", True)
    assert at_once[0] == "FAILED_PRECONDITION"


async def test_no_chain_of_managers_exceeds_sixteen_people(door: Door) -> None:
    chain = [f"user:p-{n}#manager@user:p-{n + 1}" for n in range(ORG_DEPTH_MAX - 1)]
    await door.write(*chain)

    above = await door.refused_write(f"user:p-{ORG_DEPTH_MAX - 1}#manager@user:top")
    below = await door.refused_write("user:below#manager@user:p-0")

    assert {above[0], below[0]} == {"FAILED_PRECONDITION"}
    assert "16" in above[1]


async def test_a_manager_is_not_one_only_at_times(door: Door) -> None:
    fact = a_fact("user:ana#manager@user:dee", until_s=door.live.now_s + 60)

    code, _ = await door.refusal("WriteFacts", pb.WriteFactsRequest(puts=[fact]))

    assert code == "INVALID_ARGUMENT"


@pytest.mark.soak
async def test_concurrent_writes_keep_the_chart_a_forest(door: Door) -> None:
    chance = random.Random(7)
    people = [f"p-{n}" for n in range(40)]
    pairs = [chance.sample(people, 2) for _ in range(rounds(300, long=3_000))]
    crowd = asyncio.Semaphore(400)

    async def attempt(person: str, manager: str) -> str:
        async with crowd:
            try:
                await door.write(f"user:{person}#manager@user:{manager}")
            except grpc.aio.AioRpcError as refusal:
                return refusal.code().name
            return "OK"

    outcomes = await asyncio.gather(*[attempt(*pair) for pair in pairs])

    chart: dict[str, str] = {}
    for edge in await door.facts(relation="manager"):
        person, manager = edge.removeprefix("user:").split("#manager@user:")
        assert chart.setdefault(person, manager) == manager
    assert set(outcomes) == {"OK", "FAILED_PRECONDITION"}
    assert len(chart) > 20
    assert all(_height(person, chart) <= ORG_DEPTH_MAX for person in chart)


def _height(person: str, chart: dict[str, str]) -> int:
    """People in the chain above somebody, who must not be in it again."""
    chain = [person]
    while (manager := chart.get(chain[-1])) is not None:
        assert manager not in chain
        chain.append(manager)
    return len(chain)


async def test_who_may_write_facts_may_not_grant_roles_or_move_people(door: Door) -> None:
    plain = await door.write(LEAD_VIEWER, by="engagement")
    role = await door.refused_write("role:director#member@user:bo", by="engagement")
    chart = await door.refused_write("user:bo#manager@user:dee", by="engagement")
    nobody = await door.refused_write("lead:l-9#viewer@user:bo", by="stranger")

    assert plain.seq > 0
    assert [each[0] for each in (role, chart, nobody)] == ["PERMISSION_DENIED"] * 3
    assert "grant on role:director is required" in role[1]
    assert "change_manager on user:bo is required" in chart[1]
    assert nobody[1].startswith("unknown_subject")


async def test_a_role_is_granted_with_an_approval_and_only_that_once(door: Door) -> None:
    grant = "role:operator#member@user:bo"
    bare = await door.refused_write(grant, by="sec")
    deed = approvals_pb.Deed(
        subject_id="sec",
        action="grant",
        resource=changes_pb2.Entity(type="role", id="operator"),
        params_json=json.dumps({"puts": {grant: 0}, "removals": []}),
    )
    approval_id = await door.approved(deed, voters=["dee", "sid"])

    for_another = a_write("role:operator#member@user:ana", approval_id=approval_id)
    other = await door.refusal("WriteFacts", for_another, by="sec", **door.present())
    request = a_write(grant, approval_id=approval_id)
    answer = await door.call("WriteFacts", request, by="sec", **door.present())

    assert bare[0] == "PERMISSION_DENIED"
    assert bare[1].startswith("approval_required")
    assert bare[1].endswith("request approval grant_role")
    assert other == ("PERMISSION_DENIED", "out_of_scope")
    assert answer.seq > 0
    assert grant in await door.facts(resource_id="operator")


async def test_even_an_administrator_grants_no_role_without_an_approval(door: Door) -> None:
    code, text = await door.refused_write("role:director#member@user:bo", by="leadctl")

    assert (code, "grant on role:director is required" in text) == ("PERMISSION_DENIED", True)


async def test_a_change_of_role_makes_tokens_be_issued_anew(door: Door) -> None:
    before = (await door.replica()).principal("bo")

    await door.write(remove=["role:salesperson#member@user:bo"])

    after = (await door.replica()).principal("bo")
    assert before is not None
    assert after is not None
    assert (before.epoch, after.epoch) == (1, 2)


async def test_whoever_cannot_be_named_writes_nothing(door: Door) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await door.stubs[0].WriteFacts(a_write(LEAD_VIEWER), timeout=10)

    assert refusal.value.code() is grpc.StatusCode.UNAUTHENTICATED
