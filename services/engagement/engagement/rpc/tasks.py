"""TasksService: what is there to do?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.engagement.v1 import tasks_service_pb2 as pb
from leadchain.engagement.v1.tasks_service_pb2_grpc import (
    TasksServiceServicer,
    add_TasksServiceServicer_to_server,
)
from servicekit.auth import caller_id

from engagement.queries.tasks import TaskBoard
from engagement.wire import tasks as wire
from engagement.wire.ids import uuid

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from engagement.commands.tasks import Tasks
    from engagement.seals import Seals

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.engagement.v1.TasksService"


def serve(chassis: Chassis, tasks: Tasks, seals: Seals) -> None:
    """Answers TasksService on the chassis' gRPC host."""
    servicer = TasksServicer(chassis.database, tasks, seals)
    chassis.grpc.add(add_TasksServiceServicer_to_server, servicer, SERVICE)


class TasksServicer(TasksServiceServicer):
    """What is there to do? Whose a task is, the task says; whom somebody leads, permissions does."""

    def __init__(self, database: Database, tasks: Tasks, seals: Seals) -> None:
        self._database = database
        self._tasks = tasks
        self._board = TaskBoard(database, seals, tasks.manager_of, tasks.groups_of)

    async def ListTasks(
        self, request: pb.ListTasksRequest, context: Context
    ) -> pb.ListTasksResponse:
        """The caller's tasks, or their team's."""
        is_team = request.scope == pb.TASK_SCOPE_TEAM
        listing = self._board.team if is_team else self._board.mine
        found = await listing(caller_id(), is_closed=request.is_closed)
        return wire.tasks(found, self._tasks.policy)

    async def AnswerTask(
        self, request: pb.AnswerTaskRequest, context: Context
    ) -> pb.AnswerTaskResponse:
        """Answers a task in the caller's name."""
        task_id, answers = uuid(request.task_id, "task_id"), wire.answers(request.answers)
        async with self._database.unit_of_work() as uow:
            task = await self._tasks.answer(uow, task_id, answers, by=caller_id())
        return pb.AnswerTaskResponse(task=wire.task(task, self._tasks.policy))

    async def ApproveTask(
        self, request: pb.ApproveTaskRequest, context: Context
    ) -> pb.ApproveTaskResponse:
        """Approves answers in the caller's name."""
        task_id = uuid(request.task_id, "task_id")
        async with self._database.unit_of_work() as uow:
            task = await self._tasks.approve(uow, task_id, by=caller_id())
        return pb.ApproveTaskResponse(task=wire.task(task, self._tasks.policy))

    async def RejectTask(
        self, request: pb.RejectTaskRequest, context: Context
    ) -> pb.RejectTaskResponse:
        """Gives a task back in the caller's name."""
        task_id = uuid(request.task_id, "task_id")
        async with self._database.unit_of_work() as uow:
            task = await self._tasks.reject(uow, task_id, request.reason, by=caller_id())
        return pb.RejectTaskResponse(task=wire.task(task, self._tasks.policy))
