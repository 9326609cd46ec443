"""`leadctl identity customer` and `may-contact`: one customer from every side, and whether to leave them alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from leadchain.identity.v1 import customer360_service_pb2 as pb
from leadchain.identity.v1.customer360_service_pb2_grpc import (
    ContactabilityServiceStub,
    Customer360ServiceStub,
)
from rich.markup import escape
from servicekit.events import new_id

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run, screen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from leadchain.identity.v1.customer360_service_pb2_grpc import (
        ContactabilityServiceAsyncStub,
        Customer360ServiceAsyncStub,
    )
    from rich.console import Console

    from leadctl.clients import Services

    T = TypeVar("T")

REFUSED = 3
MINOR_UNITS = 100
_PURPOSES = {
    "marketing": pb.CONTACT_PURPOSE_MARKETING,
    "sales": pb.CONTACT_PURPOSE_SALES,
    "renewal": pb.CONTACT_PURPOSE_RENEWAL,
    "service": pb.CONTACT_PURPOSE_SERVICE,
}
_CHANNELS = {
    "any": pb.CONTACT_CHANNEL_UNSPECIFIED,
    "call": pb.CONTACT_CHANNEL_CALL,
    "chat": pb.CONTACT_CHANNEL_CHAT,
    "sms": pb.CONTACT_CHANNEL_SMS,
    "email": pb.CONTACT_CHANNEL_EMAIL,
    "meeting": pb.CONTACT_CHANNEL_MEETING,
}

CustomerOrLead = Annotated[
    str, typer.Argument(metavar="ID", help="Golden ID, master id, also former ones, or a lead's.")
]
ChannelName = Annotated[str, typer.Option(help=f"By what: {', '.join(_CHANNELS)}.")]


def customer(
    id_: CustomerOrLead,
    size: Annotated[int, typer.Option(min=1, max=100, help="Entries of each list.")] = 10,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one customer over all systems; personal values are masked."""
    request = pb.GetCustomer360Request(id=id_, list_size=size)

    async def ask(stub: Customer360ServiceAsyncStub) -> pb.GetCustomer360Response:
        answer: pb.GetCustomer360Response = await stub.GetCustomer360(request)
        return answer

    async def asked(known: Services) -> pb.GetCustomer360Response:
        with known.asking("identity") as channel:
            return await ask(Customer360ServiceStub(channel))

    present(run(services(target, token_file), asked), _render_customer, as_json=as_json)


