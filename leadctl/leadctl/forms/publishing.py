"""`leadctl forms put|list|publish|promote|rollback`: forms, their versions and their canaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.intake.v1 import forms_service_pb2 as pb
from rich.markup import escape

from leadctl.forms.asking import (
    Approval,
    DocumentFile,
    Form,
    FormName,
    asking,
    document_of,
    use_key,
)
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

Version = Annotated[int, typer.Option("--version", min=1, help="The version, as check said.")]
Tried = Annotated[int, typer.Argument(min=1, help="The version on trial.")]
Percent = Annotated[int, typer.Option(min=1, max=100, help="Share of the traffic on trial.")]
Hours = Annotated[int, typer.Option(min=1, max=720, help="How long the trial lasts at least.")]
Accept = Annotated[bool, typer.Option("--accept-breaking", help="Although clients may break.")]


def put(
    form: FormName,
    channel: Annotated[str, typer.Argument(help="Channel of its account.")],
    account: Annotated[str, typer.Argument(help="Its account.")],
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Create a form for an account and print the path of its page; nothing is shown before a version is published."""
    request = pb.PutFormRequest(form=form, channel=channel, account=account)
    answer = run(services(target, token_file), lambda known: put_form(known, request))
    present(answer, lambda console, told: console.print(told.path, soft_wrap=True), as_json=False)


def publish(  # noqa: PLR0913, PLR0917 - each is an option of the command
    file: DocumentFile,
    form: Form,
    version: Version,
    approval: Approval = "",
    percent: Percent = 5,
    hours: Hours = 72,
    target: Targets = None,
    token_file: Token = None,
    *,
    accept_breaking: Accept = False,
    as_json: AsJson = False,
) -> None:
    """Publish a document as the next version, for a share of the traffic first. May be repeated."""
    request = pb.PublishFormRequest(
        form=form,
        document=document_of(file),
        version=version,
        approval_id=approval,
        idempotency_key=use_key(form, version, approval),
        accept_breaking=accept_breaking,
        canary_percent=percent,
        canary_duration_s=hours * 3600,
    )
    answer = run(services(target, token_file), lambda known: publish_form(known, request))
    present(answer, _render_published, as_json=as_json)


def promote(
    form: FormName,
    version: Tried,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let the version on trial judge everything."""
    request = pb.PromoteFormRequest(form=form, version=version)
    answer = run(services(target, token_file), lambda known: _promote(known, request))
    present(answer, _render_live, as_json=as_json)


def rollback(
    form: FormName,
    version: Tried,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Take the version on trial back."""
    request = pb.RollBackFormRequest(form=form, version=version)
    answer = run(services(target, token_file), lambda known: _roll_back(known, request))
    present(answer, _render_live, as_json=as_json)


def show_all(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """Every form, its versions, and how a canary does."""
    present(run(services(target, token_file), _all), _render_forms, as_json=as_json)


async def put_form(known: Services, request: pb.PutFormRequest) -> pb.PutFormResponse:
    """Create a form; raises `NotAnswered`."""
    with asking(known) as stub:
        return await stub.PutForm(request)


async def publish_form(known: Services, request: pb.PublishFormRequest) -> pb.PublishFormResponse:
    """Publish a version; raises `NotAnswered`."""
    with asking(known) as stub:
        return await stub.PublishForm(request)


async def _promote(known: Services, request: pb.PromoteFormRequest) -> pb.PromoteFormResponse:
    with asking(known) as stub:
        return await stub.PromoteForm(request)


async def _roll_back(known: Services, request: pb.RollBackFormRequest) -> pb.RollBackFormResponse:
    with asking(known) as stub:
        return await stub.RollBackForm(request)


async def _all(known: Services) -> pb.ListFormsResponse:
    with asking(known) as stub:
        return await stub.ListForms(pb.ListFormsRequest())


def _render_published(console: Console, answer: pb.PublishFormResponse) -> None:
    state = "is on trial" if answer.is_canary else "is in force"
    console.print(f"version {answer.version} {state}")


def _render_live(
    console: Console, answer: pb.PromoteFormResponse | pb.RollBackFormResponse
) -> None:
    console.print(f"version {answer.live_version} is in force")


def _render_forms(console: Console, answer: pb.ListFormsResponse) -> None:
    for form in answer.forms:
        guard = form.guard_mode + (
            f", exempt {', '.join(form.exempt_origins)}" if form.exempt_origins else ""
        )
        console.print(
            escape(f"{form.form}  {form.channel}/{form.account}  guard {guard}"), soft_wrap=True
        )
        table = plain_table("version", "stage", "clients from", "published", "by", "sha256")
        for each in form.versions:
            table.add_row(
                str(each.version),
                each.stage,
                each.min_client or "any",
                moment(each.published_at),
                escape(each.published_by),
                each.sha256[:12],
            )
        console.print(table)
        if form.HasField("canary"):
            console.print(_canary(form.canary), soft_wrap=True)


def _canary(canary: pb.RunningCanary) -> str:
    numbers = canary.numbers
    new = _ratio(numbers.new_failed_count, numbers.new_checked_count)
    old = _ratio(numbers.old_failed_count, numbers.old_checked_count)
    return (
        f"version {canary.version} on trial for {canary.percent} % until {moment(canary.ends_at)}: "
        f"refuses {new}, the version in force {old}"
    )


def _ratio(failed: int, checked: int) -> str:
    return f"{failed} of {checked}" + (f" ({failed / checked:.1%})" if checked else "")
