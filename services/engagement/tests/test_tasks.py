"""Tasks: opened once, answered by who must, approved by who leads them, and told when they are late."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from engagement.commands.tasks import Tasks
from engagement.domain.tasks import (
    About,
    NotNow,
    NotYours,
    Task,
    TaskState,
    UnknownTask,
    UnusableAnswer,
)
from engagement.queries.tasks import TaskBoard
from leadchain.assignment.v1.clock_events_pb2 import ReviewRequired
from leadchain.engagement.v1.privacy_events_pb2 import SubjectExportedFromEngagement
from leadchain.engagement.v1.task_events_pb2 import (
    TaskAnswered,
    TaskClosed,
    TaskOpened,
    TaskOverdue,
    TaskReturned,
)
from leadchain.identity.v1.customer_events_pb2 import CustomerMerged
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from servicekit.events import new_id

if TYPE_CHECKING:
    from engagement.seals import Seals
    from servicekit.testing.hearing import Hearing

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
ANSWERS = {"cause": "没有及时回电", "remedy": "每天早上先回电"}


class Desk:
    """People with tasks on one service: rep-01 and rep-02, whom sue leads, whom dan leads."""

    def __init__(self, service: Hearing, tasks: Tasks, seals: Seals) -> None:
        self.service = service
        self.tasks = tasks
        self.board = TaskBoard(service.database, seals, tasks.manager_of, tasks.groups_of)

    async def open(self, kind: str = "forced_review", **named: Any) -> Task | None:
        """Opens a task about work of rep-01's."""
        about = About(
            **({"subject": "lead:1", "owner_id": "rep-01", "golden_id": "a" * 64} | named)
        )
        async with self.service.database.unit_of_work() as uow:
            return await self.tasks.open(uow, kind, about)

    async def answer(self, task_id: UUID, by: str = "rep-01", **answers: str) -> Task:
        """Answers in somebody's name."""
        async with self.service.database.unit_of_work() as uow:
            return await self.tasks.answer(uow, task_id, answers or ANSWERS, by=by)

    async def approve(self, task_id: UUID, by: str = "sue") -> Task:
        """Approves in somebody's name."""
        async with self.service.database.unit_of_work() as uow:
            return await self.tasks.approve(uow, task_id, by=by)

    async def reject(self, task_id: UUID, reason: str = "再具体一些", by: str = "sue") -> Task:
        """Does not approve in somebody's name."""
        async with self.service.database.unit_of_work() as uow:
            return await self.tasks.reject(uow, task_id, reason, by=by)

    async def tell_overdue(self) -> None:
        """What the worker does."""
        async with self.service.database.unit_of_work() as uow:
            await self.tasks.tell_overdue(uow)


@pytest.fixture
def desk(service: Hearing, tasks: Tasks, seals: Seals) -> Desk:
    return Desk(service, tasks, seals)


def review(**named: Any) -> ReviewRequired:
    event = ReviewRequired(
        **(
            {
                "lead_id": new_id(),
                "golden_id": "a" * 64,
                "owner_id": "rep-01",
                "manager_id": "sue",
                "assignment_no": 2,
            }
            | named
        )
    )
    event.review_due_at.FromDatetime(NOON + timedelta(hours=30))
    return event


async def test_a_forced_review_is_answered_by_the_owner_and_approved_by_their_manager(
    desk: Desk,
) -> None:
    asked = review()

    await desk.service.hears(asked)
    again = review(lead_id=asked.lead_id)
    await desk.service.hears(again)

    (opened,) = await desk.service.states(TaskOpened)
    assert (opened.kind, opened.assignee_id, opened.approver_id) == (
        "forced_review",
        "rep-01",
        "sue",
    )
    assert opened.due_at.ToDatetime(tzinfo=UTC) == NOON + timedelta(hours=30)
    task_id = UUID(opened.task_id)
    assert (await desk.answer(task_id)).state is TaskState.ANSWERED
    (waiting,) = await desk.board.mine("sue", is_closed=False)
    assert dict(zip(waiting.needs, waiting.answers, strict=True)) == ANSWERS
    assert (await desk.approve(task_id)).state is TaskState.CLOSED
    assert (await desk.approve(task_id)).state is TaskState.CLOSED
    (answered,) = await desk.service.states(TaskAnswered)
    (closed,) = await desk.service.states(TaskClosed)
    assert (answered.needs_approval, answered.answered_by) == (True, "rep-01")
    assert (closed.closed_by, closed.is_late) == ("sue", False)
    assert await desk.board.mine("rep-01", is_closed=False) == []
    assert len(await desk.board.mine("rep-01", is_closed=True)) == 1


