"""Many questions: over an open call, as a list, and as one subject and action for many resources."""

import grpc
import pytest
from accesskit.changes import PolicyPut
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from leadchain.permissions.v1 import permissions_service_pb2 as pb
from servicekit.events import new_id

BY_AMOUNT = """
model: |
  model
    schema 1.1
  type user
    relations
      define manager: [user]
  type service
  type role
    relations
      define member: [user, service]
  type platform
  type lead
    relations
      define owner: [user]
  condition small(amount: int, limit: int) {
    amount < limit
  }
roles:
  salesperson: {zh: 销售, en: Salesperson}
services: [engagement]
rules:
  - {id: asks, principals: [engagement], on: platform, actions: [check]}
  - {id: small_discounts, roles: [salesperson], on: lead, as: owner, actions: [discount], when: small}
"""

PEOPLE = ("ana", "bo", "boss", "dee", "nobody", "engagement")
ACTIONS = ("read", "edit", "watch_stream", "hand_over", "delete", "claim", "fly")


async def streamed(office, requests) -> list[pb.CheckStreamResponse]:
    call = office.stub.CheckStream(iter(requests))
    return [answer async for answer in call]


async def test_answers_on_a_stream_come_in_the_order_of_the_questions(office, ask) -> None:
    requests = [
        pb.CheckStreamRequest(id=n, check=ask("ana" if n % 2 else "bo", "edit", "lead:lead-a"))
        for n in range(1, 41)
    ]

    answers = await streamed(office, requests)

    assert [answer.id for answer in answers] == list(range(1, 41))
    assert [answer.result.allowed for answer in answers] == [n % 2 == 1 for n in range(1, 41)]


async def test_a_bad_question_does_not_end_the_stream(office, ask) -> None:
    ahead = ask("ana", "edit", "lead:lead-a")
    ahead.consistency.at_least = f"v1.{office.live.log_id}.999999"
    asked = [ask("", "edit", "lead:lead-a"), ahead, ask("ana", "edit", "lead:lead-a")]

    answers = await streamed(
        office, [pb.CheckStreamRequest(id=n, check=each) for n, each in enumerate(asked)]
    )

    assert [answer.error for answer in answers] == ["bad_name", "ahead_of_log", ""]
    assert answers[2].result.allowed


async def test_a_stream_refuses_questions_about_others_and_goes_on(office, ask) -> None:
    dee = await office.as_caller("dee")
    asked = [ask("ana", "read", "lead:lead-a"), ask("dee", "read", "lead:lead-a")]
    call = dee.CheckStream(iter([pb.CheckStreamRequest(check=each) for each in asked]))

    answers = [answer async for answer in call]

    assert [answer.error for answer in answers] == ["not_yours", ""]


async def test_questions_that_differ_in_context_only_get_answers_of_their_own(office, ask) -> None:
    token = await office.state(PolicyPut(2, BY_AMOUNT, "live"))
    contexts = ['{"amount": 5, "limit": 10}', '{"amount": 50, "limit": 10}', '{"amount": 5}', ""]
    checks = [ask("ana", "discount", "lead:lead-a", context_json=context) for context in contexts]
    request = pb.BatchCheckRequest(checks=checks * 2)
    request.consistency.at_least = token

    results = (await office.stub.BatchCheck(request)).results

    outcomes = [pb.OUTCOME_ALLOW, pb.OUTCOME_DENY, pb.OUTCOME_CONDITIONAL, pb.OUTCOME_CONDITIONAL]
    assert [result.outcome for result in results] == outcomes * 2
    assert [list(result.missing) for result in results[:4]] == [
        [],
        [],
        ["limit"],
        ["amount", "limit"],
    ]
    assert not results[2].allowed


async def test_context_of_a_wrong_type_is_refused_and_never_allowed(office, ask) -> None:
    await office.live.at_least(await office.state(PolicyPut(2, BY_AMOUNT, "live")))

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await office.stub.Check(
            ask("ana", "discount", "lead:lead-a", context_json='{"amount": "few", "limit": 10}')
        )

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_batch_that_is_milliseconds_ahead_is_answered_of_one_revision(office, own) -> None:
    ids = [new_id() for _ in range(50)]
    token = await office.state(*(own(id_, "ana") for id_ in ids))

    answer = await office.stub.BatchCheck(
        pb.BatchCheckRequest(
            subject_id="ana", action="edit", resource_type="lead", resource_ids=ids
        )
    )

    assert set(answer.outcomes) == {pb.OUTCOME_ALLOW}
    assert answer.token == token


async def test_two_thousand_are_answered_and_one_more_is_refused(office, ask) -> None:
    ids = [f"lead-{number}" for number in range(2001)]
    compact = {"subject_id": "dee", "action": "read", "resource_type": "lead"}

    answer = await office.stub.BatchCheck(pb.BatchCheckRequest(**compact, resource_ids=ids[:2000]))
    for request in (
        pb.BatchCheckRequest(**compact, resource_ids=ids),
        pb.BatchCheckRequest(checks=[ask("dee", "read", "lead:lead-a")] * 2001),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await office.stub.BatchCheck(request)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    assert len(answer.outcomes) == 2000


async def test_compact_answers_are_counted_together(office) -> None:
    request = pb.BatchCheckRequest(
        subject_id="ana", action="edit", resource_type="lead", resource_ids=["lead-a", "lead-b"]
    )
    await office.stub.BatchCheck(request)
    office.clock.now_s += 60
    await office.check("bo", "edit", "lead:lead-a")

    await office.recorded(1)
    [counted] = [e for e in await office.entries() if e["action"] == "decisions_counted"]
    assert counted["counts"] == [["ana", "edit", 1, 1, 0]]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_every_way_of_asking_gives_the_same_answer(office, ask, own, numbers, data) -> None:
    leads = [f"lead-{numbers()}" for _ in range(4)]
    touched_s = office.clock() - 86_400 * data.draw(st.integers(0, 45))
    owners = data.draw(st.lists(st.sampled_from(["ana", "bo", "boss"]), min_size=4, max_size=4))
    token = await office.state(
        *(own(id_, owner, touched_at_s=touched_s) for id_, owner in zip(leads, owners, strict=True))
    )
    await office.live.at_least(token)
    subject_id, action = data.draw(st.sampled_from(PEOPLE)), data.draw(st.sampled_from(ACTIONS))
    checks = [ask(subject_id, action, f"lead:{id_}") for id_ in leads]

    singly = [(await office.stub.Check(check)).outcome for check in checks]
    explained = [
        (await office.stub.Explain(pb.ExplainRequest(check=check))).result.outcome
        for check in checks
    ]
    listed = await office.stub.BatchCheck(pb.BatchCheckRequest(checks=checks))
    compact = await office.stub.BatchCheck(
        pb.BatchCheckRequest(
            subject_id=subject_id, action=action, resource_type="lead", resource_ids=leads
        )
    )
    over_stream = await streamed(office, [pb.CheckStreamRequest(check=check) for check in checks])

    assert singly == explained == [result.outcome for result in listed.results]
    assert singly == list(compact.outcomes) == [each.result.outcome for each in over_stream]
