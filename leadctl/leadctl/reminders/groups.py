"""Whether the groups that reminders are for can be reached, before anybody should have been told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, plain_table, present, run
from leadctl.reminders.listing import ask_routes

if TYPE_CHECKING:
    from leadchain.notification.v1 import notification_service_pb2 as pb
    from rich.console import Console

UNREACHABLE = 3


def check(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """Which groups the policy names and whether each has an address; exits 3 if one has none."""
    answer = run(services(target, token_file), ask_routes)
    present(answer, _render, as_json=as_json)
    if not all(group.is_reachable for group in answer.groups):
        raise typer.Exit(UNREACHABLE)


def _render(console: Console, answer: pb.ListRoutesResponse) -> None:
    table = plain_table("group", "state", "reminders")
    for group in answer.groups:
        state = "reachable" if group.is_reachable else "MISSING"
        table.add_row(group.recipient_id, state, ", ".join(group.kind_names))
    console.print(table)
