"""`leadctl drill reminders` (AS-13): thousands of leads in one go, and what became of telling their owners."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from leadctl.presentation import complain, plain_table, print_json, screen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from leadchain.notification.v1.notification_service_pb2 import GetReminderHealthResponse
    from leadchain.reporting.v1.reporting_service_pb2 import LedgerLine
    from rich.console import Console

    from leadctl.clients import Services
    from leadctl.demo.deliveries import Delivery
    from leadctl.demo.sender import Receipt
    from leadctl.drill.readers import Readers
    from leadctl.fakes.mail_server import MailServer
    from leadctl.fakes.message_vendors import MessageVendors
    from leadctl.stack.stack import Stack

LEADS_MAX = 50_000
VENDOR_SECRET = "drill-secret"  # noqa: S105 - of stand-ins
OPENED = {"wecom_app": 0.8, "smtp": 0.9}
THINK_S = 4.0
ASK_EVERY_S = 0.5
REST_S = 30.0
SETTLE_BASE_S, SETTLE_PER_LEAD_S = 120.0, 0.03
CONNECTIONS = 32
SEED = 13


@dataclass(frozen=True, slots=True)
class Plan:
    """What a drill does: how many leads, how fast, which share of each medium's messages is opened, and how soon.

    `rest_s` is how long is waited for receipts once everything has been sent.
    """

    leads: int
    rate_per_s: float
    opened: Mapping[str, float]
    think_s: float = THINK_S
    rest_s: float = REST_S


@dataclass
class Measured:
    """What was seen of one drill, on whose stack `before` and `told_before` had been; times are Unix seconds."""

    leads: int
    before: LedgerLine
    told_before: int
    accepted_at_s: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    assigned: int = 0
    due_peak: int = 0
    drained_at_s: float = 0.0
    health: GetReminderHealthResponse | None = None

    @property
    def told(self) -> int:
        """Reminders that ended or wait for their receipt."""
        return 0 if self.health is None else _told(self.health) - self.told_before


def reminders(
    leads: Annotated[int, typer.Option(min=20, max=LEADS_MAX, help="Leads to deliver.")] = 5000,
    rate: Annotated[float, typer.Option(min=1, help="Deliveries begun in a second.")] = 250.0,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Start a stack with stand-ins for WeCom, mail and text messages, deliver leads, and measure who was told when.

    People open 80 % of WeCom messages within 4 s; the others get mail and a text message after 10 s, as the policy
    says. Exits 1 when a lead's owner was told by nobody.
    """
    from servicekit.local.processes import DidNotStart

    from leadctl.clients import NotAnswered
    from leadctl.stack.stack import StackIsBusy

    try:
        result = asyncio.run(_drill(Plan(leads, rate, OPENED)))
    except (DidNotStart, NotAnswered, StackIsBusy) as problem:
        complain(str(problem))
        raise typer.Exit(1) from None
    if as_json:
        print_json(result)
    else:
        _show(screen(), result)
    if result["leads_untold"]:
        complain(f"{result['leads_untold']} leads were told to nobody")
        raise typer.Exit(1)


async def _drill(plan: Plan) -> Mapping[str, object]:
    """Everything that was measured on a stack of its own, by name."""
    from leadctl.clients import Services

    stack = _stack()
    await stack.down(purge=True)
    async with AsyncExitStack() as cleanup:
        stack = _stack()
        cleanup.push_async_callback(stack.down)
        await stack.up(lambda _: None)
        targets = {name: target.grpc for name, target in stack.targets().items()}
        known = await cleanup.enter_async_context(Services(targets, stack.operator_token_file()))
        return await drilled(known, stack, plan)


