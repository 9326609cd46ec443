"""`leadctl follow-ups`: what was done about a lead, what proves it, and what people can show for a week."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from leadchain.engagement.v1 import follow_ups_service_pb2 as pb
from leadchain.engagement.v1.follow_ups_service_pb2_grpc import FollowUpsServiceStub
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from leadchain.engagement.v1.follow_ups_service_pb2_grpc import FollowUpsServiceAsyncStub
    from rich.console import Console

    from leadctl.clients import Services

T = TypeVar("T")

follow_ups_app = typer.Typer(help="What was done about leads (跟进).", no_args_is_help=True)

Lead = Annotated[str, typer.Argument(help="UUID of the lead.")]


@follow_ups_app.command("list")
def list_follow_ups(
    lead_id: Lead,
    page_size: Annotated[int, typer.Option(min=1, max=100)] = 20,
    page_token: Annotated[str, typer.Option(help="Where the page before ended.")] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The follow-ups about a lead, newest first, with what proves them; needs the token of who may read the lead."""
    request = pb.ListFollowUpsRequest(lead_id=lead_id, page_size=page_size, page_token=page_token)
    answer = run(services(target, token_file), _asked(lambda stub: stub.ListFollowUps(request)))
    present(answer, _render_follow_ups, as_json=as_json)


@follow_ups_app.command()
def contacts(
    lead_id: Lead, target: Targets = None, token_file: Token = None, *, as_json: AsJson = False
) -> None:
    """Calls, chats, meetings and e-mails with a lead's customer that other systems reported."""
    request = pb.ListContactsRequest(lead_id=lead_id)
    answer = run(services(target, token_file), _asked(lambda stub: stub.ListContacts(request)))
    present(answer, _render_contacts, as_json=as_json)


@follow_ups_app.command()
def effort(
    at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Any day of the week; today.")
    ] = None,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """What each rep can show for a week (FU-07)."""
    request = pb.GetWeeklyEffortRequest()
    request.at.FromDatetime(at.replace(tzinfo=UTC) if at else datetime.now(UTC))
    answer = run(services(target, token_file), _asked(lambda stub: stub.GetWeeklyEffort(request)))
    present(answer, _render_effort, as_json=as_json)


def _asked(
    ask: Callable[[FollowUpsServiceAsyncStub], Awaitable[T]],
) -> Callable[[Services], Awaitable[T]]:
    async def work(known: Services) -> T:
        with known.asking("engagement") as channel:
            return await ask(FollowUpsServiceStub(channel))

    return work


def _render_follow_ups(console: Console, answer: pb.ListFollowUpsResponse) -> None:
    table = plain_table("recorded", "by", "objection", "response", "next", "due", "proof", "counts")
    for each in answer.follow_ups:
        said = each.statement
        words = (each.author_id, said.objection.word, said.response.word, said.next_action.word)
        proof = ", ".join(map(_proof, each.evidence)) or "none"
        counts = moment(each.effective_at) if each.HasField("effective_at") else "no"
        table.add_row(
            moment(each.recorded_at), *map(escape, words), moment(said.due_at), proof, counts
        )
    console.print(table if answer.follow_ups else "nothing was done")
    if answer.next_page_token:
        console.print(f"more: --page-token {escape(answer.next_page_token)}")


def _proof(evidence: pb.Evidence) -> str:
    kind = evidence.WhichOneof("proof") or "?"
    return kind if evidence.is_confirmed else f"{kind} (claimed)"


def _render_contacts(console: Console, answer: pb.ListContactsResponse) -> None:
    table = plain_table("began", "kind", "seconds", "messages", "proves", "id")
    for each in answer.contacts:
        seconds = str(each.seconds) if each.HasField("seconds") else ""
        messages = (
            str(each.customer_message_count) if each.HasField("customer_message_count") else ""
        )
        proves = each.follow_up_id or "nothing yet"
        row = (moment(each.happened_at), each.kind, seconds, messages, proves, each.contact_id)
        table.add_row(*row)
    console.print(table if answer.contacts else "no contact was reported")


def _render_effort(console: Console, answer: pb.GetWeeklyEffortResponse) -> None:
    table = plain_table(
        "rep", "follow-ups", "effective", "with call", "with attachment", "with visit"
    )
    for rep in answer.reps:
        counts = (
            rep.follow_up_count,
            rep.effective_count,
            rep.call_count,
            rep.attachment_count,
            rep.visit_count,
        )
        table.add_row(escape(rep.author_id), *map(str, counts))
    console.print(f"week from {moment(answer.since)}")
    console.print(table if answer.reps else "nobody recorded anything")
