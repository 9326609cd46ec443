"""Check over gRPC: what is answered, to whom, and how fresh."""

import asyncio

import grpc
import pytest
from accesskit.changes import PolicyPut, PrincipalPut
from leadchain.permissions.v1 import permissions_service_pb2 as pb
from permissions.policies import default_policy
from servicekit.events import new_id

DAY_S = 86_400.0


async def refusal_of(call) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value


async def test_an_allow_names_the_rule_the_facts_and_the_state_it_rests_on(office) -> None:
    answer = await office.check("boss", "read", "lead:lead-a")

    assert (answer.allowed, answer.outcome, answer.reason) == (True, pb.OUTCOME_ALLOW, "allowed")
    assert (answer.rule, answer.policy_version) == ("supervisor_sees", 1)
    assert [(fact.resource.id, fact.relation, fact.subject.id) for fact in answer.path] == [
        ("lead-a", "owner", "ana"),
        ("ana", "manager", "boss"),
    ]
    assert answer.audit_seq == 2
    assert answer.token == office.live.token
    assert not answer.decision_id


async def test_a_denial_says_what_would_change_it_and_is_put_on_record(office) -> None:
    answer = await office.check("bo", "edit", "lead:lead-a")

    [record] = await office.recorded(1)
    stated = (await office.entries())[-1]
    assert (answer.allowed, answer.reason) == (False, "no_relation")
    assert "ask_owner: user:ana since entry 2" in list(answer.remedies)
    assert answer.decision_id == record.decision_id == stated["decision_id"]
    assert stated["digest"] == record.digest
    assert (stated["actor"], stated["asked_by"]) == ("bo", "engagement")


async def test_a_supervisor_sees_a_lead_and_may_not_edit_it(office) -> None:
    sees = await office.check("boss", "watch_stream", "lead:lead-a")
    edits = await office.check("boss", "edit", "lead:lead-a")

    assert sees.allowed
    assert (edits.allowed, edits.reason) == (False, "denied_by_rule")
    assert edits.rule == "supervisor_edits_no_customer"


async def test_a_lead_id_is_short_for_a_resource_of_type_lead(office, own) -> None:
    lead_id = new_id()
    token = await office.state(own(lead_id, "ana"))
    request = pb.CheckRequest(subject_id="ana", action="edit", lead_id=lead_id.upper())
    request.consistency.at_least = token

    answer = await office.stub.Check(request)

    assert answer.allowed


async def test_an_owner_loses_the_right_to_edit_at_the_second_the_lease_turns_read_only(
    office,
) -> None:
    office.clock.now_s += 30 * DAY_S - 1
    before = await office.check("ana", "edit", "lead:lead-a")
    office.clock.now_s += 1

    after = await office.check("ana", "edit", "lead:lead-a")

    assert before.allowed
    assert (after.allowed, after.reason) == (False, "lease_over")


async def test_asking_about_oneself_is_free_and_about_others_is_not(office, ask) -> None:
    own_stub = await office.as_caller("dee")
    stranger = await office.as_caller("nobody")

    answer = await (await office.as_caller("engagement")).Check(ask("ana", "edit", "lead:lead-a"))
    of_self = await own_stub.Check(ask("dee", "read", "lead:lead-a"))
    of_other = await refusal_of(own_stub.Check(ask("ana", "read", "lead:lead-a")))
    of_unknown = await refusal_of(stranger.Check(ask("ana", "read", "lead:lead-a")))

    assert answer.allowed
    assert of_self.allowed
    assert of_other.code() is of_unknown.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "not_yours" in of_other.details()


async def test_nobody_vouches_for_their_own_device(office, ask) -> None:
    token = await office.state(PrincipalPut("ana", "user", "active", 3))
    ana = await office.as_caller("ana", epoch=2)
    request = ask("ana", "edit", "lead:lead-a")
    request.circumstances.epoch = 9
    request.circumstances.address = "10.0.0.1"
    request.consistency.at_least = token

    answer = await ana.Check(request)

    assert answer.reason == "stale_epoch"


async def test_a_token_makes_the_answer_see_the_write_it_stands_for(office, ask, own) -> None:
    for version in range(2, 12):
        owner_id = "bo" if version % 2 else "ana"
        token = await office.state(own("lead-a", owner_id, version=version))

        request = ask(owner_id, "edit", "lead:lead-a")
        request.consistency.at_least = token
        answer = await office.stub.Check(request)

        assert answer.allowed
        assert answer.token == token