async def drilled(known: Services, stack: Stack, plan: Plan) -> Mapping[str, object]:
    """Everything that was measured on a running stack, by name; its reps get the stand-ins' addresses by it."""
    from servicekit.http_host import HttpHost

    from leadctl.drill.readers import Readers
    from leadctl.fakes.mail_server import MailServer
    from leadctl.fakes.message_vendors import MessageVendors

    vendors, mail = MessageVendors(secret=VENDOR_SECRET, delay_s=0.02), MailServer()
    readers = Readers(vendors, mail, plan.opened, plan.think_s)
    async with AsyncExitStack() as cleanup:
        http = HttpHost("127.0.0.1", 0, vendors)
        for server in (http, mail):
            await server.start()
            cleanup.push_async_callback(server.stop)
        await _introduce(known, f"http://127.0.0.1:{http.port}", mail.port)
        begun_at_s = time.time()
        measured = await _burst(known, stack, readers, plan)
        await readers.identify()
    return _summed_up(measured, vendors, mail, readers, begun_at_s=begun_at_s)


def _stack() -> Stack:
    """A stack of its own; contact is due after the usual 15 minutes, so that nobody is passed on meanwhile."""
    from leadctl.demo.environment import DEMO_FILES
    from leadctl.stack.programs import SERVICES
    from leadctl.stack.settings import caller_environment, stack_dir
    from leadctl.stack.stack import Stack

    own = {
        "notification": {
            "ALLOW_LOOPBACK_HTTP": "true",
            "BEACON_BASE_URL": "http://{notification.http}",
            "RECORD_URL": "https://crm.example/leads/{lead_id}",
        },
        "lead-intake": {"GRAPH_BASE_URL": "http://127.0.0.1:9"},
    }
    programs = [replace(p, env={**p.env, **own.get(p.name, {})}) for p in SERVICES]
    settings = {
        "assignment": {"ROUTING_RULES_FILE": str(DEMO_FILES / "routing.yaml")},
        "permissions": {"PERMISSIONS_BOOTSTRAP_FILE": str(DEMO_FILES / "permissions.yaml")},
    }
    folder = stack_dir(caller_environment()) / "drill"
    return Stack(folder, programs=programs, settings=settings)


async def _introduce(known: Services, vendors_url: str, mail_port: int) -> None:
    """Registers the reps that are not known, everybody's addresses, and the accounts that messages leave from."""
    from leadchain.notification.v1 import notification_service_pb2 as pb

    from leadctl.demo.environment import DEMO_FILES, introduce_reps
    from leadctl.recipients import put_recipients
    from leadctl.reminders.accounts import put_accounts
    from leadctl.reps import load_roster

    roster = load_roster(DEMO_FILES / "roster.yaml")
    people = sorted({rep.rep_id for rep in roster} | {rep.manager_id for rep in roster})
    wecom = {"corp_id": "ww1", "agent_id": "1000002", "secret": VENDOR_SECRET}
    mail = {"from": "crm@crm.example", "tls": "none"}
    sms = {
        "access_key_id": "drill",
        "access_key_secret": VENDOR_SECRET,
        "sign_name": "示例",
        "template_code": "SMS_1",
    }
    accounts = [
        pb.Account(account_id="wecom", medium="wecom_app", url=vendors_url, settings=wecom),
        pb.Account(
            account_id="mail", medium="smtp", url=f"smtp://127.0.0.1:{mail_port}", settings=mail
        ),
        pb.Account(account_id="sms", medium="aliyun_sms", url=vendors_url, settings=sms),
    ]
    recipients = [
        pb.Recipient(
            recipient_id=one,
            addresses=[
                pb.Address(medium="wecom_app", to=one, account_id="wecom"),
                pb.Address(medium="smtp", to=f"{one}@crm.example", account_id="mail"),
                pb.Address(medium="aliyun_sms", to="+8613800138001", account_id="sms"),
            ],
        )
        for one in people
    ]
    await put_accounts(known, accounts)
    await put_recipients(known, recipients)
    await introduce_reps(known, roster)


async def _burst(known: Services, stack: Stack, readers: Readers, plan: Plan) -> Measured:
    """Delivers, lets people read, and waits until nothing is due and nothing waits for a receipt that can come."""
    from leadctl.demo.environment import open_doors
    from leadctl.demo.sender import send
    from leadctl.ledger import current_ledger
    from leadctl.recipients import reminder_health

    doors = await open_doors(known, stack)
    before, health = (await current_ledger(known)).total, await reminder_health(known)
    measured, done = Measured(plan.leads, before, _told(health)), asyncio.Event()

    def note(receipt: Receipt) -> None:
        if receipt.is_accepted and receipt.item_id:
            measured.accepted_at_s[receipt.item_id] = receipt.answered_at_s
        else:
            measured.refused += 1

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(readers.read(done))
        await send(
            _deliveries(plan.leads),
            doors,
            rate_per_s=plan.rate_per_s,
            connections=CONNECTIONS,
            arrived=note,
        )
        await _settle(known, measured, plan.rest_s)
        done.set()
    return measured


