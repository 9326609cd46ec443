"""Asking for a sensitive action, and deciding about what others ask. The token says who asks or votes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.perm.resources import resource, written
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from leadchain.permissions.v1 import approvals_service_pb2 as pb
    from rich.console import Console

    from leadctl.clients import Services

RequestId = Annotated[str, typer.Argument(help="Id of the request.")]
Group = Annotated[str, typer.Option(help="Group of the template; else the first you can fill.")]


def request_access(  # noqa: PLR0913, PLR0917 - each is an argument of the command
    subject: Annotated[str, typer.Argument(help="Who will do it.")],
    action: Annotated[str, typer.Argument(help="The sensitive action.")],
    resource_text: Annotated[str, typer.Argument(metavar="RESOURCE", help="TYPE:ID, or a lead.")],
    params: Annotated[str, typer.Option(metavar="JSON", help="The action's arguments.")] = "",
    summary: Annotated[str, typer.Option(help="For approvers; without personal data.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask for a sensitive action; prints the request's id."""
    from leadchain.permissions.v1 import approvals_service_pb2 as pb
    from servicekit.events import new_id

    deed = pb.Deed(
        subject_id=subject, action=action, resource=resource(resource_text), params_json=params
    )
    request = pb.RequestAccessRequest(
        request_id=new_id(), deed=deed, summary=summary, reason=reason
    )
    answer = run(services(target, token_file), lambda known: put_request(known, request))
    present(answer, lambda console, it: render_request(console, it.request), as_json=as_json)


def approve(
    request_id: RequestId,
    group: Group = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Vote for a request, as the person whose token it is; needs a second factor not older than 5 min."""
    from leadchain.permissions.v1 import approvals_service_pb2 as pb

    vote = pb.VoteRequest(request_id=request_id, group=group, verdict=pb.VERDICT_APPROVE)
    _vote(services(target, token_file), vote, as_json=as_json)


def deny(
    request_id: RequestId,
    group: Group = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Vote against a request; one denial ends it."""
    from leadchain.permissions.v1 import approvals_service_pb2 as pb

    vote = pb.VoteRequest(request_id=request_id, group=group, verdict=pb.VERDICT_DENY)
    _vote(services(target, token_file), vote, as_json=as_json)


def show_requests(
    target: Targets = None,
    token_file: Token = None,
    *,
    mine: Annotated[bool, typer.Option("--mine", help="Those you made.")] = False,
    as_json: AsJson = False,
) -> None:
    """The requests that wait for your vote, or those that you made."""
    answer = run(services(target, token_file), lambda known: all_requests(known, mine=mine))
    present(answer, render_requests, as_json=as_json)


async def put_request(
    known: Services, request: pb.RequestAccessRequest
) -> pb.RequestAccessResponse:
    """Makes a request; raises `NotAnswered`."""
    from leadchain.permissions.v1.approvals_service_pb2_grpc import ApprovalsServiceStub

    with known.asking("permissions") as channel:
        return await ApprovalsServiceStub(channel).RequestAccess(request)


async def put_vote(known: Services, vote: pb.VoteRequest) -> pb.VoteResponse:
    """Votes; raises `NotAnswered`."""
    from leadchain.permissions.v1.approvals_service_pb2_grpc import ApprovalsServiceStub

    with known.asking("permissions") as channel:
        return await ApprovalsServiceStub(channel).Vote(vote)


async def all_requests(known: Services, *, mine: bool) -> pb.ListRequestsResponse:
    """The caller's requests, or those that wait for the caller; raises `NotAnswered`."""
    from leadchain.permissions.v1 import approvals_service_pb2 as pb
    from leadchain.permissions.v1.approvals_service_pb2_grpc import ApprovalsServiceStub

    answer = pb.ListRequestsResponse(complete=False)
    with known.asking("permissions") as channel:
        while not answer.complete:
            after_id = answer.requests[-1].request_id if answer.requests else ""
            request = pb.ListRequestsRequest(awaiting_vote=not mine, after_id=after_id)
            page = await ApprovalsServiceStub(channel).ListRequests(request)
            answer.requests.extend(page.requests)
            answer.complete = page.complete
    return answer


def render_request(console: Console, request: pb.AccessRequest) -> None:
    """One request with its votes."""
    console.print(f"{escape(request.request_id)} {_status(request)}")
    console.print(
        f"  {escape(request.subject_id)} to {escape(request.action)} "
        f"{escape(written(request.resource))}, asked by {escape(request.requester_id)}"
    )
    for vote in request.votes:
        word = "for" if vote.verdict == 1 else "against"
        console.print(
            f"  {moment(vote.voted_at)} {escape(vote.approver_id)} ({escape(vote.group)}) {word}"
        )
    if request.HasField("usable_until"):
        console.print(f"  usable until {moment(request.usable_until)}")


def render_requests(console: Console, answer: pb.ListRequestsResponse) -> None:
    """A row for each request."""
    table = plain_table("request", "who", "action", "resource", "status", "until", "about")
    for request in answer.requests:
        table.add_row(
            escape(request.request_id),
            escape(request.subject_id),
            escape(request.action),
            escape(written(request.resource)),
            _status(request),
            moment(request.expires_at),
            escape(request.summary),
        )
    console.print(table)


def _vote(known: Services, vote: pb.VoteRequest, *, as_json: bool) -> None:
    answer = run(known, lambda asked: put_vote(asked, vote))
    present(answer, lambda console, it: render_request(console, it.request), as_json=as_json)


def _status(request: pb.AccessRequest) -> str:
    from leadchain.permissions.v1 import approvals_service_pb2 as pb

    name = pb.ApprovalStatus.Name(request.status)
    return name.removeprefix("APPROVAL_STATUS_").lower()