async def test_the_latest_state_is_read_when_asked_for(office, ask, own) -> None:
    await office.state(own("lead-a", "bo", version=2))
    request = ask("ana", "edit", "lead:lead-a")
    request.consistency.latest = True

    answer = await office.stub.Check(request)

    assert not answer.allowed


async def test_a_lead_that_is_milliseconds_old_is_known(office, own) -> None:
    for _ in range(5):
        lead_id = new_id()
        await office.state(own(lead_id, "ana"))

        assert (await office.check("ana", "edit", f"lead:{lead_id}")).allowed


async def test_a_person_who_is_milliseconds_old_is_known(office, state_fact) -> None:
    await office.state(
        PrincipalPut("eve", "user", "active", 1), state_fact("role:director#member@user:eve")
    )

    assert (await office.check("eve", "read", "lead:lead-a")).allowed


async def test_without_a_policy_nothing_is_allowed(empty_office, ask) -> None:
    ana = await empty_office.as_caller("ana")

    answer = await ana.Check(ask("ana", "edit", "lead:lead-a"))

    assert (answer.allowed, answer.reason, answer.policy_version) == (False, "no_policy", 0)


async def test_a_sensitive_action_is_refused_with_how_to_request_it(office, ask) -> None:
    deletes = ask("ana", "delete", "lead:lead-a", params_hash="ab" * 32)
    others = ask("ana", "delete", "lead:lead-a", params_hash="cd" * 32)

    answer, other = await office.stub.Check(deletes), await office.stub.Check(others)
    made_up = await office.check("ana", "delete", "lead:lead-a", approval_id=new_id())

    assert (answer.reason, answer.requestable.template) == ("approval_required", "delete_customer")
    assert answer.requestable.binding_token != other.requestable.binding_token
    assert any(remedy.startswith("request_approval") for remedy in answer.remedies)
    assert (made_up.allowed, made_up.reason) == (False, "approval_unverifiable")


async def test_a_sensitive_action_is_judged_on_the_newest_state(office, own) -> None:
    await office.state(own("lead-a", "bo", version=2))

    answer = await office.check("ana", "delete", "lead:lead-a")

    assert answer.reason == "no_relation"


async def test_ordinary_allows_are_counted_by_subject_action_and_minute(office) -> None:
    for _ in range(3):
        await office.check("ana", "edit", "lead:lead-a")
    office.clock.now_s += 60
    await office.check("bo", "edit", "lead:lead-a")

    await office.recorded(1)
    counted = [entry for entry in await office.entries() if entry["action"] == "decisions_counted"]
    assert [entry["counts"] for entry in counted] == [[["ana", "edit", 3, 0, 0]]]


async def test_what_conditions_do_not_read_is_never_written_down(office) -> None:
    context = '{"customer_phone": "13800138000"}'

    await office.check("bo", "edit", "lead:lead-a", context_json=context)

    [record] = await office.recorded(1)
    assert b"13800138000" not in record.question


async def test_a_new_policy_decides_from_its_commit_on(office, ask) -> None:
    document = default_policy().replace("actions: [edit, tag, change_stage]", "actions: [tag]")
    assert document != default_policy()
    before = await office.check("boss", "edit", "lead:lead-a")
    request = ask("boss", "edit", "lead:lead-a")
    request.consistency.at_least = await office.state(PolicyPut(2, document, "live"))

    after = await office.stub.Check(request)

    assert (before.reason, before.policy_version) == ("denied_by_rule", 1)
    assert (after.reason, after.policy_version) == ("no_role", 2)


async def test_a_restarted_process_gives_the_same_answers(office, open_office, ask) -> None:
    questions = [
        ask(subject_id, "read", f"lead:lead-{lead}")
        for subject_id in ("ana", "bo", "boss", "dee")
        for lead in "ab"
    ]
    before = [await office.stub.Check(each) for each in questions]

    async with open_office() as restarted:
        after = [await restarted.stub.Check(each) for each in questions]

    assert [answer.allowed for answer in before] == [True, False, False, True] + [True] * 4
    for one, other in zip(before, after, strict=True):
        other.decision_id = one.decision_id
        assert one == other


async def test_many_at_once_share_one_reading_of_the_log(office, own) -> None:
    ids = [new_id() for _ in range(20)]
    await office.state(*(own(id_, "ana") for id_ in ids))

    answers = await asyncio.gather(*(office.check("ana", "edit", f"lead:{id_}") for id_ in ids))

    assert all(answer.allowed for answer in answers)