async def test_of_two_who_open_the_same_task_at_once_one_does(desk: Desk) -> None:
    opened = await asyncio.gather(*(desk.open(stretch="1") for _ in range(6)))

    assert [task is None for task in opened].count(False) == 1
    assert await desk.open(stretch="2") is not None
    assert len(await desk.service.states(TaskOpened)) == 2


async def test_what_was_answered_is_kept_sealed(desk: Desk) -> None:
    task = await desk.open()
    assert task is not None

    await desk.answer(task.task_id)

    ((sealed,),) = await desk.service.rows("select sealed_answers from tasks")
    assert ANSWERS["cause"].encode() not in sealed
    payloads = await desk.service.rows("select payload from outbox")
    assert all(ANSWERS["cause"].encode() not in payload for (payload,) in payloads)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"cause": "x"}, "remedy is missing"),
        ({"cause": "x", "remedy": "  "}, "remedy is missing"),
        ({**ANSWERS, "excuse": "x"}, "'excuse' is not asked for"),
        ({"cause": "x" * 2001, "remedy": "y"}, "cause is longer than 2000"),
    ],
    ids=["one of two", "blank", "too many", "too long"],
)
async def test_answers_are_complete_or_refused(
    desk: Desk, answers: dict[str, str], why: str
) -> None:
    task = await desk.open()
    assert task is not None

    with pytest.raises(UnusableAnswer, match=why):
        await desk.answer(task.task_id, **answers)

    assert await desk.service.states(TaskAnswered) == []


async def test_a_task_is_answered_and_approved_by_nobody_else(desk: Desk) -> None:
    task = await desk.open()
    assert task is not None

    for somebody in ("rep-02", "sue", "dan"):
        with pytest.raises(NotYours):
            await desk.answer(task.task_id, by=somebody)
    with pytest.raises(NotNow, match="open"):
        await desk.approve(task.task_id)
    await desk.answer(task.task_id)
    for somebody in ("rep-01", "rep-02", "dan"):
        with pytest.raises(NotYours):
            await desk.approve(task.task_id, by=somebody)
    with pytest.raises(UnknownTask):
        await desk.answer(uuid4())


async def test_answers_stand_once_given_until_they_come_back(desk: Desk, clock: Any) -> None:
    task = await desk.open()
    assert task is not None
    await desk.answer(task.task_id)
    assert (await desk.answer(task.task_id)).answers == tuple(ANSWERS.values())
    with pytest.raises(NotNow, match="answered"):
        await desk.answer(task.task_id, cause="a", remedy="b")
    clock.forward(hours=20)

    await desk.reject(task.task_id)

    (mine,) = await desk.board.mine("rep-01", is_closed=False)
    assert (mine.state, mine.return_reason) == (TaskState.OPEN, "再具体一些")
    (returned,) = await desk.service.states(TaskReturned)
    assert returned.due_at.ToDatetime(tzinfo=UTC) == NOON + timedelta(hours=44)
    with pytest.raises(NotNow, match="open"):
        await desk.reject(task.task_id)
    await desk.answer(task.task_id, cause="a", remedy="b")
    assert (await desk.approve(task.task_id)).answers == ("a", "b")


