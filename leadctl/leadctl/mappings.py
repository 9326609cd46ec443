"""`leadctl mappings`: how one account is read where that differs from its channel, and how what it sends drifts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.intake.v1 import mappings_service_pb2 as pb
from rich.markup import escape

from leadctl.consent import explained
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, complain, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

CHECK_TIMEOUT_S = 600.0

mappings_app = typer.Typer(help="Mappings of accounts.", no_args_is_help=True)

Channel = Annotated[str, typer.Argument(help="Such as website_form.")]
Account = Annotated[str, typer.Argument(help="The account's name.")]
Document = Annotated[Path, typer.Argument(help="YAML or JSON: parts of a channel file.")]
Approval = Annotated[
    str, typer.Option(help="The approved request, as `leadctl perm request` printed it.")
]


@mappings_app.command()
def check(  # noqa: PLR0913 - each is an argument of the command
    channel: Channel,
    account: Account,
    document: Document,
    quarantined: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 1000,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Try a mapping on what the account has in quarantine and what was accepted last; prints the SHA-256 to publish."""
    request = pb.CheckMappingRequest(
        channel=channel, account=account, document=_text(document), quarantined_max=quarantined
    )
    answer = run(
        services(target, token_file), lambda known: _check(known, request, is_quiet=as_json)
    )
    present(answer, _render_check, as_json=as_json)


