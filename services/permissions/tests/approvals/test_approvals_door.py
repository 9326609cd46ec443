"""Approvals as callers see them: who may approve, and what an approval permits."""

import asyncio
import hashlib
from collections.abc import Awaitable

import grpc
import pytest
from accesskit.changes import FactPut, FactRemoved, PolicyPut
from accesskit.decisions import Question
from leadchain.permissions.v1 import approvals_service_pb2 as pb
from leadchain.permissions.v1.events_pb2 import ApprovalDecided
from permissions.commands import recording
from permissions.commands.approvals import Use, Used, use
from permissions.domain.approvals import ApprovalRefused, Denial
from permissions.domain.approvers import SecondFactor
from permissions.queries.approvals import standing
from servicekit.events import new_id

from .conftest import DENY, POLICY, Office, a_deed, a_request, a_use, fact

MINUTE_S = 60.0
PARAMS_HASH = hashlib.sha256(b'{"undo_days":7}').hexdigest()


def denied(code: str) -> tuple[str, str]:
    return "PERMISSION_DENIED", code


async def test_an_approved_deed_is_done_once(office: Office) -> None:
    approval_id = await office.approved()

    used = await office.call("UseApproval", a_use(approval_id), by="ana")

    again = await office.refusal("UseApproval", a_use(approval_id, key="job-2"), by="ana")
    assert not used.is_repeated
    assert again == denied("approval_expired")


async def test_a_use_repeated_after_a_crash_gets_the_same_answer(office: Office) -> None:
    approval_id = await office.approved()
    first = await office.call("UseApproval", a_use(approval_id), by="ana")
    office.now_s += 60 * MINUTE_S
    await office.put("boss", status="departed", epoch_by=1)

    second = await office.call("UseApproval", a_use(approval_id), by="ana")

    assert second.is_repeated
    assert second.used_at == first.used_at


async def test_a_deed_done_in_the_same_transaction_is_not_done_again(office: Office) -> None:
    approval_id = await office.approved()
    question = Question(
        "ana", "delete", "customer", "c-1", approval_id=approval_id, params_hash=PARAMS_HASH
    )
    using = Use(question, "job-1", "ana", SecondFactor(frozenset({"otp"}), office.now_s))
    await office.live.catch_up()

    for expected in (None, Denial.EXPIRED):
        async with office.database.unit_of_work() as uow:
            log = await recording.begin(uow)
            assert await refusal_of(use(uow, log, office.live, using)) is expected
            await log.finish()


async def refusal_of(using: Awaitable[Used]) -> Denial | None:
    try:
        await using
    except ApprovalRefused as refused:
        return refused.denial
    return None


async def test_another_executor_does_not_repeat_a_use(office: Office) -> None:
    approval_id = await office.approved()
    await office.call("UseApproval", a_use(approval_id), by="ana")
    spoken = a_use(approval_id)
    spoken.actor.person_id = "ana"

    refused = await office.refusal("UseApproval", spoken, by="gateway")

    assert refused == denied("approval_expired")


async def test_every_step_is_recorded_and_decisions_are_published(office: Office) -> None:
    approval_id = await office.approved()
    await office.call("UseApproval", a_use(approval_id), by="ana")

    resource = f"approval:{approval_id}"
    actions = [
        each["action"] for each in await office.entries() if each.get("resource") == resource
    ]
    events = [
        ApprovalDecided.FromString(each) for each in await office.published("ApprovalDecided")
    ]
    assert actions == [
        "access_requested",
        "vote_cast",
        "vote_cast",
        "approval_approved",
        "approval_used",
    ]
    assert [(event.request_id, event.status) for event in events] == [
        (approval_id, "approved"),
        (approval_id, "used"),
    ]


async def test_arguments_changed_after_approval_are_out_of_scope(office: Office) -> None:
    approval_id = await office.approved()

    refused = await office.refusal(
        "UseApproval", a_use(approval_id, deed=a_deed(params='{"undo_days":0}')), by="ana"
    )

    assert refused == denied("out_of_scope")


async def test_the_same_arguments_written_otherwise_are_the_same(office: Office) -> None:
    approval_id = await office.approved(deed=a_deed(params='{"b":1,"a":[1,2]}'))

    used = await office.call(
        "UseApproval", a_use(approval_id, deed=a_deed(params='{ "a": [1, 2], "b": 1 }')), by="ana"
    )

    assert used.used_at.seconds


