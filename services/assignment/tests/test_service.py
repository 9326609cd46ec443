"""The whole service on real servers: events in, events and answers out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from accesskit.changes import FactPut, PrincipalPut
from accesskit.facts import Fact
from assignment.app import build as build_service
from assignment.policies import InvalidPolicy
from leadchain.assignment.v1 import assignment_service_pb2 as pb
from leadchain.assignment.v1 import events_pb2
from leadchain.intake.v1.events_pb2 import RegionPrecision
from leadchain.intake.v1.import_events_pb2 import LeadsWithdrawn
from leadchain.permissions.v1.events_pb2 import SessionsRevoked
from servicekit.events import new_id
from servicekit.testing.waiting import eventually
from servicekit.v1 import book_service_pb2, operations_service_pb2
from servicekit.v1.book_service_pb2_grpc import BookServiceStub
from servicekit.v1.operations_service_pb2_grpc import OperationsServiceStub

if TYPE_CHECKING:
    from pathlib import Path

    from accesskit.testing.stand_in import StandIn
    from assignment.settings import Settings

SHENZHEN = pb.Rep(rep_id="ana", manager_id="m", provinces=["广东"], cities=["深圳"], active=True)


async def test_an_identified_lead_leaves_assigned_in_its_own_trace(
    assignment: Any, build: Any
) -> None:
    lead = build.lead()
    await assignment.stub.PutReps(pb.PutRepsRequest(reps=[SHENZHEN]))

    await assignment.deliver(build.identified(lead), traceparent=lead.traceparent)

    [assigned] = await assignment.published(1)
    message = await assignment.bus.jetstream().get_msg("ASSIGNMENT", 1)
    answer = await assignment.stub.GetAssignment(pb.GetAssignmentRequest(lead_id=str(lead.lead_id)))
    assert (assigned.assignee_id, answer.assignee_id) == ("ana", "ana")
    assert (answer.state, answer.assignment_no) == ("assigned", 1)
    assert answer.contact_due_at == assigned.contact_due_at
    assert message.headers is not None
    assert message.headers["traceparent"].split("-")[1] == lead.traceparent.split("-")[1]


@pytest.mark.parametrize(
    "region",
    [
        {"precision": RegionPrecision.REGION_PRECISION_DISTRICT, "district": "南山区"},
        {"province": "海南", "city": "三沙", "is_hint": True},
    ],
    ids=["a district lies in its city", "a hint of the phone is no place"],
)
async def test_a_lead_goes_by_the_place_that_was_said(
    assignment: Any, build: Any, region: dict[str, Any]
) -> None:
    lead = build.lead()
    event = build.identified(lead)
    for name, value in region.items():
        setattr(event.facts.region, name, value)
    await assignment.stub.PutReps(pb.PutRepsRequest(reps=[SHENZHEN]))

    await assignment.deliver(event)

    async def decided() -> Any:
        request = pb.GetAssignmentRequest(lead_id=str(lead.lead_id))
        try:
            return await assignment.stub.GetAssignment(request)
        except grpc.aio.AioRpcError:
            return None

    answer = await eventually(decided, deadline_s=20, what="a decision")
    assert answer.assignee_id == "ana"


async def test_what_a_mapping_says_of_a_lead_scores_it_and_the_highest_are_named(
    assignment: Any, build: Any
) -> None:
    await assignment.stub.PutReps(pb.PutRepsRequest(reps=[SHENZHEN]))
    event = build.identified(build.lead(attributes={"tier": "三甲", "past_spend": "20000"}))
    event.facts.budget = "300-500万"

    await assignment.deliver(event)

    scored, assigned = await assignment.published(2)
    assert (scored.score, scored.threshold, scored.tag) == (76.0, 75.0, "重点客户")
    assert (scored.assignee_id, assigned.score, assigned.pool_id) == ("ana", 76.0, "")
    request = pb.ExplainAssignmentRequest(lead_id=event.lead_id)
    [decision] = (await assignment.stub.ExplainAssignment(request)).decisions
    assert decision.score == 76.0
    assert {"budget=3000000", "attributes.tier=三甲"} <= set(decision.inputs)


async def test_an_event_delivered_twice_assigns_once(assignment: Any, build: Any) -> None:
    first, second = build.identified(build.lead()), build.identified(build.lead())
    await assignment.stub.PutReps(pb.PutRepsRequest(reps=[SHENZHEN]))

    for event in (first, first, second):
        await assignment.deliver(event)

    await assignment.published(2)
    loads = await assignment.stub.ListReps(pb.ListRepsRequest())
    assert [(load.rep.rep_id, load.open_count, load.assigned_count) for load in loads.reps] == [
        ("ana", 2, 2)
    ]


async def test_a_lead_nobody_covers_names_each_rep_and_why_not_until_somebody_does(
    assignment: Any, build: Any
) -> None:
    lead = build.lead(province="海南", city="三沙")
    await assignment.stub.PutReps(pb.PutRepsRequest(reps=[SHENZHEN]))
    await assignment.deliver(build.identified(lead))
    [unassignable] = await assignment.published(1)

    request = pb.ExplainAssignmentRequest(lead_id=str(lead.lead_id))
    explained = (await assignment.stub.ExplainAssignment(request)).decisions
    sansha = pb.Rep(rep_id="bo", cities=["三沙"], active=True)
    repaired = await assignment.stub.PutReps(pb.PutRepsRequest(reps=[sansha]))
    drained = (await assignment.published(2))[1]

    assert [r.detail for r in unassignable.refusals] == ["covers 广东 / 深圳; lead is in 海南 三沙"]
    assert [decision.outcome for decision in explained] == ["unassignable"]
    assert [(r.rep_id, r.reason) for r in explained[0].refusals] == [("ana", 3)]
    assert "source_weight=1.5" in explained[0].inputs
    assert repaired.changed_count == 1
    assert (drained.assignee_id, drained.cause) == ("bo", events_pb2.ASSIGNMENT_CAUSE_DRAINED)


async def test_who_has_left_the_company_gets_no_further_lead(assignment: Any, build: Any) -> None:
    bo = pb.Rep(rep_id="bo", cities=["深圳"], active=True)
    await assignment.stub.PutReps(pb.PutRepsRequest(reps=[SHENZHEN, bo]))

    for reason in ("revoked", "offboarded"):
        who = "bo" if reason == "revoked" else "ana"
        event = SessionsRevoked(event_id=new_id(), principal_id=who, epoch=2, reason=reason)
        await assignment.state(event, who)

    async def active() -> list[str]:
        loads = (await assignment.stub.ListReps(pb.ListRepsRequest())).reps
        return [load.rep.rep_id for load in loads if load.rep.active]

    await eventually(lambda: _is(active, ["bo"]), what="ana to be off the roster")
    await assignment.deliver(build.identified(build.lead()))
    [assigned] = await assignment.published(1)
    assert assigned.assignee_id == "bo"


async def _is(ask: Any, expected: Any) -> bool:
    return await ask() == expected


async def test_the_book_says_how_each_lead_stands(assignment: Any, build: Any) -> None:
    await assignment.stub.PutReps(pb.PutRepsRequest(reps=[SHENZHEN]))
    leads = [build.lead(golden_id="g1"), build.lead(golden_id="g1"), build.lead(city="三沙")]
    for lead in leads:
        await assignment.deliver(build.identified(lead))
    await assignment.published(3)

    book = await BookServiceStub(assignment.channel).GetBook(book_service_pb2.GetBookRequest())

    counts = {cell.state: cell.item_count for cell in book.cells}
    assert counts == {
        book_service_pb2.BOOK_STATE_ASSIGNED: 1,
        book_service_pb2.BOOK_STATE_MERGED: 1,
        book_service_pb2.BOOK_STATE_WAITING: 1,
    }


async def test_an_undone_import_closes_its_leads_even_those_that_come_later(
    assignment: Any, build: Any
) -> None:
    await assignment.stub.PutReps(pb.PutRepsRequest(reps=[SHENZHEN]))
    here, late, bystander = build.lead(), build.lead(), build.lead()
    import_id = new_id()
    await assignment.deliver(build.identified(here))
    await assignment.published(1)
    lead_ids = [str(here.lead_id), str(late.lead_id)]
    event = LeadsWithdrawn(event_id=new_id(), import_id=import_id, lead_ids=lead_ids)

    await assignment.state(event, import_id)
    await assignment.state(event, import_id)
    await assignment.published(2)
    for lead in (late, bystander):
        await assignment.deliver(build.identified(lead))

    said = (await assignment.published(4))[1:]
    withdrawn = [each.lead_id for each in said if isinstance(each, events_pb2.LeadWithdrawn)]
    assert withdrawn == lead_ids
    answer = await assignment.stub.GetAssignment(pb.GetAssignmentRequest(lead_id=str(late.lead_id)))
    loads = (await assignment.stub.ListReps(pb.ListRepsRequest())).reps
    assert answer.state == "withdrawn"
    assert [(load.open_count, load.assigned_count) for load in loads] == [(1, 2)]
    book = await BookServiceStub(assignment.channel).GetBook(book_service_pb2.GetBookRequest())
    counts = {cell.state: cell.item_count for cell in book.cells}
    assert counts == {
        book_service_pb2.BOOK_STATE_ASSIGNED: 1,
        book_service_pb2.BOOK_STATE_REJECTED: 2,
    }


async def test_the_worker_hands_an_overdue_lead_on_and_its_new_owner_marks_contact(
    settings: Settings, token: str, tmp_path: Path, build: Any, permissions: StandIn, run: Any
) -> None:
    member = Fact("role", "colleague", "member", "user", "bo")
    await permissions.apply([PrincipalPut("bo", "user", "active", 1), FactPut(member)])
    policy = tmp_path / "sla.yaml"
    policy.write_text("contact_within_s: 0.3\nmax_hops: 1\n")
    fast = settings.model_copy(update={"sla_policy_file": policy})
    bo = pb.Rep(rep_id="bo", cities=["深圳"], active=True)
    lead = build.lead()

    async with run(fast, token) as assignment:
        await assignment.stub.PutReps(pb.PutRepsRequest(reps=[SHENZHEN, bo]))
        await assignment.deliver(build.identified(lead), traceparent=lead.traceparent)
        _, overdue, assigned = await assignment.published(3)
        request = pb.MarkContactedRequest(lead_id=str(lead.lead_id), rep_id="bo")
        await assignment.stub.MarkContacted(request)
        answer = await assignment.stub.GetAssignment(
            pb.GetAssignmentRequest(lead_id=str(lead.lead_id))
        )

    assert (overdue.assignee_id, overdue.manager_id) == ("ana", "m")
    assert (overdue.next_assignee_id, assigned.assignee_id) == ("bo", "bo")
    assert answer.HasField("contacted_at")


@pytest.mark.parametrize(
    ("method", "request_", "code"),
    [
        ("GetAssignment", pb.GetAssignmentRequest(lead_id="x"), "INVALID_ARGUMENT"),
        ("GetAssignment", pb.GetAssignmentRequest(lead_id=new_id()), "NOT_FOUND"),
        ("MarkContacted", pb.MarkContactedRequest(lead_id=new_id(), rep_id="a"), "PERMISSION_DENIED"),
        ("PutReps", pb.PutRepsRequest(reps=[pb.Rep(rep_id="")]), "INVALID_ARGUMENT"),
        ("PutReps", pb.PutRepsRequest(reps=[pb.Rep(rep_id="a", cities=["深圳市"])]), "INVALID_ARGUMENT"),
    ],
)  # fmt: skip
async def test_a_question_that_has_no_answer_says_why(
    assignment: Any, method: str, request_: Any, code: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await getattr(assignment.stub, method)(request_)

    assert caught.value.code().name == code
    assert caught.value.details()


async def test_a_lead_without_a_usable_id_is_set_aside_and_holds_nobody_up(
    assignment: Any, build: Any
) -> None:
    broken, fine = build.identified(build.lead()), build.identified(build.lead())
    broken.lead_id = "no uuid"
    operations = OperationsServiceStub(assignment.channel)

    async def letters() -> list[Any]:
        request = operations_service_pb2.ListDeadLettersRequest()
        return list((await operations.ListDeadLetters(request)).letters)

    await assignment.deliver(broken)
    await assignment.deliver(fine)

    [event] = await assignment.published(1)
    [letter] = await eventually(letters)
    assert event.lead_id == fine.lead_id
    assert letter.event_id == broken.event_id


def test_a_faulty_rule_file_keeps_the_service_from_being_built(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("source_weights: {sem: 1}\nfallback: {pool: a, owner: b}\nrules: []\n")

    with pytest.raises(InvalidPolicy, match=r"rules.yaml:3: rules: "):
        build_service(settings.model_copy(update={"routing_rules_file": file}))
