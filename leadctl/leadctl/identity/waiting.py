"""`leadctl identity reviews`, `judgements`, `regroupings`, `hubs`: what waits for a steward, and what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.identity.v1 import stewardship_service_pb2 as pb
from rich.markup import escape

from leadctl.identity.references import Customer, face_line, judgements_table, regroupings_table
from leadctl.identity.steward import asked
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]
OfCustomer = Annotated[str, typer.Option("--customer", help="Only of this customer.")]
After = Annotated[str, typer.Option("--page-token", help="As printed under the page before.")]

_KINDS = {
    pb.REVIEW_KIND_UNCERTAIN: "the score is uncertain",
    pb.REVIEW_KIND_WEAK_BRIDGE: "it alone, and barely, holds a customer together",
    pb.REVIEW_KIND_TOO_LARGE: "the customer is as large as it may be",
}


def reviews(
    customer: OfCustomer = "",
    limit: Limit = 100,
    page_token: After = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Pairs that wait for a person, oldest first.

    For example: leadctl identity reviews --limit 20
    """
    request = pb.ListReviewsRequest(customer_id=customer, page_size=limit, page_token=page_token)
    answer = run(services(target, token_file), asked(lambda stub: stub.ListReviews(request)))
    present(answer, render_reviews, as_json=as_json)


def judgements(  # noqa: PLR0913 - each is an option of the command
    customer: OfCustomer = "",
    limit: Limit = 100,
    page_token: After = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    revoked: Annotated[bool, typer.Option("--revoked", help="Revoked ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """What people said about pairs of records, newest first.

    For example: leadctl identity judgements --customer CID-20260207-000001
    """
    request = pb.ListJudgementsRequest(
        customer_id=customer, include_revoked=revoked, page_size=limit, page_token=page_token
    )
    answer = run(services(target, token_file), asked(lambda stub: stub.ListJudgements(request)))
    present(answer, render_judgements, as_json=as_json)


def regroupings(
    customer: Customer,
    limit: Limit = 100,
    page_token: After = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """How a customer's members changed, newest first; `restore` goes back.

    For example: leadctl identity regroupings CID-20260207-000001
    """
    request = pb.ListRegroupingsRequest(
        customer_id=customer, page_size=limit, page_token=page_token
    )
    answer = run(services(target, token_file), asked(lambda stub: stub.ListRegroupings(request)))
    present(answer, render_regroupings, as_json=as_json)


def hubs(
    limit: Limit = 100,
    page_token: After = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Keys that say nothing because too many hold them, newest first.

    For example: leadctl identity hubs
    """
    request = pb.ListGenericKeysRequest(page_size=limit, page_token=page_token)
    answer = run(services(target, token_file), asked(lambda stub: stub.ListGenericKeys(request)))
    present(answer, render_hubs, as_json=as_json)


def render_reviews(console: Console, answer: pb.ListReviewsResponse) -> None:
    """Each pair with its two records."""
    if not answer.reviews:
        console.print("nothing waits")
    for each in answer.reviews:
        console.print(
            f"[bold]{each.a.record_id} {each.b.record_id}[/]  posterior {each.posterior:.3f}, "
            f"{_KINDS[each.kind]}, since {moment(each.made_at)}"
        )
        console.print(f"  {face_line(each.a)}")
        console.print(f"  {face_line(each.b)}")
    _render_rest(console, answer.next_page_token)


def render_judgements(console: Console, answer: pb.ListJudgementsResponse) -> None:
    """A row for each judgement."""
    console.print(judgements_table(answer.judgements))
    _render_rest(console, answer.next_page_token)


def render_regroupings(console: Console, answer: pb.ListRegroupingsResponse) -> None:
    """A row for each regrouping."""
    console.print(regroupings_table(answer.regroupings))
    _render_rest(console, answer.next_page_token)


def render_hubs(console: Console, answer: pb.ListGenericKeysResponse) -> None:
    """A row for each key."""
    table = plain_table("key", "rule", "why", "records", "since", numbers=("records",))
    for each in answer.keys:
        table.add_row(
            each.key.to_bytes(8, signed=True).hex(),
            escape(each.rule),
            escape(each.reason),
            str(each.record_count),
            moment(each.made_at),
        )
    console.print(table)
    _render_rest(console, answer.next_page_token)


def _render_rest(console: Console, next_page_token: str) -> None:
    if next_page_token:
        console.print(f"more: --page-token {escape(next_page_token)}", soft_wrap=True)
