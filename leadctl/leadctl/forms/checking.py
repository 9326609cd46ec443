"""`leadctl forms check`: what a document would break, before anybody publishes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.intake.v1 import forms_service_pb2 as pb
from rich.markup import escape

from leadctl.forms.asking import DocumentFile, Form, asking, document_of
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

BREAKING = (pb.COMPATIBILITY_BREAKING, pb.COMPATIBILITY_UNDECIDED)
REPLAYED_MAX = 20_000

ReplayMax = Annotated[
    int, typer.Option("--replay", min=1, max=REPLAYED_MAX, help="Newest deliveries to replay.")
]


def check(
    file: DocumentFile,
    form: Form,
    replay: ReplayMax = 1000,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say which clients a document would break, by rules and by replay; exit code 1 when any, or nobody can tell."""
    request = pb.CheckFormRequest(form=form, document=document_of(file), replay_max=replay)
    answer = run(services(target, token_file), lambda known: _check(known, request))
    present(answer, render_check, as_json=as_json)
    if answer.compatibility in BREAKING:
        raise typer.Exit(1)


def render_check(console: Console, answer: pb.CheckFormResponse) -> None:
    """The verdict, then each client with its changes, then the replay."""
    verdict = said(answer.compatibility)
    console.print(f"version {answer.version}: {verdict}    sha256 {answer.sha256}", soft_wrap=True)
    for client in answer.clients:
        _render_client(console, client)
    if answer.replays:
        _render_replays(console, answer)


def said(compatibility: pb.Compatibility.ValueType) -> str:
    """A verdict in a word."""
    return pb.Compatibility.Name(compatibility).removeprefix("COMPATIBILITY_").lower()


def _render_client(console: Console, client: pb.ClientVerdict) -> None:
    judged = f"judged by version {client.old_version}"
    if client.old_version != client.new_version:
        judged += f", then by {client.new_version}"
    console.print(f"\n{escape(client.client)}: {said(client.compatibility)} ({judged})")
    for change in client.changes:
        effect = pb.ChangeEffect.Name(change.effect).removeprefix("CHANGE_EFFECT_").lower()
        line = f"  {effect:9}  {change.pointer or '/'}  {change.kind}: {change.reason}"
        console.print(escape(line), soft_wrap=True)


def _render_replays(console: Console, answer: pb.CheckFormResponse) -> None:
    table = plain_table(
        "client",
        "replayed",
        "would fail",
        "share",
        "where",
        numbers=("replayed", "would fail", "share"),
    )
    for each in answer.replays:
        places = ", ".join(f"{one.pointer} {one.rule} ({one.count})" for one in each.places)
        table.add_row(
            escape(each.client),
            str(each.checked_count),
            str(each.failing_count),
            f"{each.failing_ratio:.1%}",
            escape(places),
        )
    console.print()
    console.print(table)


async def _check(known: Services, request: pb.CheckFormRequest) -> pb.CheckFormResponse:
    with asking(known) as stub:
        return await stub.CheckForm(request)
