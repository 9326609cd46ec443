"""`leadctl identity show`, `changes`, `pin`, `unpin`, `restore-value`: what stands about a customer, and what stood."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from leadchain.identity.v1 import golden_records_service_pb2 as pb
from rich.markup import escape
from servicekit.masking import mask_phone

from leadctl.identity.references import SERVICE, Customer
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, parsed_moment, plain_table, present, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import TypeVar

    from leadchain.identity.v1.golden_records_service_pb2_grpc import GoldenRecordsServiceAsyncStub
    from rich.console import Console

    from leadctl.clients import Services

    _T = TypeVar("_T")

PHONES = frozenset({"phone", "other_phones"})

Field = Annotated[str, typer.Argument(help="Canonical name of the field, such as credit_grade.")]
Reason = Annotated[str, typer.Option(help="Why; without personal data.")]
Moment = Annotated[str, typer.Option(metavar="WHEN", help="ISO 8601, or an age such as 2h or 7d.")]
Phones = Annotated[bool, typer.Option("--show-phones", help="Whole phones instead of 138****8001.")]


def show(
    customer: Customer,
    as_of: Moment = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    show_phones: Phones = False,
    as_json: AsJson = False,
) -> None:
    """The golden record of a customer: every value, who says so, and why it stands.

    For example: leadctl identity show CID-20260207-000001 --as-of 7d
    """
    request = pb.GetGoldenRecordRequest(customer_id=customer)
    if as_of:
        request.as_of.FromDatetime(_when(as_of))
    answer = run(services(target, token_file), asked(lambda stub: stub.GetGoldenRecord(request)))
    _mask(answer.values, show_phones=show_phones)
    present(answer, _render_record, as_json=as_json)


def changes(  # noqa: PLR0913, PLR0917 - each is an argument of the command
    customer: Annotated[
        str, typer.Argument(help="Golden ID or master id; of all customers when left out.")
    ] = "",
    field: Annotated[str, typer.Option(help="Only this field.")] = "",
    system: Annotated[str, typer.Option(help="Only values of this system.")] = "",
    actor: Annotated[str, typer.Option(help="Only by this person.")] = "",
    since: Moment = "",
    until: Moment = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 100,
    target: Targets = None,
    token_file: Token = None,
    *,
    show_phones: Phones = False,
    as_json: AsJson = False,
) -> None:
    """Who changed which field, when, from what to what, in which system; newest first.

    For example: leadctl identity changes CID-20260207-000001 --field credit_grade
    """
    known = services(target, token_file)
    if customer:
        if system or actor or since or until:
            raise typer.BadParameter("of one customer only --field narrows it down")
        mine = pb.ListChangesRequest(customer_id=customer, field=field, page_size=limit)
        answer = run(known, asked(lambda stub: stub.ListChanges(mine)))
        found = pb.SearchChangesResponse(
            changes=answer.changes, next_page_token=answer.next_page_token
        )
    else:
        request = pb.SearchChangesRequest(field=field, system=system, actor=actor, page_size=limit)
        if since:
            request.since.FromDatetime(_when(since))
        if until:
            request.until.FromDatetime(_when(until))
        found = run(known, asked(lambda stub: stub.SearchChanges(request)))
    for change in found.changes:
        _mask((change.old, change.new), show_phones=show_phones)
    present(found, _render_changes, as_json=as_json)


def pin(
    customer: Customer,
    field: Field,
    reason: Reason,
    value: Annotated[
        str, typer.Option(help="Asked for when left out, so that no shell remembers it.")
    ] = "",
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Set a value that stands against whatever the systems say, until it is unpinned.

    For example: leadctl identity pin CID-20260207-000001 city --reason "told on the phone"
    """
    text = value or typer.prompt("Value")
    request = pb.PinValueRequest(customer_id=customer, field=field, text=text, reason=reason)
    answer = run(services(target, token_file), asked(lambda stub: stub.PinValue(request)))
    present(answer, _render_version, as_json=False)


