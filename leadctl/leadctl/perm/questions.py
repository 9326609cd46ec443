"""Asking for decisions: may they, why or why not, and what may they do it to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.perm.resources import resource, written
from leadctl.presentation import AsJson, as_dict, plain_table, present, print_json, run

if TYPE_CHECKING:
    from leadchain.permissions.v1 import changes_pb2
    from leadchain.permissions.v1 import permissions_service_pb2 as pb
    from rich.console import Console

    from leadctl.clients import Services

Subject = Annotated[str, typer.Argument(help="Who: a person or a service.")]
Action = Annotated[str, typer.Argument(help="What they want to do, such as read or edit.")]
Resource = Annotated[str, typer.Argument(metavar="RESOURCE", help="TYPE:ID, or the id of a lead.")]
Context = Annotated[
    str, typer.Option("--context", help="Values for conditions, a JSON object.", metavar="JSON")
]
REFUSED = 3


def check(  # noqa: PLR0913 - each is an argument of the command
    subject: Subject,
    action: Action,
    resource_text: Resource,
    context: Context = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """May they? Exit code 0 when allowed, 3 when not."""
    request = _question(subject, action, resource_text, context)
    answer = run(services(target, token_file), lambda known: ask(known, request))
    present(answer, render_answer, as_json=as_json)
    if not answer.allowed:
        raise typer.Exit(REFUSED)


def explain(  # noqa: PLR0913 - each is an argument of the command
    subject: Subject,
    action: Action,
    resource_text: Resource,
    context: Context = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Why they may or may not: rule, facts, every rule that was tried, and what would change it."""
    request = _question(subject, action, resource_text, context)
    answer = run(services(target, token_file), lambda known: ask_why(known, request))
    present(answer, render_explanation, as_json=as_json)


def lookup(  # noqa: PLR0913 - each is an argument of the command
    subject: Subject,
    action: Action,
    resource_type: Annotated[str, typer.Argument(help="Type of the resources.")] = "lead",
    limit: Annotated[int, typer.Option(min=0, help="At most this many; all when 0.")] = 0,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """What they may do it to: one id a line. Says on standard error when the list is not complete."""
    from leadchain.permissions.v1 import permissions_service_pb2 as pb

    request = pb.LookupRequest(
        subject_id=subject, action=action, resource_type=resource_type, limit=limit
    )
    pages = run(services(target, token_file), lambda known: look_up(known, request))
    if as_json:
        print_json([as_dict(page) for page in pages])
        return
    for page in pages:
        for id_ in page.ids:
            typer.echo(id_)
    last = pages[-1]
    if last.is_everything:
        typer.echo("everything of the type, listed or not", err=True)
    if not last.complete:
        typer.echo("there are more", err=True)


async def ask(known: Services, request: pb.CheckRequest) -> pb.CheckResponse:
    """One decision on the newest state; raises `NotAnswered`."""
    from leadchain.permissions.v1.permissions_service_pb2_grpc import PermissionsServiceStub

    with known.asking("permissions") as channel:
        return await PermissionsServiceStub(channel).Check(request)


async def ask_why(known: Services, request: pb.CheckRequest) -> pb.ExplainResponse:
    """One decision with all that led to it; raises `NotAnswered`."""
    from leadchain.permissions.v1 import permissions_service_pb2 as pb
    from leadchain.permissions.v1.permissions_service_pb2_grpc import PermissionsServiceStub

    with known.asking("permissions") as channel:
        return await PermissionsServiceStub(channel).Explain(pb.ExplainRequest(check=request))


async def look_up(known: Services, request: pb.LookupRequest) -> list[pb.LookupResponse]:
    """Every page of a lookup; raises `NotAnswered`."""
    from leadchain.permissions.v1.permissions_service_pb2_grpc import PermissionsServiceStub

    with known.asking("permissions") as channel:
        return [page async for page in PermissionsServiceStub(channel).Lookup(request)]


def render_answer(console: Console, answer: pb.CheckResponse) -> None:
    """The decision, its rule and facts; for a refusal what would change it."""
    from leadchain.permissions.v1 import permissions_service_pb2 as pb

    word = {
        pb.OUTCOME_ALLOW: "[green]allowed[/]",
        pb.OUTCOME_CONDITIONAL: "[yellow]depends[/]",
    }.get(answer.outcome, "[red]refused[/]")
    rule = f" by {escape(answer.rule)}" if answer.rule else ""
    console.print(f"{word}: {escape(answer.reason)}{rule} (policy {answer.policy_version})")
    for fact in answer.path:
        console.print(f"  {escape(_fact(fact))}")
    if answer.missing:
        console.print(f"  needs {escape(', '.join(answer.missing))}")
    for remedy in answer.remedies:
        console.print(f"  → {escape(remedy)}")
    if answer.requestable.template:
        console.print(f"  → can be requested: {escape(answer.requestable.template)}")


def render_explanation(console: Console, answer: pb.ExplainResponse) -> None:
    """The decision, then each rule that was tried."""
    render_answer(console, answer.result)
    if answer.tried:
        table = plain_table("rule", "did not allow it because")
        for tried in answer.tried:
            table.add_row(escape(tried.rule), escape(tried.reason))
        console.print(table)
    if answer.HasField("shadow"):
        console.print("under the shadow policy:")
        render_answer(console, answer.shadow)


def _question(subject: str, action: str, resource_text: str, context: str) -> pb.CheckRequest:
    from leadchain.permissions.v1 import permissions_service_pb2 as pb

    return pb.CheckRequest(
        subject_id=subject,
        action=action,
        resource=resource(resource_text),
        context_json=context,
        consistency=pb.Consistency(latest=True),
    )


def _fact(fact: changes_pb2.Fact) -> str:
    subject = written(fact.subject)
    if fact.subject_relation:
        subject = f"{subject}#{fact.subject_relation}"
    return f"{written(fact.resource)}#{fact.relation}@{subject} (entry {fact.seq})"
