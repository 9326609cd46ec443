"""`leadctl recordings`: what was said with customers that nobody could write down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.engagement.v1 import recordings_service_pb2 as pb
from leadchain.engagement.v1.recordings_service_pb2_grpc import RecordingsServiceStub
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

recordings_app = typer.Typer(
    help="Recordings that nobody could write down (录音).", no_args_is_help=True
)


@recordings_app.command("list")
def list_recordings(
    target: Targets = None, token_file: Token = None, *, as_json: AsJson = False
) -> None:
    """Recordings that nobody tries any more, newest first, and why."""

    async def work(known: Services) -> pb.ListFailedRecordingsResponse:
        with known.asking("engagement") as channel:
            stub = RecordingsServiceStub(channel)
            return await stub.ListFailedRecordings(pb.ListFailedRecordingsRequest())

    present(run(services(target, token_file), work), _render, as_json=as_json)


@recordings_app.command()
def retry(
    contact_ids: Annotated[
        list[str] | None, typer.Argument(help="Ids as `list` has them; all when none is named.")
    ] = None,
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Try recordings again; those that may not be fetched stay as they are."""
    request = pb.RetryRecordingsRequest(contact_ids=contact_ids or [])

    async def work(known: Services) -> pb.RetryRecordingsResponse:
        with known.asking("engagement") as channel:
            return await RecordingsServiceStub(channel).RetryRecordings(request)

    answer = run(services(target, token_file), work)
    typer.echo(f"{answer.count} wait to be written down")


def _render(console: Console, answer: pb.ListFailedRecordingsResponse) -> None:
    table = plain_table("given up", "told of", "tries", "why", "contact")
    for each in answer.recordings:
        times = (moment(each.failed_at), moment(each.queued_at))
        table.add_row(*times, str(each.attempt_count), escape(each.reason), each.contact_id)
    console.print(table if answer.recordings else "nothing was given up")
