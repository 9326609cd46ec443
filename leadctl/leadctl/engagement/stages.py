"""`leadctl stages`: how far opportunities are, what is missing to go on, and payments that are for no deal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from leadchain.engagement.v1 import stages_service_pb2 as pb
from leadchain.engagement.v1.stage_events_pb2 import MoveCause
from leadchain.engagement.v1.stages_service_pb2_grpc import StagesServiceStub
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from leadchain.engagement.v1.stages_service_pb2_grpc import StagesServiceAsyncStub
    from rich.console import Console

    from leadctl.clients import Services

T = TypeVar("T")

stages_app = typer.Typer(help="How far opportunities are (商机阶段).", no_args_is_help=True)

Lead = Annotated[str, typer.Argument(help="UUID of the lead.")]


@stages_app.command()
def show(
    lead_id: Lead, target: Targets = None, token_file: Token = None, *, as_json: AsJson = False
) -> None:
    """The stage of a lead's opportunity, and what keeps it from the next; needs the token of who may read the lead."""
    request = pb.GetStageRequest(lead_id=lead_id)
    answer = run(services(target, token_file), _asked(lambda stub: stub.GetStage(request)))
    present(answer, _render_stage, as_json=as_json)


@stages_app.command()
def moves(
    lead_id: Lead, target: Targets = None, token_file: Token = None, *, as_json: AsJson = False
) -> None:
    """Every move of an opportunity, with what was shown for it; needs the token of who may read the lead."""
    request = pb.ListMovesRequest(lead_id=lead_id)
    answer = run(services(target, token_file), _asked(lambda stub: stub.ListMoves(request)))
    present(answer, _render_moves, as_json=as_json)


@stages_app.command()
def unmatched(target: Targets = None, token_file: Token = None, *, as_json: AsJson = False) -> None:
    """Payments that count for no deal, and why."""
    request = pb.ListUnmatchedPaymentsRequest()
    answer = run(
        services(target, token_file), _asked(lambda stub: stub.ListUnmatchedPayments(request))
    )
    present(answer, _render_unmatched, as_json=as_json)


@stages_app.command()
def match(
    payment_id: Annotated[str, typer.Argument(help="Id of the payment, as `unmatched` has it.")],
    lead_id: Lead,
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Say which deal a payment is for."""
    request = pb.MatchPaymentRequest(payment_id=payment_id, lead_id=lead_id)
    run(services(target, token_file), _asked(lambda stub: stub.MatchPayment(request)))


def _asked(
    ask: Callable[[StagesServiceAsyncStub], Awaitable[T]],
) -> Callable[[Services], Awaitable[T]]:
    async def work(known: Services) -> T:
        with known.asking("engagement") as channel:
            return await ask(StagesServiceStub(channel))

    return work


def _render_stage(console: Console, answer: pb.GetStageResponse) -> None:
    name = f"{answer.stage} ({escape(answer.name_zh)})"
    console.print(f"{name} since {moment(answer.since)}, {answer.points} points")
    for action in answer.actions:
        console.print(f"  [{'x' if action.is_done else ' '}] {action.action}", markup=False)
    for following in answer.next:
        missing = "; ".join(following.missing) or "the way is free"
        console.print(f"  next {following.stage}: {missing}", markup=False)
    deal = answer.deal
    if deal.HasField("amount_minor"):
        paid = f"{deal.received_minor / 100:.2f} of {deal.amount_minor / 100:.2f} {deal.currency}"
        console.print(f"  received {paid}; contract {deal.contract_no or '-'}", markup=False)


def _render_moves(console: Console, answer: pb.ListMovesResponse) -> None:
    table = plain_table("no", "when", "from", "to", "by", "evidence")
    for each in answer.moves:
        by = each.moved_by or MoveCause.Name(each.cause).removeprefix("MOVE_CAUSE_").lower()
        evidence = escape(", ".join(each.evidence))
        when = moment(each.moved_at)
        table.add_row(str(each.move_no), when, each.from_stage, each.to_stage, escape(by), evidence)
    console.print(table if answer.moves else "it has not moved")


def _render_unmatched(console: Console, answer: pb.ListUnmatchedPaymentsResponse) -> None:
    table = plain_table("payment", "paid", "amount", "order", "voucher", "problem")
    for each in answer.payments:
        amount = f"{each.amount_minor / 100:.2f} {each.currency}"
        words = (each.order_no, each.voucher_no, each.problem)
        table.add_row(each.payment_id, moment(each.paid_at), amount, *map(escape, words))
    console.print(table if answer.payments else "every payment is for a deal")
