"""`leadctl identity policy`: by which rules values stand, and what other rules would change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.identity.v1 import golden_records_service_pb2 as pb
from rich.markup import escape

from leadctl.identity.golden import Reason, asked
from leadctl.identity.references import SERVICE
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, complain, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

PREVIEW_TIMEOUT_S = 600.0

policy_app = typer.Typer(
    help="The rules by which one of several values stands.", no_args_is_help=True
)

Document = Annotated[Path, typer.Argument(help="The rules, YAML.")]


@policy_app.command()
def show(
    version: Annotated[int, typer.Option(min=0, help="An earlier one; else that in force.")] = 0,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The rules in force, who put them there, and whether all golden records follow them yet."""
    request = pb.GetSurvivorshipPolicyRequest(version=version)
    answer = run(
        services(target, token_file), asked(lambda stub: stub.GetSurvivorshipPolicy(request))
    )
    present(answer, _render_policy, as_json=as_json)


@policy_app.command()
def preview(
    document: Document,
    customers: Annotated[int, typer.Option(min=1, max=100_000, help="On at most so many.")] = 1000,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """What other rules would change, in how many customers; prints no values and changes nothing.

    For example: leadctl identity policy preview survivorship.yaml --customers 10000
    """
    request = pb.PreviewSurvivorshipPolicyRequest(document=_text(document), customers_max=customers)
    answer = run(
        services(target, token_file), lambda known: _preview(known, request, is_quiet=as_json)
    )
    present(answer, _render_preview, as_json=as_json)


@policy_app.command()
def publish(
    document: Document,
    base: Annotated[int, typer.Argument(min=1, help="The version in force, as preview says it.")],
    reason: Reason,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Put rules into force; golden records follow within minutes.

    For example: leadctl identity policy publish survivorship.yaml 1 --reason "the ERP knows the city best"
    """
    request = pb.PublishSurvivorshipPolicyRequest(
        document=_text(document), base_version=base, reason=reason
    )
    answer = run(
        services(target, token_file), asked(lambda stub: stub.PublishSurvivorshipPolicy(request))
    )
    present(answer, _render_published, as_json=as_json)


async def _preview(
    known: Services, request: pb.PreviewSurvivorshipPolicyRequest, *, is_quiet: bool
) -> pb.PreviewSurvivorshipPolicyResponse:
    """The end of a trial; how far it is goes to standard error."""
    from leadchain.identity.v1.golden_records_service_pb2_grpc import GoldenRecordsServiceStub

    last = pb.PreviewSurvivorshipPolicyResponse()
    with known.asking(SERVICE) as channel:
        stub = GoldenRecordsServiceStub(channel)
        async for last in stub.PreviewSurvivorshipPolicy(request, timeout=PREVIEW_TIMEOUT_S):
            if not is_quiet and not last.is_last:
                complain(f"{last.checked_count} customers, {last.changed_count} would change")
    return last


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{file} cannot be read as text") from None


def _render_policy(console: Console, answer: pb.GetSurvivorshipPolicyResponse) -> None:
    state = "in force" if answer.is_in_force else "not in force"
    behind = f", {answer.behind_count} golden records follow" if answer.behind_count else ""
    console.print(f"version {answer.version.version}, {state}{behind}")
    table = plain_table("version", "in place of", "published", "by", "reason")
    for each in answer.published:
        table.add_row(
            str(each.version),
            str(each.replaced_version),
            moment(each.published_at),
            escape(each.published_by),
            escape(each.reason),
        )
    if answer.published:
        console.print(table)
    console.print(escape(answer.document), soft_wrap=True, highlight=False)


def _render_preview(console: Console, answer: pb.PreviewSurvivorshipPolicyResponse) -> None:
    console.print(
        f"{answer.changed_count} of {answer.checked_count} customers would change;"
        f" against version {answer.base_version}"
    )
    table = plain_table("field", "customers", "such as", numbers=("customers",))
    for each in answer.differences:
        table.add_row(each.field, str(each.customer_count), " ".join(each.golden_ids[:3]))
    if answer.differences:
        console.print(table)


def _render_published(console: Console, answer: pb.PublishSurvivorshipPolicyResponse) -> None:
    console.print(f"version {answer.version} is in force; {answer.behind_count} records follow")
