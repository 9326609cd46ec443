"""`leadctl behaviours`: what customers say, and what the rules would find in a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from leadchain.engagement.v1 import behaviours_service_pb2 as pb
from leadchain.engagement.v1.behaviours_service_pb2_grpc import BehavioursServiceStub
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from leadchain.engagement.v1.behaviours_service_pb2_grpc import BehavioursServiceAsyncStub
    from rich.console import Console

    from leadctl.clients import Services

T = TypeVar("T")

behaviours_app = typer.Typer(help="What customers say and do (行为标签).", no_args_is_help=True)


@behaviours_app.command()
def show(
    lead_id: Annotated[str, typer.Argument(help="UUID of the lead.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The behaviours of a lead's customer, and the banners that are up; needs the token of who may read the lead."""
    request = pb.ListBehavioursRequest(lead_id=lead_id)
    answer = run(services(target, token_file), _asked(lambda stub: stub.ListBehaviours(request)))
    present(answer, _render_behaviours, as_json=as_json)


@behaviours_app.command("try")
def try_rules(
    text: Annotated[str, typer.Argument(help="What a customer might say; nothing is kept.")],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """What the rules in force would find in a text."""
    request = pb.TryRulesRequest(text=text)
    answer = run(services(target, token_file), _asked(lambda stub: stub.TryRules(request)))

    def render(console: Console, found: pb.TryRulesResponse) -> None:
        for mark in found.marks:
            words = text[mark.start : mark.start + mark.length]
            console.print(f"{mark.tag or 'red'} by {mark.rule_id}: {words}", markup=False)
        if not found.marks:
            console.print("nothing")

    present(answer, render, as_json=as_json)


def _asked(
    ask: Callable[[BehavioursServiceAsyncStub], Awaitable[T]],
) -> Callable[[Services], Awaitable[T]]:
    async def work(known: Services) -> T:
        with known.asking("engagement") as channel:
            return await ask(BehavioursServiceStub(channel))

    return work


def _render_behaviours(console: Console, answer: pb.ListBehavioursResponse) -> None:
    for banner in answer.banners:
        console.print(
            f"{banner.colour}: {banner.text_zh} since {moment(banner.since)}", markup=False
        )
    table = plain_table("when", "behaviour", "tag", "by")
    for each in answer.behaviours:
        by = each.marked_by or f"rule {each.rule_id}"
        table.add_row(moment(each.happened_at), escape(each.name_zh), each.tag, escape(by))
    console.print(table if answer.behaviours else "nothing was found")
