"""Somebody leaves: one command ends their access and hands over what they own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer
from rich.markup import escape

from leadctl.clients import NotAnswered
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from leadchain.permissions.v1 import sessions_service_pb2 as pb
    from rich.console import Console

    from leadctl.clients import Services

OFFBOARD_TIMEOUT_S = 60.0
"""Long enough for somebody with tens of thousands of customers."""
OUTCOME_UNKNOWN = frozenset(
    {"DEADLINE_EXCEEDED", "UNAVAILABLE", "CANCELLED", "UNKNOWN", "INTERNAL"}
)
REASONS = ("resigned", "dismissed", "transferred", "security", "other")


class NotTold(NotAnswered):
    """Nobody said whether the offboarding was done; the same request again does it, or tells what it did."""

    def __init__(self, error: NotAnswered, request_id: str) -> None:
        super(NotAnswered, self).__init__(
            f"{error}; it was done whole or not at all: repeat with --request-id {request_id}"
        )
        self.service, self.code = error.service, error.code


def offboard(  # noqa: PLR0913 - each is an argument of the command
    person: Annotated[str, typer.Argument(help="Who leaves.")],
    to: Annotated[
        str, typer.Option(help="Who gets what they own; else their superior, else the pool.")
    ] = "",
    reason: Annotated[str, typer.Option(help=f"One of {', '.join(REASONS)}.")] = "resigned",
    request_id: Annotated[
        str, typer.Option(help="Repeats an earlier command; a new one when left out.")
    ] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End sessions, devices and keys, hand over everything, and say which service confirmed when."""
    from leadchain.permissions.v1 import sessions_service_pb2 as pb

    request = pb.OffboardRequest(
        request_id=request_id or uuid4().hex,
        principal_id=person,
        successor_id=to,
        dry_run=dry_run,
        reason=reason,
    )
    answer = run(services(target, token_file), lambda known: end_access(known, request))
    present(answer, render_offboarding, as_json=as_json)


def show(
    request_id: Annotated[str, typer.Argument(help="The id that the command printed.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """What an offboarding did, and which service confirmed it when."""
    answer = run(services(target, token_file), lambda known: report_of(known, request_id))
    present(answer, render_offboarding, as_json=as_json)


async def end_access(known: Services, request: pb.OffboardRequest) -> pb.GetOffboardingResponse:
    """Offboards, and reads the confirmations; raises `NotAnswered`, or `NotTold` where it may have been done."""
    from leadchain.permissions.v1 import sessions_service_pb2 as pb
    from leadchain.permissions.v1.sessions_service_pb2_grpc import OffboardingServiceStub

    try:
        with known.asking("permissions") as channel:
            stub = OffboardingServiceStub(channel)
            done = await stub.Offboard(request, timeout=OFFBOARD_TIMEOUT_S)
    except NotAnswered as error:
        if error.code in OUTCOME_UNKNOWN and not request.dry_run:
            raise NotTold(error, request.request_id) from None
        raise
    if request.dry_run:
        return pb.GetOffboardingResponse(report=done.report)
    return await report_of(known, request.request_id)


async def report_of(known: Services, request_id: str) -> pb.GetOffboardingResponse:
    """An offboarding and its confirmations; raises `NotAnswered`."""
    from leadchain.permissions.v1 import sessions_service_pb2 as pb
    from leadchain.permissions.v1.sessions_service_pb2_grpc import OffboardingServiceStub

    request = pb.GetOffboardingRequest(request_id=request_id)
    with known.asking("permissions") as channel:
        return await OffboardingServiceStub(channel).GetOffboarding(request)


def render_offboarding(console: Console, answer: pb.GetOffboardingResponse) -> None:
    """What was done, then a row for each process that confirmed or has not yet."""
    report = answer.report
    is_done = report.HasField("offboarded_at")
    when = f"left {moment(report.offboarded_at)}" if is_done else "would leave"
    console.print(f"{escape(report.principal_id)} {when}, request {escape(report.request_id)}")
    heir = escape(report.successor_id) or "the public pool"
    console.print(
        f"  {report.handed_over_count} handed to {heir}, {report.released_count} released to the pool"
    )
    console.print(
        f"  ended: {report.session_count} sessions, {report.device_count} devices, "
        f"{report.api_key_count} API keys, {report.grant_count} grants, "
        f"{report.approval_count} approvals, {report.export_count} exports"
    )
    if is_done:
        _render_confirmations(console, answer)


def _render_confirmations(console: Console, answer: pb.GetOffboardingResponse) -> None:
    table = plain_table("service", "process", "in force since", "after")
    began = answer.report.offboarded_at.ToNanoseconds()
    for each in answer.confirmed:
        after_ms = (each.applied_at.ToNanoseconds() - began) / 1e6
        table.add_row(
            each.service, escape(each.instance_id), moment(each.applied_at), f"{after_ms:.0f} ms"
        )
    for each in answer.pending:
        table.add_row(each.service, escape(each.instance_id), "[red]not confirmed[/]", "")
    console.print(table)
    if answer.is_late:
        console.print("[red]a process took longer than a second, or has not confirmed[/]")
