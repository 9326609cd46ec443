"""`leadctl dead-letters`, `leadctl outbox` and `leadctl backlog`: what waits in each service."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from servicekit.v1 import operations_service_pb2 as pb

from leadctl.installation import SERVICE_NAMES, Targets, Token, services
from leadctl.presentation import (
    AsJson,
    as_dict,
    moment,
    parsed_moment,
    plain_table,
    present,
    print_json,
    run,
    screen,
)

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import NotAnswered, Services

PAGE_SIZE = 1000
ERROR_LENGTH_SHOWN_MAX = 60

dead_letters_app = typer.Typer(help="Messages that could not be handled.", no_args_is_help=True)
outbox_app = typer.Typer(help="Events that a service has published.", no_args_is_help=True)


def _known_service(name: str) -> str:
    if name not in SERVICE_NAMES:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(SERVICE_NAMES)}")
    return name


ServiceName = Annotated[
    str, typer.Option("--service", callback=_known_service, help="Which service.")
]
Consumer = Annotated[str, typer.Option(help="Only this consumer.")]


@dead_letters_app.command("list")
def show_all(
    service: ServiceName,
    consumer: Consumer = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The dead letters of a service, newest first, at most 1,000."""
    answer = run(
        services(target, token_file), lambda known: dead_letters(known, service, consumer=consumer)
    )
    present(answer, _render_letters, as_json=as_json)


@dead_letters_app.command()
def replay(
    service: ServiceName,
    consumer: Consumer = "",
    event_id: Annotated[list[str] | None, typer.Option(help="Only this event; repeatable.")] = None,
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Handle dead letters again, each once. Exits 1 when any failed again."""
    request = pb.ReplayDeadLettersRequest(consumer=consumer, event_ids=event_id or ())
    answer = run(
        services(target, token_file), lambda known: _replay_letters(known, service, request)
    )
    screen().print(f"{answer.handled_count} handled, {answer.failed_count} failed again")
    if answer.failed_count:
        raise typer.Exit(1)


@outbox_app.command("replay")
def replay_outbox(
    service: ServiceName,
    since: Annotated[str, typer.Option(help="From then on: ISO 8601, or an age such as 2h.")],
    until: Annotated[str, typer.Option(help="Up to then; else now.")] = "",
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Publish a service's events again, to rebuild a stream; consumers skip what they have handled."""
    now = datetime.now(UTC)
    request = pb.ReplayOutboxRequest()
    request.since.FromDatetime(parsed_moment(since, now=now))
    if until:
        request.until.FromDatetime(parsed_moment(until, now=now))
    answer = run(
        services(target, token_file), lambda known: _replay_outbox(known, service, request)
    )
    screen().print(f"{answer.row_count} events will be published again")


def backlog(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """What waits in every service. Exits 1 when a service does not answer or keeps dead letters."""
    found = run(services(target, token_file), _backlogs)
    if as_json:
        print_json({name: _backlog_dict(one) for name, one in found.items()})
    else:
        _render_backlogs(found)
    if any(not isinstance(b, pb.GetBacklogResponse) or b.dead_letter_count for b in found.values()):
        raise typer.Exit(1)


async def dead_letters(
    known: Services, service: str, *, consumer: str = ""
) -> pb.ListDeadLettersResponse:
    """The newest dead letters of a service; raises `NotAnswered`."""
    from servicekit.v1.operations_service_pb2_grpc import OperationsServiceStub

    with known.asking(service) as channel:
        request = pb.ListDeadLettersRequest(consumer=consumer, page_size=PAGE_SIZE)
        return await OperationsServiceStub(channel).ListDeadLetters(request)


async def backlog_of(known: Services, service: str) -> pb.GetBacklogResponse:
    """What waits in one service; raises `NotAnswered`."""
    from servicekit.v1.operations_service_pb2_grpc import OperationsServiceStub

    with known.asking(service) as channel:
        return await OperationsServiceStub(channel).GetBacklog(pb.GetBacklogRequest())


async def _backlogs(known: Services) -> dict[str, pb.GetBacklogResponse | NotAnswered]:
    from leadctl.clients import NotAnswered

    found: dict[str, pb.GetBacklogResponse | NotAnswered] = {}
    for name in known.targets:
        try:
            found[name] = await backlog_of(known, name)
        except NotAnswered as problem:
            found[name] = problem
    return found


async def _replay_letters(
    known: Services, service: str, request: pb.ReplayDeadLettersRequest
) -> pb.ReplayDeadLettersResponse:
    from servicekit.v1.operations_service_pb2_grpc import OperationsServiceStub

    with known.asking(service) as channel:
        return await OperationsServiceStub(channel).ReplayDeadLetters(request)


async def _replay_outbox(
    known: Services, service: str, request: pb.ReplayOutboxRequest
) -> pb.ReplayOutboxResponse:
    from servicekit.v1.operations_service_pb2_grpc import OperationsServiceStub

    with known.asking(service) as channel:
        return await OperationsServiceStub(channel).ReplayOutbox(request)


def _render_letters(console: Console, answer: pb.ListDeadLettersResponse) -> None:
    columns = ("event", "consumer", "tries", "first failed", "given up", "error", "trace")
    table = plain_table(*columns, folds=("consumer", "error"))
    for letter in answer.letters:
        table.add_row(
            letter.event_id,
            letter.consumer,
            str(letter.attempt_count),
            moment(letter.first_failed_at),
            moment(letter.quarantined_at),
            escape(letter.error[:ERROR_LENGTH_SHOWN_MAX]),
            letter.trace_id or "-",
        )
    console.print(table if answer.letters else "no dead letters")


def _render_backlogs(found: dict[str, pb.GetBacklogResponse | NotAnswered]) -> None:
    numbers = ("to publish", "retrying", "dead letters")
    table = plain_table("service", *numbers, "problem", numbers=numbers)
    for name, one in found.items():
        if isinstance(one, pb.GetBacklogResponse):
            counts = (one.outbox_count, one.retrying_count, one.dead_letter_count)
            table.add_row(name, *map(str, counts), "")
        else:
            table.add_row(name, "", "", "", f"[red]{escape(str(one))}[/]")
    screen().print(table)


def _backlog_dict(one: pb.GetBacklogResponse | NotAnswered) -> dict[str, object]:
    return as_dict(one) if isinstance(one, pb.GetBacklogResponse) else {"problem": str(one)}
