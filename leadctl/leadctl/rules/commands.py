"""The commands about routing rules."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.assignment.v1 import rules_service_pb2 as pb

from leadctl.consent import explained
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, parsed_moment, present, run
from leadctl.rules import rendering

if TYPE_CHECKING:
    from leadctl.clients import Services

SIMULATE_TIMEOUT_S = 600.0

rules_app = typer.Typer(
    help="Routing rules: who gets which lead, in versions.", no_args_is_help=True
)

Document = Annotated[Path, typer.Argument(help="YAML: a whole document of routing rules.")]
Approval = Annotated[
    str, typer.Option(help="The approved request, as `leadctl perm request` printed it.")
]


@rules_app.command()
def check(
    document: Document,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a document, by line, and which reps lack what it asks for; exit code 1 for a fault."""
    request = pb.CheckRulesRequest(document=_text(document), file_name=document.name)
    answer = run(services(target, token_file), lambda known: check_rules(known, request))
    present(
        answer, lambda console, it: rendering.check(console, document.name, it), as_json=as_json
    )
    if answer.faults:
        raise typer.Exit(1)


@rules_app.command()
def simulate(
    document: Document,
    since: Annotated[str, typer.Option(help="ISO 8601, or an age such as 7d.")] = "7d",
    limit: Annotated[int, typer.Option(min=1, max=50_000, help="At most so many leads.")] = 10_000,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Route real leads again by the rules in force and by a document, and show whose owner differs; writes nothing."""
    request = pb.SimulateRulesRequest(
        document=_text(document), file_name=document.name, leads_max=limit
    )
    request.since.FromDatetime(parsed_moment(since, now=datetime.now(UTC)))
    answer = run(services(target, token_file), lambda known: simulate_rules(known, request))
    present(answer, rendering.simulation, as_json=as_json)


@rules_app.command()
def publish(
    document: Document,
    approval: Approval = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Put a document into force. Others must agree first: without --approval it says how to ask them."""
    request = pb.PublishRulesRequest(
        document=_text(document), file_name=document.name, approval_id=approval
    )
    _publish(request, target, token_file, as_json=as_json)


@rules_app.command()
def rollback(
    version: Annotated[int, typer.Argument(min=1, help="The earlier version.")],
    approval: Approval = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Put an earlier version into force again, under a new number. Others must agree first."""
    request = pb.PublishRulesRequest(version=version, approval_id=approval)
    _publish(request, target, token_file, as_json=as_json)


@rules_app.command("list")
def show_all(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """Every version there was, newest first."""
    answer = run(services(target, token_file), list_rules)
    present(answer, rendering.versions, as_json=as_json)


@rules_app.command()
def show(
    version: Annotated[int, typer.Argument(help="Its number; else the one in force.")] = 0,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """One version's document."""
    request = pb.GetRulesRequest(version=version)
    answer = run(services(target, token_file), lambda known: get_rules(known, request))
    present(answer, lambda console, it: console.print(it.document, markup=False), as_json=as_json)


async def check_rules(known: Services, request: pb.CheckRulesRequest) -> pb.CheckRulesResponse:
    """What a document is worth; raises `NotAnswered`."""
    from leadchain.assignment.v1.rules_service_pb2_grpc import RulesServiceStub

    with known.asking("assignment") as channel:
        return await RulesServiceStub(channel).CheckRules(request)


async def simulate_rules(
    known: Services, request: pb.SimulateRulesRequest
) -> pb.SimulateRulesResponse:
    """What a document would have changed; raises `NotAnswered`."""
    from leadchain.assignment.v1.rules_service_pb2_grpc import RulesServiceStub

    with known.asking("assignment") as channel:
        stub = RulesServiceStub(channel)
        return await stub.SimulateRules(request, timeout=SIMULATE_TIMEOUT_S)


async def publish_rules(
    known: Services, request: pb.PublishRulesRequest
) -> pb.PublishRulesResponse:
    """Puts rules into force; raises `NotAnswered`."""
    from leadchain.assignment.v1.rules_service_pb2_grpc import RulesServiceStub

    with known.asking("assignment") as channel:
        return await RulesServiceStub(channel).PublishRules(request)


async def list_rules(known: Services) -> pb.ListRulesResponse:
    """Every version; raises `NotAnswered`."""
    from leadchain.assignment.v1.rules_service_pb2_grpc import RulesServiceStub

    with known.asking("assignment") as channel:
        return await RulesServiceStub(channel).ListRules(pb.ListRulesRequest())


async def get_rules(known: Services, request: pb.GetRulesRequest) -> pb.GetRulesResponse:
    """One version; raises `NotAnswered`."""
    from leadchain.assignment.v1.rules_service_pb2_grpc import RulesServiceStub

    with known.asking("assignment") as channel:
        return await RulesServiceStub(channel).GetRules(request)


def _publish(
    request: pb.PublishRulesRequest,
    target: list[str] | None,
    token_file: Path | None,
    *,
    as_json: bool,
) -> None:
    answer = run(
        services(target, token_file), lambda known: explained(publish_rules(known, request))
    )
    present(answer, rendering.published, as_json=as_json)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{file} cannot be read as text") from None