def unpin(
    customer: Customer, field: Field, target: Targets = None, token_file: Token = None
) -> None:
    """Let the systems decide about a field again.

    For example: leadctl identity unpin CID-20260207-000001 city
    """
    request = pb.ReleasePinRequest(customer_id=customer, field=field)
    answer = run(services(target, token_file), asked(lambda stub: stub.ReleasePin(request)))
    present(answer, _render_version, as_json=False)


def restore_value(
    customer: Customer,
    change: Annotated[int, typer.Argument(min=1, help="The change, as `changes` numbers it.")],
    reason: Reason,
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Put the old value of a change back.

    For example: leadctl identity restore-value CID-20260207-000001 1842 --reason "typed by mistake"
    """
    request = pb.RestoreValueRequest(customer_id=customer, change_id=change, reason=reason)
    answer = run(services(target, token_file), asked(lambda stub: stub.RestoreValue(request)))
    present(answer, _render_version, as_json=False)


def asked(
    ask: Callable[[GoldenRecordsServiceAsyncStub], Awaitable[_T]],
) -> Callable[[Services], Awaitable[_T]]:
    """A question to GoldenRecordsService; raises `NotAnswered`."""

    async def work(known: Services) -> _T:
        from leadchain.identity.v1.golden_records_service_pb2_grpc import GoldenRecordsServiceStub

        with known.asking(SERVICE) as channel:
            return await ask(GoldenRecordsServiceStub(channel))

    return work


def _when(text: str) -> datetime:
    return parsed_moment(text, now=datetime.now(UTC))


def _mask(values: Iterable[pb.GoldenValue], *, show_phones: bool) -> None:
    """Masks phones in place, unless they are wanted whole."""
    for value in values:
        if value.field in PHONES and value.text and not show_phones:
            value.text = ", ".join(mask_phone(each) for each in value.text.split(","))
            value.is_masked = True


class _Versioned(Protocol):
    version: int


def _render_version(console: Console, answer: _Versioned) -> None:
    console.print(f"version {answer.version} of the golden record")


def _render_record(console: Console, answer: pb.GetGoldenRecordResponse) -> None:
    console.print(f"{answer.master_id}  {answer.golden_id}", soft_wrap=True)
    version = f"version {answer.version}" if answer.version else "an earlier state"
    console.print(f"{version}, by policy {answer.policy_version}")
    table = plain_table("field", "value", "why", "against", "system", "key", "changed", "by")
    for each in answer.values:
        table.add_row(
            each.field,
            escape(each.text),
            _word(pb.SurvivorshipRule.Name(each.rule), "SURVIVORSHIP_RULE_"),
            str(each.loser_count),
            escape(each.system or "-"),
            escape(each.source_key or "-"),
            moment(each.modified_at),
            escape(each.actor or "-"),
        )
    console.print(table)
    for each in answer.values:
        if each.pin_reason:
            console.print(escape(f"{each.field} is pinned: {each.pin_reason}"))


def _render_changes(console: Console, answer: pb.SearchChangesResponse) -> None:
    table = plain_table("id", "when", "field", "old", "new", "cause", "system", "by")
    for each in answer.changes:
        table.add_row(
            str(each.change_id),
            moment(each.modified_at if each.HasField("modified_at") else each.changed_at),
            each.field,
            escape(_text(each, each.old, is_there=each.HasField("old"))),
            escape(_text(each, each.new, is_there=each.HasField("new"))),
            _word(pb.ChangeCause.Name(each.cause), "CHANGE_CAUSE_"),
            escape(each.system or "-"),
            escape(each.actor or "-"),
        )
    console.print(table)
    if answer.next_page_token:
        console.print("there are more; say --limit")


def _text(change: pb.GoldenChange, value: pb.GoldenValue, *, is_there: bool) -> str:
    if is_there:
        return value.text
    return "erased" if change.is_erased else "-"


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", " ")
