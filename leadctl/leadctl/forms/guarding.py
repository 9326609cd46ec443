"""`leadctl forms guard|exempt|callers`: whose posts are refused, or would be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.intake.v1 import forms_service_pb2 as pb
from rich.markup import escape

from leadctl.forms.asking import Approval, FormName, asking, use_key
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, parsed_moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

Mode = Annotated[str, typer.Argument(help="off, report or enforce.")]
Origin = Annotated[str, typer.Argument(help="Such as https://oa.example.com.")]
Since = Annotated[str, typer.Option(help="ISO 8601 or an age such as 7d.")]


def guard(
    form: FormName,
    mode: Mode,
    approval: Approval = "",
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Set how posts without a page's token, or from foreign pages, are treated."""
    request = pb.SetFormGuardRequest(
        form=form, mode=mode, approval_id=approval, idempotency_key=use_key(form, mode, approval)
    )
    answer = run(services(target, token_file), lambda known: _set_guard(known, request))
    present(answer, lambda console, it: console.print(f"{it.old_mode} -> {mode}"), as_json=False)


def exempt(
    form: FormName,
    origin: Origin,
    approval: Approval = "",
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Let the posts of one origin pass the guard."""
    request = pb.ExemptFormOriginRequest(
        form=form,
        origin=origin,
        approval_id=approval,
        idempotency_key=use_key(form, origin, approval),
    )
    answer = run(services(target, token_file), lambda known: _exempt(known, request))
    present(answer, lambda console, _: console.print(f"{origin} is exempt"), as_json=False)


def callers(
    form: Annotated[str, typer.Option("--form", help="Only this form.")] = "",
    since: Since = "7d",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Who posted what the guard refuses, or would refuse once it is enforced."""
    request = pb.ListFormCallersRequest(form=form)
    request.since.FromDatetime(parsed_moment(since, now=datetime.now(UTC)))
    answer = run(services(target, token_file), lambda known: _callers(known, request))
    present(answer, _render_callers, as_json=as_json)


async def _set_guard(known: Services, request: pb.SetFormGuardRequest) -> pb.SetFormGuardResponse:
    with asking(known) as stub:
        return await stub.SetFormGuard(request)


async def _exempt(
    known: Services, request: pb.ExemptFormOriginRequest
) -> pb.ExemptFormOriginResponse:
    with asking(known) as stub:
        return await stub.ExemptFormOrigin(request)


async def _callers(
    known: Services, request: pb.ListFormCallersRequest
) -> pb.ListFormCallersResponse:
    with asking(known) as stub:
        return await stub.ListFormCallers(request)


def _render_callers(console: Console, answer: pb.ListFormCallersResponse) -> None:
    if not answer.callers:
        console.print("nobody would be refused")
        return
    table = plain_table(
        "form", "posts", "cause", "from", "client", "agent", "first", "last", numbers=("posts",)
    )
    for each in answer.callers:
        table.add_row(
            each.form,
            str(each.count),
            each.cause,
            escape(each.origin_host),
            escape(each.client_version or "-"),
            each.agent_family,
            moment(each.first_seen_at),
            moment(each.last_seen_at),
        )
    console.print(table)