async def test_an_approval_of_one_resource_permits_no_other(office: Office) -> None:
    await office.state(FactPut(fact("customer:c-2#owner@user:ana")))
    approval_id = await office.approved()

    refused = await office.refusal(
        "UseApproval", a_use(approval_id, deed=a_deed(customer="c-2")), by="ana"
    )

    assert refused == denied("out_of_scope")


async def test_an_approval_of_one_person_serves_nobody_else(office: Office) -> None:
    await office.state(FactPut(fact("customer:c-1#owner@user:bo")))
    approval_id = await office.approved()

    refused = await office.refusal(
        "UseApproval", a_use(approval_id, deed=a_deed(subject="bo")), by="bo"
    )

    assert refused == denied("out_of_scope")


async def test_an_approval_nobody_asked_for_is_unverifiable(office: Office) -> None:
    refused = await office.refusal("UseApproval", a_use(new_id()), by="ana")

    assert refused == denied("approval_unverifiable")


async def test_half_an_approval_is_pending(office: Office) -> None:
    approval_id = await office.requested()
    await office.vote(approval_id, by="boss")

    refused = await office.refusal("UseApproval", a_use(approval_id), by="ana")

    assert refused == denied("grant_pending")


async def test_one_denial_is_final(office: Office) -> None:
    approval_id = await office.requested()
    await office.vote(approval_id, by="boss")

    request = await office.vote(approval_id, by="sec", verdict=DENY)

    late = pb.VoteRequest(request_id=approval_id, verdict=pb.VERDICT_APPROVE)
    assert request.status == pb.APPROVAL_STATUS_DENIED
    assert await office.refusal("Vote", late, by="sid") == (
        "FAILED_PRECONDITION",
        "the request is denied",
    )
    assert await office.refusal("UseApproval", a_use(approval_id), by="ana") == denied(
        "policy_denied"
    )


async def test_an_approval_serves_for_fifteen_minutes(office: Office) -> None:
    kept, late = await office.approved(), await office.approved()
    office.now_s += 15 * MINUTE_S - 1
    used = await office.call("UseApproval", a_use(kept), by="ana")
    office.now_s += 2

    refused = await office.refusal("UseApproval", a_use(late), by="ana")

    assert used.used_at.seconds
    assert refused == denied("approval_expired")


async def test_a_request_lapses_after_a_day_whether_or_not_anybody_wrote_it_down(
    office: Office,
) -> None:
    approval_id = await office.requested()
    office.now_s += 24 * 60 * MINUTE_S

    late = pb.VoteRequest(request_id=approval_id, verdict=pb.VERDICT_APPROVE)
    code, text = await office.refusal("Vote", late, by="boss")

    assert (code, text) == ("FAILED_PRECONDITION", "the request is expired")


@pytest.mark.parametrize(
    ("approver", "why"),
    [
        ("ana", "is_requester"),
        ("bo", "no_role_of_group"),
        ("gateway", "no_person"),
        ("nobody", "not_active"),
    ],
)
async def test_who_has_no_part_in_it_approves_nothing(
    office: Office, approver: str, why: str
) -> None:
    approval_id = await office.requested()

    ballot = pb.VoteRequest(request_id=approval_id, verdict=pb.VERDICT_APPROVE)
    refused = await office.refusal("Vote", ballot, by=approver)

    recorded = (await office.entries())[-1]
    assert refused == denied(why)
    assert (recorded["action"], recorded["actor"], recorded["code"]) == (
        "vote_refused",
        approver,
        why,
    )


async def test_the_person_who_will_act_does_not_approve_it(office: Office) -> None:
    await office.state(FactPut(fact("role:supervisor#member@user:bo")))
    await office.state(FactPut(fact("customer:c-1#owner@user:bo")))
    await office.state(FactPut(fact("role:rep#member@user:bo")))
    request = a_request(deed=a_deed(subject="bo"))
    await office.call("RequestAccess", request, by="ana")

    ballot = pb.VoteRequest(request_id=request.request_id, verdict=pb.VERDICT_APPROVE)

    assert await office.refusal("Vote", ballot, by="bo") == denied("is_subject")


@pytest.mark.parametrize(
    "delegations",
    [
        ["user:ana#delegate@user:boss"],
        ["user:boss#delegate@user:ana"],
        ["user:ana#delegate@user:bo", "user:bo#delegate@user:boss"],
        ["user:bo#delegate@user:ana", "user:bo#delegate@user:boss"],
    ],
)
async def test_whoever_acts_for_the_requester_does_not_approve(
    office: Office, delegations: list[str]
) -> None:
    approval_id = await office.requested()
    await office.state(*(FactPut(fact(each)) for each in delegations))

    ballot = pb.VoteRequest(request_id=approval_id, verdict=pb.VERDICT_APPROVE)

    assert await office.refusal("Vote", ballot, by="boss") == denied("acts_for_requester")