@mappings_app.command()
def publish(  # noqa: PLR0913, PLR0917 - each is an argument of the command
    channel: Channel,
    account: Account,
    document: Document,
    sha256: Annotated[str, typer.Argument(help="What the check printed.")],
    approval: Approval = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Put a checked mapping into force. Others must agree first: without --approval it says how to ask them."""
    request = pb.PublishMappingRequest(
        channel=channel,
        account=account,
        document=_text(document),
        sha256=sha256,
        approval_id=approval,
    )
    answer = run(services(target, token_file), lambda known: explained(_publish(known, request)))
    present(answer, _render_published, as_json=as_json)


@mappings_app.command()
def rollback(  # noqa: PLR0913 - each is an argument of the command
    channel: Channel,
    account: Account,
    version: Annotated[int, typer.Argument(min=1000, help="The earlier version.")],
    approval: Approval = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Put an earlier version into force again, under a new number. Others must agree first."""
    request = pb.PublishMappingRequest(
        channel=channel, account=account, version=version, approval_id=approval
    )
    answer = run(services(target, token_file), lambda known: explained(_publish(known, request)))
    present(answer, _render_published, as_json=as_json)


@mappings_app.command("list")
def show_all(
    channel: Channel,
    account: Account,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The mappings that an account had, newest first."""
    request = pb.ListMappingsRequest(channel=channel, account=account)
    answer = run(services(target, token_file), lambda known: _list(known, request))
    present(answer, _render_versions, as_json=as_json)


@mappings_app.command()
def show(
    channel: Channel,
    account: Account,
    version: Annotated[int, typer.Argument(help="Its version; else the one in force.")] = 0,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """One mapping's document."""
    request = pb.GetMappingRequest(channel=channel, account=account, version=version)
    answer = run(services(target, token_file), lambda known: _get(known, request))
    present(answer, lambda console, it: console.print(it.document, markup=False), as_json=as_json)


@mappings_app.command()
def drift(
    channel: Annotated[str, typer.Argument(help="Only this channel.")] = "",
    account: Annotated[str, typer.Argument(help="Only this account.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 100,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """How what accounts send has changed its shape, newest first."""
    request = pb.ListDriftsRequest(channel=channel, account=account, page_size=limit)
    answer = run(services(target, token_file), lambda known: _drifts(known, request))
    present(answer, _render_drifts, as_json=as_json)


async def check_mapping(known: Services, request: pb.CheckMappingRequest) -> pb.MappingCheck:
    """Tries a mapping out; raises `NotAnswered`."""
    return await _check(known, request, is_quiet=True)


async def publish_mapping(
    known: Services, request: pb.PublishMappingRequest
) -> pb.PublishMappingResponse:
    """Puts a mapping into force; raises `NotAnswered`."""
    return await _publish(known, request)


async def _check(
    known: Services, request: pb.CheckMappingRequest, *, is_quiet: bool
) -> pb.MappingCheck:
    from leadchain.intake.v1.mappings_service_pb2_grpc import MappingsServiceStub

    told = pb.CheckMappingResponse()
    with known.asking("lead-intake") as connection:
        stub = MappingsServiceStub(connection)
        async for told in stub.CheckMapping(request, timeout=CHECK_TIMEOUT_S):
            if not is_quiet and 0 < told.checked_count < told.total_count:
                complain(f"{told.checked_count} of {told.total_count}")
    return told.result


async def _publish(known: Services, request: pb.PublishMappingRequest) -> pb.PublishMappingResponse:
    from leadchain.intake.v1.mappings_service_pb2_grpc import MappingsServiceStub

    with known.asking("lead-intake") as connection:
        return await MappingsServiceStub(connection).PublishMapping(request)


async def _list(known: Services, request: pb.ListMappingsRequest) -> pb.ListMappingsResponse:
    from leadchain.intake.v1.mappings_service_pb2_grpc import MappingsServiceStub

    with known.asking("lead-intake") as connection:
        return await MappingsServiceStub(connection).ListMappings(request)


async def _get(known: Services, request: pb.GetMappingRequest) -> pb.GetMappingResponse:
    from leadchain.intake.v1.mappings_service_pb2_grpc import MappingsServiceStub

    with known.asking("lead-intake") as connection:
        return await MappingsServiceStub(connection).GetMapping(request)


async def _drifts(known: Services, request: pb.ListDriftsRequest) -> pb.ListDriftsResponse:
    from leadchain.intake.v1.mappings_service_pb2_grpc import MappingsServiceStub

    with known.asking("lead-intake") as connection:
        return await MappingsServiceStub(connection).ListDrifts(request)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{file} cannot be read as text") from None


def _render_check(console: Console, found: pb.MappingCheck) -> None:
    console.print(f"sha256 {found.sha256}, against rules {found.base_version}")
    console.print(
        f"{found.rescued_count} of {found.quarantined_checked_count} in quarantine come out; "
        f"{found.newly_quarantined_count} of {found.accepted_checked_count} accepted would be lost"
    )
    if found.unreadable_count:
        console.print(f"{found.unreadable_count} could not be read again")
    outcomes = plain_table("outcome", "before", "after", numbers=("before", "after"))
    for each in found.outcomes:
        outcomes.add_row(each.outcome, str(each.before_count), str(each.after_count))
    console.print(outcomes)
    for difference in found.differences:
        console.print(f"{difference.field} differs in {difference.item_count}", markup=False)
    for example in found.examples:
        console.print(
            f"  {example.lead_id} {example.field}: {example.before or '-'} -> {example.after or '-'}",
            markup=False,
        )


def _render_published(console: Console, answer: pb.PublishMappingResponse) -> None:
    again = ", as it was" if answer.is_repeated else ""
    console.print(f"version {answer.version} is in force{again}")


def _render_versions(console: Console, answer: pb.ListMappingsResponse) -> None:
    table = plain_table("version", "from", "until", "by", "approval", "sha256")
    for each in answer.mappings:
        table.add_row(
            str(each.version),
            moment(each.published_at),
            moment(each.retired_at),
            escape(each.published_by),
            each.approval_id or "-",
            each.sha256,
        )
    console.print(table if answer.mappings else "read as its channel says")


def _render_drifts(console: Console, answer: pb.ListDriftsResponse) -> None:
    table = plain_table("when", "channel", "account", "what", "path")
    for each in answer.drifts:
        rows = [("new", path) for path in each.added]
        rows += [("gone", path) for path in each.vanished]
        rows += [("one more word", path) for path in each.grown]
        rows += [(f"{'|'.join(one.before)} to {one.after}", one.path) for one in each.changed]
        for what, path in rows:
            table.add_row(
                moment(each.occurred_at), each.channel, escape(each.account), what, escape(path)
            )
    console.print(table if answer.drifts else "no drift")
