"""`leadctl tasks`: what people are asked to do, their answers, and the tickets of a lead's customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from leadchain.engagement.v1 import tasks_service_pb2 as pb
from leadchain.engagement.v1 import watches_service_pb2 as watches_pb
from leadchain.engagement.v1.tasks_service_pb2_grpc import TasksServiceStub
from leadchain.engagement.v1.watches_service_pb2_grpc import WatchesServiceStub
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from leadchain.engagement.v1.tasks_service_pb2_grpc import TasksServiceAsyncStub
    from rich.console import Console

    from leadctl.clients import Services

T = TypeVar("T")

tasks_app = typer.Typer(help="What people are asked to do (任务).", no_args_is_help=True)

TaskId = Annotated[str, typer.Argument(help="UUID of the task, as `list` has it.")]


@tasks_app.command("list")
def list_tasks(
    target: Targets = None,
    token_file: Token = None,
    *,
    team: Annotated[bool, typer.Option(help="Those of the people whom you lead.")] = False,
    closed: Annotated[bool, typer.Option(help="Those that are done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tasks of whose token it is, the most urgent first."""
    scope = pb.TASK_SCOPE_TEAM if team else pb.TASK_SCOPE_MINE
    request = pb.ListTasksRequest(scope=scope, is_closed=closed)
    answer = run(services(target, token_file), _asked(lambda stub: stub.ListTasks(request)))
    present(answer, _render_tasks, as_json=as_json)


@tasks_app.command()
def answer(
    task_id: TaskId,
    answers: Annotated[list[str], typer.Argument(help="cause=WORDS remedy=WORDS: all it needs.")],
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Answer all that a task asks for."""
    request = pb.AnswerTaskRequest(task_id=task_id)
    for each in answers:
        need, is_one, text = each.partition("=")
        if not is_one:
            raise typer.BadParameter(f"{each!r} is not NEED=WORDS")
        request.answers.add(need=need, text=text)
    run(services(target, token_file), _asked(lambda stub: stub.AnswerTask(request)))


@tasks_app.command()
def approve(task_id: TaskId, target: Targets = None, token_file: Token = None) -> None:
    """Approve the answers to a task, which closes it."""
    request = pb.ApproveTaskRequest(task_id=task_id)
    run(services(target, token_file), _asked(lambda stub: stub.ApproveTask(request)))


@tasks_app.command()
def reject(
    task_id: TaskId,
    reason: Annotated[str, typer.Argument(help="Why it is to be answered again.")],
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Give a task back to who answered it."""
    request = pb.RejectTaskRequest(task_id=task_id, reason=reason)
    run(services(target, token_file), _asked(lambda stub: stub.RejectTask(request)))


@tasks_app.command()
def tickets(
    lead_id: Annotated[str, typer.Argument(help="UUID of the lead.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The newest service records of a lead's customer; needs the token of who may read the lead."""

    async def work(known: Services) -> watches_pb.ListServiceRecordsResponse:
        request = watches_pb.ListServiceRecordsRequest(lead_id=lead_id)
        with known.asking("engagement") as channel:
            return await WatchesServiceStub(channel).ListServiceRecords(request)

    present(run(services(target, token_file), work), _render_tickets, as_json=as_json)


def _asked(
    ask: Callable[[TasksServiceAsyncStub], Awaitable[T]],
) -> Callable[[Services], Awaitable[T]]:
    async def work(known: Services) -> T:
        with known.asking("engagement") as channel:
            return await ask(TasksServiceStub(channel))

    return work


def _render_tasks(console: Console, answer: pb.ListTasksResponse) -> None:
    table = plain_table("due", "task", "state", "about", "to", "needs", "id")
    for each in answer.tasks:
        about = each.owner_id or each.golden_id[:12]
        to = each.assignee_id or "whoever leads them"
        name = each.name_zh or each.kind
        words = (name, each.state, about, to, ", ".join(each.needs), each.task_id)
        table.add_row(moment(each.due_at), *map(escape, words))
    console.print(table if answer.tasks else "nothing is to be done")


def _render_tickets(console: Console, answer: watches_pb.ListServiceRecordsResponse) -> None:
    table = plain_table("opened", "ticket", "type", "priority", "status", "solved")
    for each in answer.records:
        solved = moment(each.closed_at) if each.HasField("closed_at") else "no"
        words = (each.ticket_no, each.type, each.priority, each.status)
        table.add_row(moment(each.opened_at), *map(escape, words), solved)
    console.print(table if answer.records else "no ticket is on record")