def may_contact(
    id_: CustomerOrLead,
    purpose: Annotated[str, typer.Option(help=f"What for: {', '.join(_PURPOSES)}.")],
    channel: ChannelName = "any",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """May they be contacted now, counting every system? Exit code 0 when they may, 3 when not."""
    request = pb.MayContactRequest(
        id=id_,
        purpose=_chosen(_PURPOSES, purpose, "purpose"),
        channel=_chosen(_CHANNELS, channel, "channel"),
    )
    answer = run(services(target, token_file), _asked(lambda stub: stub.MayContact(request)))
    present(answer, _render_verdict, as_json=as_json)
    if not answer.may:
        raise typer.Exit(REFUSED)


def objection(
    id_: CustomerOrLead,
    purpose: Annotated[str, typer.Option(help=f"Only for: {', '.join(_PURPOSES)}.")] = "",
    channel: ChannelName = "any",
    until: Annotated[str, typer.Option(help="ISO 8601; for good without it.")] = "",
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Write down that a customer asked not to be contacted; prints the id to withdraw it by."""
    request = pb.RecordObjectionRequest(
        id=id_,
        purpose=_chosen({"": pb.CONTACT_PURPOSE_UNSPECIFIED, **_PURPOSES}, purpose, "purpose"),
        channel=_chosen(_CHANNELS, channel, "channel"),
        objection_id=new_id(),
    )
    if until:
        request.until.FromDatetime(_moment(until))
    answer = run(services(target, token_file), _asked(lambda stub: stub.RecordObjection(request)))
    typer.echo(answer.objection_id)


def withdraw_objection(
    id_: CustomerOrLead,
    objection_id: Annotated[str, typer.Argument(help="Which; every one without it.")] = "",
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Write down that a customer no longer objects."""
    request = pb.WithdrawObjectionRequest(id=id_, objection_id=objection_id)
    answer = run(services(target, token_file), _asked(lambda stub: stub.WithdrawObjection(request)))
    screen().print(f"{answer.withdrawn_count} objections are withdrawn")


def _asked(
    question: Callable[[ContactabilityServiceAsyncStub], Awaitable[T]],
) -> Callable[[Services], Awaitable[T]]:
    async def ask(known: Services) -> T:
        with known.asking("identity") as channel:
            return await question(ContactabilityServiceStub(channel))

    return ask


def _chosen(words: dict[str, T], word: str, what: str) -> T:
    if word not in words:
        raise typer.BadParameter(f"{what} is one of {', '.join(words)}")
    return words[word]


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not ISO 8601") from None


def _render_customer(console: Console, answer: pb.GetCustomer360Response) -> None:
    console.print(f"[bold]{answer.master_id}[/]  {answer.golden_id}")
    console.print(f"first seen {moment(answer.first_seen_at)}, version {answer.version}")
    if answer.tags:
        console.print("tags " + escape(", ".join(tag.name for tag in answer.tags)))
    rows = [(field.name, field.value, field.system) for field in answer.fields]
    _table(console, "golden record", ("field", "value", "from"), rows)
    _render_leads(console, answer)
    _render_money(console, answer)
    _render_contacts(console, answer)
    _render_neighbours(console, answer)


def _render_leads(console: Console, answer: pb.GetCustomer360Response) -> None:
    leads = answer.leads
    rows = [
        (
            lead.lead_id,
            lead.channel,
            pb.LeadState.Name(lead.state).removeprefix("LEAD_STATE_").lower(),
            lead.owner_id or "-",
            moment(lead.received_at),
        )
        for lead in leads.leads
    ]
    title = f"leads: {leads.total}, open {leads.open_count}"
    _table(console, title, ("lead", "channel", "state", "owner", "received"), rows)
    sources = [
        (each.system, moment(each.modified_at), moment(each.received_at), moment(each.verified_at))
        for each in answer.freshness
    ]
    title = f"sources: {answer.sources.total}"
    _table(console, title, ("system", "modified", "received", "verified"), sources)


def _render_money(console: Console, answer: pb.GetCustomer360Response) -> None:
    rows = [
        (
            month.month,
            month.currency,
            _amount(month.received_minor),
            _amount(month.refunded_minor),
            str(month.received_count),
        )
        for month in answer.payments.months
    ]
    title = f"payments: {answer.payments.total}"
    _table(console, title, ("month", "currency", "received", "refunded", "payments"), rows)
    contracts = [
        (contract.contract_id, contract.status, contract.system, moment(contract.happened_at))
        for contract in answer.contracts.contracts
    ]
    title = f"contracts: {answer.contracts.total}"
    _table(console, title, ("contract", "status", "system", "since"), contracts)


def _render_contacts(console: Console, answer: pb.GetCustomer360Response) -> None:
    rows = [
        (each.kind, each.action, each.system, each.person or "-", moment(each.happened_at))
        for each in answer.interactions.interactions
    ]
    title = f"interactions: {answer.interactions.total}"
    _table(console, title, ("kind", "what", "system", "with", "when"), rows)
    tickets = answer.tickets
    solved = [
        (
            ticket.ticket_id,
            ticket.type,
            ticket.status,
            moment(ticket.opened_at),
            _hours(ticket) if ticket.HasField("solved_in_s") else "open",
        )
        for ticket in tickets.tickets
    ]
    title = (
        f"tickets: {tickets.total}, complaints {tickets.complaint_count}, "
        f"not solved {tickets.open_complaint_count}"
    )
    _table(console, title, ("ticket", "type", "status", "opened", "solved in"), solved)


def _render_neighbours(console: Console, answer: pb.GetCustomer360Response) -> None:
    nodes = answer.relations.nodes
    related = [
        (nodes[edge.to_node].master_id or "(not yours to see)", edge.kind)
        for edge in answer.relations.edges
    ]
    title = f"related: {max(len(nodes) - 1, 0)}{' and more' if answer.relations.is_cut else ''}"
    _table(console, title, ("customer", "shares"), related)
    changes = [(each.what, each.actor or "-", moment(each.changed_at)) for each in answer.changes]
    _table(console, "last changes", ("what", "by", "when"), changes)


def _render_verdict(console: Console, answer: pb.MayContactResponse) -> None:
    word = "[green]yes[/]" if answer.may else "[red]no[/]"
    console.print(f"{word}  contacts in the window: {answer.contact_count}")
    rows = [
        (
            pb.ContactRefusal.Name(reason.refusal).removeprefix("CONTACT_REFUSAL_").lower(),
            moment(reason.since),
            moment(reason.until),
            str(reason.count),
            ", ".join(reason.systems) or "-",
        )
        for reason in answer.reasons
    ]
    if rows:
        _table(console, "", ("reason", "since", "until", "count", "systems"), rows)


def _table(
    console: Console, title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]
) -> None:
    """A titled table; only the title when there is nothing in it."""
    if title:
        console.print(f"\n[bold]{escape(title)}[/]")
    table = plain_table(*columns)
    for row in rows:
        table.add_row(*map(escape, row))
    if table.row_count:
        console.print(table)


def _amount(minor: int) -> str:
    return f"{minor / MINOR_UNITS:,.2f}"


def _hours(ticket: pb.TicketView) -> str:
    return f"{ticket.solved_in_s / 3600:.1f} h"