async def test_a_delegation_that_has_expired_no_longer_matters(office: Office) -> None:
    past = fact("user:ana#delegate@user:boss", until_s=office.now_s - 1)
    await office.state(FactPut(past))

    request = await office.vote(await office.requested(), by="boss")

    assert request.votes[0].approver_id == "boss"


async def test_a_delegation_made_after_the_vote_voids_it(office: Office) -> None:
    approval_id = await office.approved()
    await office.state(FactPut(fact("user:ana#delegate@user:boss")))

    refused = await office.refusal("UseApproval", a_use(approval_id), by="ana")

    assert refused == denied("policy_denied")


async def test_two_who_act_for_one_another_are_one_approver(office: Office) -> None:
    await office.state(FactPut(fact("user:boss#delegate@user:sec")))
    approval_id = await office.requested()
    await office.vote(approval_id, by="boss")

    ballot = pb.VoteRequest(request_id=approval_id, verdict=pb.VERDICT_APPROVE)

    assert await office.refusal("Vote", ballot, by="sec") == denied("acts_for_another_voter")


async def test_a_subordinate_does_not_approve_for_a_superior(office: Office) -> None:
    await office.state(
        FactPut(fact("user:sue#manager@user:bo")), FactPut(fact("user:bo#manager@user:ana"))
    )
    approval_id = await office.requested()

    ballot = pb.VoteRequest(request_id=approval_id, verdict=pb.VERDICT_APPROVE)

    assert await office.refusal("Vote", ballot, by="sue") == denied("is_subordinate")


async def test_a_cycle_in_the_org_chart_ends_the_search(office: Office) -> None:
    await office.state(
        FactPut(fact("user:boss#manager@user:sue")), FactPut(fact("user:sue#manager@user:boss"))
    )

    request = await office.vote(await office.requested(), by="boss")

    assert request.status == pb.APPROVAL_STATUS_PENDING


async def test_nobody_votes_in_two_groups(office: Office) -> None:
    await office.state(FactPut(fact("role:security#member@user:boss")))
    approval_id = await office.requested()
    await office.vote(approval_id, by="boss")

    ballot = pb.VoteRequest(request_id=approval_id, group="security", verdict=pb.VERDICT_APPROVE)

    assert await office.refusal("Vote", ballot, by="boss") == denied("voted_otherwise")


async def test_a_vote_repeated_is_one_vote(office: Office) -> None:
    approval_id = await office.requested()
    await office.vote(approval_id, by="boss")
    before = len(await office.entries())

    request = await office.vote(approval_id, by="boss")

    assert len(request.votes) == 1
    assert len(await office.entries()) == before


@pytest.mark.parametrize(("amr", "age_s"), [([], 1), (["pwd"], 1), (["otp"], 301), (["otp"], -60)])
async def test_a_vote_needs_a_second_factor_proven_just_now(
    office: Office, amr: list[str], age_s: float
) -> None:
    approval_id = await office.requested()

    ballot = pb.VoteRequest(request_id=approval_id, verdict=pb.VERDICT_APPROVE)
    refused = await office.refusal("Vote", ballot, by="boss", amr=amr, age_s=age_s)

    assert refused == denied("step_up_required")


async def test_a_use_needs_a_second_factor_too(office: Office) -> None:
    approval_id = await office.approved()

    refused = await office.refusal("UseApproval", a_use(approval_id), by="ana", amr=["pwd"])

    used = await office.call("UseApproval", a_use(approval_id), by="ana")
    assert refused == denied("step_up_required")
    assert not used.is_repeated


async def test_a_person_cannot_state_a_second_factor_beside_the_token(office: Office) -> None:
    approval_id = await office.requested()
    ballot = pb.VoteRequest(request_id=approval_id, verdict=pb.VERDICT_APPROVE)
    ballot.actor.person_id = "boss"
    ballot.actor.amr.append("otp")
    ballot.actor.authenticated_at.FromSeconds(int(office.now_s))

    assert await office.refusal("Vote", ballot, by="boss", amr=[]) == denied("step_up_required")