async def test_a_late_task_is_told_once_for_each_time_it_was_due_by_any_of_several(
    desk: Desk, clock: Any
) -> None:
    task = await desk.open()
    assert task is not None
    clock.forward(hours=23, minutes=59)
    await desk.tell_overdue()
    assert await desk.service.states(TaskOverdue) == []
    clock.forward(minutes=1)

    await asyncio.gather(*(desk.tell_overdue() for _ in range(4)))

    (overdue,) = await desk.service.states(TaskOverdue)
    assert (overdue.assignee_id, overdue.manager_id) == ("rep-01", "sue")
    clock.forward(hours=1)
    assert (await desk.answer(task.task_id)).is_late
    await desk.reject(task.task_id)
    clock.forward(hours=24)
    await desk.tell_overdue()
    assert len(await desk.service.states(TaskOverdue)) == 2


async def test_a_task_of_nobody_by_name_is_for_whoever_leads_the_owner_by_then(
    desk: Desk, seals: Seals
) -> None:
    before = Tasks(desk.tasks.policy, seals, lambda _: "", lambda _: ())
    async with desk.service.database.unit_of_work() as uow:
        task = await before.open(uow, "order_check", About("customer:1", owner_id="rep-01"))
    assert task is not None
    assert task.assignee_id == ""

    assert [each.task_id for each in await desk.board.mine("sue", is_closed=False)] == [
        task.task_id
    ]
    with pytest.raises(NotYours):
        await desk.answer(task.task_id, by="rep-01", finding="x")
    closed = await desk.answer(task.task_id, by="sue", finding="三份合同属于三个项目")

    assert closed.state is TaskState.CLOSED


async def test_whoever_leads_sees_the_tasks_of_all_below_and_nobody_else_does(desk: Desk) -> None:
    await desk.open(stretch="1")
    await desk.open("order_check", stretch="2", owner_id="rep-02")
    await desk.open(stretch="3", owner_id="rep-09")

    assert [len(await desk.board.team(who, is_closed=False)) for who in ("dan", "sue")] == [2, 2]
    assert [len(await desk.board.team(who, is_closed=False)) for who in ("rep-01", "eve")] == [0, 0]
    assert [len(await desk.board.mine(who, is_closed=False)) for who in ("sue", "rep-01")] == [1, 1]


async def test_tasks_follow_customers_who_merge_and_forget_what_was_written(
    desk: Desk, build: Any
) -> None:
    lead = build.assigned(golden_id="b" * 64)
    await desk.service.hears(lead)
    task = await desk.open(golden_id="b" * 64, lead_id=UUID(lead.lead_id))
    assert task is not None
    await desk.answer(task.task_id)

    await desk.service.hears(CustomerMerged(golden_id="a" * 64, merged_golden_ids=["b" * 64]))
    named = {"request_id": new_id(), "lead_ids": [lead.lead_id]}
    await desk.service.hears(SubjectExportRequested(**named))
    await desk.service.hears(SubjectErasureRequested(**named))

    (told,) = await desk.service.states(SubjectExportedFromEngagement)
    assert any(record.get("answers") == ANSWERS for record in json.loads(told.records))
    assert await desk.service.rows("select golden_id, sealed_answers from tasks") == [
        ("a" * 64, b"")
    ]
    (mine,) = await desk.board.mine("sue", is_closed=False)
    assert mine.answers == ()


async def test_a_task_of_a_group_is_listed_to_and_answered_by_whoever_is_in_it(desk: Desk) -> None:
    task = await desk.open("company_risk_check", subject="risk:1")
    assert task is not None

    people = ("lex", "sue", "rep-01")
    listed = {who: len(await desk.board.mine(who, is_closed=False)) for who in people}
    with pytest.raises(NotYours):
        await desk.answer(task.task_id, by="sue", finding="无碍")
    answered = await desk.answer(task.task_id, by="lex", finding="无碍")

    assert listed == {"lex": 1, "sue": 0, "rep-01": 0}
    assert answered.state is TaskState.CLOSED