def _deliveries(leads: int) -> Sequence[Delivery]:
    """New leads by the website's form, as many as wanted, each of somebody else."""
    from leadctl.demo.deliveries import WEBSITE_FORM, Kind, plan

    planned = plan(leads * 2, seed=SEED, at=datetime.now(UTC)).deliveries
    new = [d for d in planned if d.channel == WEBSITE_FORM and d.kind is Kind.NEW]
    return new[:leads]


async def _settle(known: Services, measured: Measured, rest_s: float) -> None:
    """Follows the books until all leads are assigned and told, nothing is due, and receipts are in; or time is up."""
    from leadctl.ledger import current_ledger
    from leadctl.recipients import reminder_health

    give_up_at_s = time.monotonic() + SETTLE_BASE_S + SETTLE_PER_LEAD_S * measured.leads
    while time.monotonic() < give_up_at_s:
        health, ledger = await reminder_health(known), await current_ledger(known)
        total = ledger.total
        measured.health = health
        measured.assigned = total.assigned_count - measured.before.assigned_count
        measured.due_peak = max(measured.due_peak, health.due_count)
        booked = total.accepted_count - measured.before.accepted_count
        is_booked = booked >= len(measured.accepted_at_s)
        is_drained = is_booked and not ledger.in_flight_count and not health.due_count
        if is_drained and measured.told >= measured.assigned:
            measured.drained_at_s = measured.drained_at_s or time.time()
            if not health.awaiting_count or time.time() - measured.drained_at_s > rest_s:
                return
        await asyncio.sleep(ASK_EVERY_S)


def _summed_up(
    measured: Measured,
    vendors: MessageVendors,
    mail: MailServer,
    readers: Readers,
    *,
    begun_at_s: float,
) -> Mapping[str, object]:
    accepted = measured.accepted_at_s
    waits_s = sorted(
        at_s - accepted[lead] for lead, at_s in readers.told_at_s.items() if lead in accepted
    )
    span_s = max(accepted.values(), default=0.0) - min(accepted.values(), default=0.0)
    health = measured.health
    assert health is not None
    return {
        "leads_accepted": len(accepted),
        "leads_refused_at_the_door": measured.refused,
        "accepted_per_s": round(len(accepted) / span_s, 1) if span_s else 0.0,
        "leads_assigned": measured.assigned,
        "leads_untold": max(0, measured.assigned - measured.told),
        "due_peak": measured.due_peak,
        "drained_after_s": round(max(0.0, measured.drained_at_s - begun_at_s), 1),
        "accept_to_told_s": {
            f"p{share}": round(_percentile(waits_s, share), 3) for share in (50, 95, 99, 100)
        },
        "accept_to_told_of": len(waits_s),
        "messages": {medium: len(vendors.taken(medium)) for medium in ("wecom_app", "aliyun_sms")}
        | {"smtp": len(mail.mails)},
        "provider_refusals": dict(vendors.refused),
        "opened": readers.opened,
        "reminders": {
            "delivered": health.delivered_count,
            "awaiting": health.awaiting_count,
            "failed": health.failed_count,
            "due": health.due_count,
        },
    }


def _told(health: GetReminderHealthResponse) -> int:
    return health.awaiting_count + health.delivered_count + health.failed_count


def _percentile(ordered: Sequence[float], share: int) -> float:
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


def _show(console: Console, result: Mapping[str, object]) -> None:
    table = plain_table("what", "measured")
    for name, value in result.items():
        shown = value
        if isinstance(value, dict):
            shown = ", ".join(f"{key} {each}" for key, each in value.items())
        table.add_row(name.replace("_", " "), str(shown))
    console.print(table)
