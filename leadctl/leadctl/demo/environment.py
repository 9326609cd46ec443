"""The stack of the demonstration: the services, stand-ins for the outside systems, and rules that count seconds."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from leadchain.intake.v1.intake_service_pb2 import PutAccountRequest
from leadchain.notification.v1.notification_service_pb2 import Recipient

from leadctl.accounts import put_account
from leadctl.demo.deciders import changing
from leadctl.demo.deliveries import FACEBOOK_LEADGEN, WEBSITE_FORM
from leadctl.demo.sender import Door
from leadctl.documents import load_entries
from leadctl.recipients import put_recipients
from leadctl.reps import all_reps, load_roster, put_reps
from leadctl.stack.programs import SERVICES, Program
from leadctl.stack.settings import caller_environment, stack_dir
from leadctl.stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leadchain.assignment.v1.assignment_service_pb2 import Rep
    from leadchain.intake.v1.intake_service_pb2 import PutAccountResponse

    from leadctl.clients import Services

DEMO_FILES = Path(__file__).parents[3] / "deploy" / "demo"
GRAPH_API = "graph-api"
REMINDER_SINK = "reminder-sink"
SINK_SECRETS = "REMINDER_SINK_SECRETS"

_ADDRESSES = {
    "lead-intake": {"GRAPH_BASE_URL": f"http://{{{GRAPH_API}.http}}"},
    "notification": {"BEACON_BASE_URL": "http://{notification.http}"},
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the programs that the demonstration itself talks to are, and what they wrote."""

    graph_api: str
    reminder_sink: str
    reminders_file: Path


def demo_stack(
    directory: Path | None = None, *, settings: Mapping[str, Mapping[str, str]] | None = None
) -> Stack:
    """The stack of the demonstration in a folder of its own, by default `demo` in the local stack's.

    `settings` replaces or adds variables of single programs.
    """
    folder = directory or stack_dir(caller_environment()) / "demo"
    usual, given = _settings(folder), settings or {}
    merged = {name: {**usual.get(name, {}), **given.get(name, {})} for name in {*usual, *given}}
    return Stack(folder, programs=_programs(), settings=merged)


def addresses(stack: Stack) -> Addresses:
    """Where its stand-ins are."""
    targets = stack.targets()
    return Addresses(
        graph_api=targets[GRAPH_API].http,
        reminder_sink=targets[REMINDER_SINK].http,
        reminders_file=_reminders_file(stack.directory),
    )


async def open_doors(known: Services, stack: Stack) -> dict[str, Door]:
    """Registers the channel accounts, with two people's consent; where each channel posts and with which key.

    Raises `NotAnswered`.
    """
    base_url = stack.targets()["lead-intake"].http
    doors: dict[str, Door] = {}
    async with changing(known, stack) as change:
        for account in load_entries(DEMO_FILES / "accounts.yaml", "accounts", PutAccountRequest):
            secret = stack.identities.key(f"{account.channel}-account")
            account.secrets.append(_as_configured(account.channel, secret))
            if account.channel == FACEBOOK_LEADGEN:
                account.verify_token = stack.identities.password("facebook-verify")
                account.access_token = stack.identities.password("facebook-access")
            answer = await change.approved(partial(_put, change.author, account))
            key = _signing_key(account.channel, secret)
            doors[account.channel] = Door(f"{base_url}{answer.path}", key)
    return doors


async def introduce_people(known: Services, stack: Stack) -> None:
    """Registers the reps that are not known, and the sink as everybody's recipient, managers included.

    Who is known stays as they are: somebody who has left does not come back by it. Raises `NotAnswered`.
    """
    roster = load_roster(DEMO_FILES / "roster.yaml")
    everybody = {rep.rep_id for rep in roster} | {rep.manager_id for rep in roster}
    secret = stack.identities.key(f"{REMINDER_SINK}-{SINK_SECRETS}")
    sink = addresses(stack).reminder_sink
    recipients = [
        Recipient(recipient_id=one, webhook_url=f"{sink}/{one}", secret=f"whsec_{secret}")
        for one in sorted(everybody)
    ]
    await put_recipients(known, recipients)
    await introduce_reps(known, roster)


async def introduce_reps(known: Services, roster: Sequence[Rep]) -> None:
    """Registers the reps that are not known; raises `NotAnswered`."""
    there = {load.rep.rep_id for load in (await all_reps(known)).reps}
    await put_reps(known, [rep for rep in roster if rep.rep_id not in there])


async def _put(
    author: Services, account: PutAccountRequest, approval_id: str
) -> PutAccountResponse:
    account.approval_id = approval_id
    return await put_account(author, account)


def _programs() -> list[Program]:
    services = [
        replace(program, env={**program.env, **_ADDRESSES.get(program.name, {})})
        for program in SERVICES
    ]
    graph_api = Program(GRAPH_API, "leadctl.fakes.graph_api", is_service=False)
    sink = Program(
        REMINDER_SINK, "leadctl.fakes.reminder_sink", keys=(SINK_SECRETS,), is_service=False
    )
    return [*services, graph_api, sink]


def _settings(folder: Path) -> Mapping[str, Mapping[str, str]]:
    return {
        "assignment": {
            "ROUTING_RULES_FILE": str(DEMO_FILES / "routing.yaml"),
            "SLA_POLICY_FILE": str(DEMO_FILES / "sla.yaml"),
        },
        "notification": {"ALLOW_LOOPBACK_HTTP": "true"},
        "permissions": {"PERMISSIONS_BOOTSTRAP_FILE": str(DEMO_FILES / "permissions.yaml")},
        REMINDER_SINK: {"REMINDER_SINK_LOG": str(_reminders_file(folder.absolute()))},
    }


def _reminders_file(folder: Path) -> Path:
    return folder / "reminders.jsonl"


def _as_configured(channel: str, secret: str) -> str:
    return f"whsec_{secret}" if channel == WEBSITE_FORM else secret


def _signing_key(channel: str, secret: str) -> bytes:
    return base64.b64decode(secret) if channel == WEBSITE_FORM else secret.encode()
