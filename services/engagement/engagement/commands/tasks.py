"""Opening tasks, answering them, and approving the answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engagement.domain.tasks import (
    BY_KIND,
    TEXT_CHARS_MAX,
    NotNow,
    NotYours,
    Task,
    TaskState,
    UnknownTask,
    UnusableAnswer,
    opened,
)
from engagement.store import tasks as store
from engagement.wire import task_events as wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from engagement.domain.tasks import About, GroupsOf, ManagerOf, TaskPolicy, Terms
    from engagement.seals import Seals

OVERDUE_BATCH_SIZE = 500


class Tasks:
    """What people are asked to do, under one policy.

    `manager_of` says who leads somebody now, empty for nobody; `groups_of` which groups somebody is in.
    """

    def __init__(
        self, policy: TaskPolicy, seals: Seals, manager_of: ManagerOf, groups_of: GroupsOf
    ) -> None:
        self.policy = policy
        self.manager_of = manager_of
        self.groups_of = groups_of
        self._seals = seals

    async def open(
        self, uow: UnitOfWork, kind: str, about: About, terms: Terms = BY_KIND
    ) -> Task | None:
        """Opens a task of a declared kind, and states it; None when it was opened before.

        Of one kind there is one task for each subject and stretch, whoever opens it, and how often.
        """
        task = opened(
            self.policy.kinds[kind],
            about,
            terms,
            now=uow.now,
            policy_version=self.policy.version,
            manager_of=self.manager_of,
        )
        if not await store.add(uow.raw, task):
            return None
        uow.publish(wire.task_opened(task), key=str(task.task_id))
        return task

    async def answer(
        self, uow: UnitOfWork, task_id: UUID, answers: Mapping[str, str], *, by: str
    ) -> Task:
        """Answers all that a task asks for; sent again with the same words, it answers as before.

        Raises `UnknownTask`, `NotYours`, `UnusableAnswer`, or `NotNow` for other words than those on record.
        """
        task = await self._known(uow, task_id)
        is_theirs = task.may_answer(by, self.manager_of, self.groups_of)
        if not is_theirs and by != task.answered_by:
            raise NotYours("the task is not yours to answer")
        ordered = task.ordered(answers)
        if task.state is not TaskState.OPEN:
            if (task.answered_by, task.answers) != (by, ordered):
                raise NotNow(task.state)
            return task
        state = TaskState.ANSWERED if task.needs_approval else TaskState.CLOSED
        answered = replace(
            task,
            state=state,
            answers=ordered,
            answered_at=uow.now,
            answered_by=by,
            return_reason="",
        )
        uow.publish(wire.task_answered(answered), key=str(task_id))
        if state is TaskState.CLOSED:
            return await self._close(uow, answered, by=by)
        await store.put(uow.raw, answered, self._seals)
        return answered

    async def approve(self, uow: UnitOfWork, task_id: UUID, *, by: str) -> Task:
        """Closes a task whose answers are good; repeated, it answers as before.

        Raises `UnknownTask`, `NotYours` or `NotNow`.
        """
        task = await self._approvable(uow, task_id, by=by)
        if task.state is TaskState.CLOSED and task.closed_by == by:
            return task
        if task.state is not TaskState.ANSWERED:
            raise NotNow(task.state)
        return await self._close(uow, task, by=by)

    async def reject(self, uow: UnitOfWork, task_id: UUID, reason: str, *, by: str) -> Task:
        """Gives a task back to who answered it, with the time that its kind has.

        Raises `UnknownTask`, `NotYours`, `NotNow`, or `UnusableAnswer` for a reason that is none.
        """
        told = reason.strip()
        if not told or len(told) > TEXT_CHARS_MAX:
            raise UnusableAnswer(f"reason: 1 to {TEXT_CHARS_MAX} characters")
        task = await self._approvable(uow, task_id, by=by)
        if task.state is not TaskState.ANSWERED:
            raise NotNow(task.state)
        returned = replace(
            task,
            state=TaskState.OPEN,
            return_reason=told,
            due_at=uow.now + task.due_in,
            assignee_id=task.answered_by,
            answered_at=None,
        )
        await store.put(uow.raw, returned, self._seals)
        uow.publish(wire.task_returned(returned, by=by), key=str(task_id))
        return returned

    async def tell_overdue(self, uow: UnitOfWork) -> bool:
        """States which tasks were not answered in time; says whether there may be more."""
        overdue = await store.take_overdue(
            uow.raw, self._seals, now=uow.now, limit=OVERDUE_BATCH_SIZE
        )
        for task in overdue:
            manager_id = self.manager_of(task.assignee_id) if task.assignee_id else ""
            event = wire.task_overdue(task, manager_id=manager_id)
            uow.publish(event, key=str(task.task_id))
        return len(overdue) == OVERDUE_BATCH_SIZE

    async def _close(self, uow: UnitOfWork, task: Task, *, by: str) -> Task:
        closed = replace(task, state=TaskState.CLOSED, closed_at=uow.now, closed_by=by)
        await store.put(uow.raw, closed, self._seals)
        uow.publish(wire.task_closed(closed), key=str(task.task_id))
        return closed

    async def _approvable(self, uow: UnitOfWork, task_id: UUID, *, by: str) -> Task:
        task = await self._known(uow, task_id)
        if not (task.needs_approval and task.may_approve(by, self.manager_of)):
            raise NotYours("the task is not yours to approve")
        return task

    async def _known(self, uow: UnitOfWork, task_id: UUID) -> Task:
        task = await store.lock(uow.raw, task_id, self._seals)
        if task is None:
            raise UnknownTask(task_id)
        return task