async def test_only_a_trusted_gateway_speaks_for_others(office: Office) -> None:
    approval_id = await office.requested()
    ballot = pb.VoteRequest(request_id=approval_id, verdict=pb.VERDICT_APPROVE)
    ballot.actor.person_id = "boss"
    ballot.actor.amr.append("hwk")
    ballot.actor.authenticated_at.FromSeconds(int(office.now_s))

    service = await office.refusal("Vote", ballot, by="reporting")
    requester = await office.refusal("Vote", ballot, by="ana")
    voted = (await office.call("Vote", ballot, by="gateway")).request

    assert service == requester == denied("the caller may not speak for others")
    assert voted.votes[0].approver_id == "boss"


@pytest.mark.parametrize("status", ["suspended", "departed"])
@pytest.mark.parametrize("person", ["boss", "sec", "ana"])
async def test_somebody_who_left_between_vote_and_use_voids_the_approval(
    office: Office, person: str, status: str
) -> None:
    approval_id = await office.approved()
    await office.put(person, status=status, epoch_by=1)

    refused = await office.refusal("UseApproval", a_use(approval_id), by="ana")

    assert refused == denied("policy_denied")


async def test_an_approver_who_lost_the_role_no_longer_approves(office: Office) -> None:
    approval_id = await office.approved()
    await office.state(FactRemoved(fact("role:supervisor#member@user:boss")))

    refused = await office.refusal("UseApproval", a_use(approval_id), by="ana")

    assert refused == denied("policy_denied")


async def test_a_requester_whose_epoch_changed_asks_again(office: Office) -> None:
    approval_id = await office.approved()
    await office.put("ana", epoch_by=1)

    refused = await office.refusal("UseApproval", a_use(approval_id), by="ana")

    assert refused == denied("policy_denied")


async def test_an_approver_who_left_and_came_back_votes_anew(office: Office) -> None:
    approval_id = await office.requested()
    await office.vote(approval_id, by="boss")
    await office.put("boss", status="departed", epoch_by=1)
    await office.put("boss")
    half = await office.vote(approval_id, by="sec")

    whole = await office.vote(approval_id, by="boss")

    assert half.status == pb.APPROVAL_STATUS_PENDING
    assert whole.status == pb.APPROVAL_STATUS_APPROVED


async def test_a_subject_who_lost_the_right_is_refused_at_use(office: Office) -> None:
    approval_id = await office.approved()
    await office.state(FactRemoved(fact("customer:c-1#owner@user:ana")))

    refused = await office.refusal("UseApproval", a_use(approval_id), by="ana")

    assert refused == denied("policy_denied")


async def test_a_policy_that_asks_for_more_votes_is_applied_at_use(office: Office) -> None:
    approval_id = await office.approved()
    stricter = POLICY.replace(
        "{group: line, roles: [supervisor]}", "{group: line, roles: [supervisor], need: 2}"
    )
    await office.state(PolicyPut(2, stricter, "live"))

    refused = await office.refusal("UseApproval", a_use(approval_id), by="ana")

    assert refused == denied("policy_denied")


async def test_two_executors_race_and_one_wins(office: Office) -> None:
    approval_ids = [await office.approved() for _ in range(5)]

    async def outcome(approval_id: str, key: str) -> str:
        try:
            await office.call("UseApproval", a_use(approval_id, key=key), by="ana")
        except grpc.aio.AioRpcError as refused:
            return refused.details() or ""
        return "used"

    async with asyncio.TaskGroup() as group:
        tasks = [
            [group.create_task(outcome(approval_id, f"job-{number}")) for number in range(4)]
            for approval_id in approval_ids
        ]

    for racing in tasks:
        assert sorted(task.result() for task in racing) == ["approval_expired"] * 3 + ["used"]


async def test_questions_that_differ_only_in_arguments_are_judged_apart(office: Office) -> None:
    approval_id = await office.approved()
    await office.live.catch_up()
    questions = [
        Question("ana", "delete", "customer", "c-1", approval_id=approval_id, params_hash=each)
        for each in (PARAMS_HASH, "0" * 64, "", PARAMS_HASH)
    ]

    verdicts = [await standing(office.database, office.live, each) for each in questions]

    assert verdicts == [None, Denial.OUT_OF_SCOPE, Denial.OUT_OF_SCOPE, None]


async def test_showing_an_approval_does_not_use_it_up(office: Office) -> None:
    approval_id = await office.approved()
    await office.live.catch_up()
    question = Question(
        "ana", "delete", "customer", "c-1", approval_id=approval_id, params_hash=PARAMS_HASH
    )

    assert await standing(office.database, office.live, question) is None
    assert await standing(office.database, office.live, question) is None

    used = await office.call("UseApproval", a_use(approval_id), by="ana")
    assert not used.is_repeated
