"""`leadctl identity tags`: which words are said of customers, by which rule, and of whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from leadchain.identity.v1 import tags_service_pb2 as pb
from leadchain.identity.v1.tags_service_pb2_grpc import TagsServiceStub
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    from leadchain.identity.v1.tags_service_pb2_grpc import TagsServiceAsyncStub
    from rich.console import Console

    from leadctl.clients import Services

    T = TypeVar("T")

METRICS = {
    "payments": pb.TAG_METRIC_PAYMENT_COUNT,
    "paid-fen": pb.TAG_METRIC_PAID_FEN,
    "interactions": pb.TAG_METRIC_INTERACTION_COUNT,
    "tickets": pb.TAG_METRIC_TICKET_COUNT,
    "contracts": pb.TAG_METRIC_CONTRACT_COUNT,
    "leads": pb.TAG_METRIC_LEAD_COUNT,
}

tags_app = typer.Typer(help="Tags of customers (标签).", no_args_is_help=True)

TagName = Annotated[str, typer.Argument(help="The tag, or a word that stands for it.")]
Customer = Annotated[str, typer.Argument(help="Golden ID or master id, also a former one.")]


@tags_app.command("list")
def list_tags(
    target: Targets = None,
    token_file: Token = None,
    *,
    retired: Annotated[bool, typer.Option("--retired", help="Those out of use too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every tag with its rule, its source and how many have it."""
    request = pb.ListTagsRequest(with_retired=retired)
    answer = run(services(target, token_file), _asked(lambda stub: stub.ListTags(request)))
    present(answer, _render_tags, as_json=as_json)


@tags_app.command()
def create(  # noqa: PLR0913, PLR0917 - each is an argument of the command
    name: Annotated[str, typer.Argument(help="Such as 消费力_高.")],
    rule: Annotated[str, typer.Option(help="Which fact makes it true, in words.")],
    source: Annotated[str, typer.Option(help="Where that fact is found.")],
    dimension: Annotated[str, typer.Option(help="Of one dimension a customer has one tag.")] = "",
    metric: Annotated[str, typer.Option(help=f"Work it out by {', '.join(METRICS)}.")] = "",
    within_days: Annotated[int, typer.Option(min=1, max=3650, help="Over so many days.")] = 7,
    at_least: Annotated[int, typer.Option(min=1, help="From so much on.")] = 1,
    target: Targets = None,
    token_file: Token = None,
    *,
    closing: Annotated[bool, typer.Option("--closing", help="Who has it is gone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a tag; opinions are refused. With --metric it is worked out: 外卖活跃 is --metric payments --at-least 3."""
    tag = pb.Tag(name=name, dimension=dimension, rule=rule, source=source, is_closing=closing)
    tag.kind = pb.TAG_KIND_COMPUTED if metric else pb.TAG_KIND_MANUAL
    if metric:
        if metric not in METRICS:
            raise typer.BadParameter(f"metric is one of {', '.join(METRICS)}")
        tag.computed_by.metric = METRICS[metric]
        tag.computed_by.within_days = within_days
        tag.computed_by.at_least = at_least
    request = pb.CreateTagRequest(tag=tag)
    answer = run(services(target, token_file), _asked(lambda stub: stub.CreateTag(request)))
    present(answer.tag, _render_tag, as_json=as_json)


@tags_app.command()
def synonym(
    tag: TagName,
    word: Annotated[
        str, typer.Argument(help="The other word; if it is a tag, its history is renamed.")
    ],
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make another word stand for a tag."""
    request = pb.AddSynonymRequest(tag=tag, synonym=word)
    answer = run(services(target, token_file), _asked(lambda stub: stub.AddSynonym(request)))
    present(answer, _render_renamed, as_json=as_json)


@tags_app.command()
def retire(tag: TagName, target: Targets = None, token_file: Token = None) -> None:
    """Take a tag out of use; its history stays."""
    request = pb.RetireTagRequest(tag=tag)
    run(services(target, token_file), _asked(lambda stub: stub.RetireTag(request)))


@tags_app.command()
def add(
    customer: Customer,
    tag: TagName,
    evidence: Annotated[str, typer.Option(help="The fact, such as a contract's number.")],
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Say a tag of a customer."""
    request = pb.TagCustomerRequest(customer_id=customer, tag=tag, evidence=evidence)
    answer = run(services(target, token_file), _asked(lambda stub: stub.TagCustomer(request)))
    if answer.replaced:
        typer.echo(f"in place of {answer.replaced}")


@tags_app.command()
def remove(
    customer: Customer, tag: TagName, target: Targets = None, token_file: Token = None
) -> None:
    """Take a tag back."""
    request = pb.UntagCustomerRequest(customer_id=customer, tag=tag)
    run(services(target, token_file), _asked(lambda stub: stub.UntagCustomer(request)))


@tags_app.command()
def of(
    customer: Customer,
    target: Targets = None,
    token_file: Token = None,
    *,
    former: Annotated[bool, typer.Option("--former", help="Those they had, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """The tags of a customer, each with its rule, source and evidence."""
    request = pb.GetCustomerTagsRequest(customer_id=customer, with_former=former)
    answer = run(services(target, token_file), _asked(lambda stub: stub.GetCustomerTags(request)))
    present(answer, _render_customer_tags, as_json=as_json)


@tags_app.command()
def find(  # noqa: PLR0913 - each is an argument of the command
    tags: Annotated[list[str], typer.Argument(help="Tags of which they have each.")],
    without: Annotated[list[str] | None, typer.Option(help="Tags of which they have none.")] = None,
    page_size: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    page_token: Annotated[str, typer.Option(help="Where the page before ended.")] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    closed: Annotated[bool, typer.Option("--closed", help="Those who are gone, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Customers who have all of some tags."""
    request = pb.FindCustomersRequest(
        all_of=tags,
        none_of=without or [],
        with_closed=closed,
        page_size=page_size,
        page_token=page_token,
    )
    answer = run(services(target, token_file), _asked(lambda stub: stub.FindCustomers(request)))
    present(answer, _render_found, as_json=as_json)


def _asked(
    ask: Callable[[TagsServiceAsyncStub], Awaitable[T]],
) -> Callable[[Services], Awaitable[T]]:
    async def work(known: Services) -> T:
        with known.asking("identity") as channel:
            return await ask(TagsServiceStub(channel))

    return work


def _render_tags(console: Console, answer: pb.ListTagsResponse) -> None:
    if not answer.tags:
        console.print("no tags")
        return
    table = plain_table("tag", "customers", "by", "source", "rule")
    for tag in answer.tags:
        name = f"{escape(tag.name)} (retired)" if tag.HasField("retired_at") else escape(tag.name)
        by = "rule" if tag.kind == pb.TAG_KIND_COMPUTED else "people"
        table.add_row(name, str(tag.customer_count), by, escape(tag.source), escape(tag.rule))
        for word in tag.synonyms:
            table.add_row(f"  = {escape(word)}")
    console.print(table)


def _render_tag(console: Console, tag: pb.Tag) -> None:
    console.print(f"{escape(tag.name)}: {escape(tag.rule)} ({escape(tag.source)})")


def _render_renamed(console: Console, answer: pb.AddSynonymResponse) -> None:
    console.print(f"{answer.renamed_count} customers renamed")


def _render_customer_tags(console: Console, answer: pb.GetCustomerTagsResponse) -> None:
    table = plain_table("tag", "since", "until", "by", "evidence", "source", "rule")
    for tag in answer.tags:
        until = moment(tag.until) if tag.HasField("until") else ""
        words = (tag.actor, tag.evidence, tag.source, tag.rule)
        table.add_row(escape(tag.tag), moment(tag.since), until, *(escape(each) for each in words))
    console.print(table if answer.tags else "no tags")


def _render_found(console: Console, answer: pb.FindCustomersResponse) -> None:
    table = plain_table("master id", "golden id")
    for customer in answer.customers:
        table.add_row(customer.master_id, customer.golden_id)
    console.print(table if answer.customers else "nobody")
    if answer.next_page_token:
        console.print(f"more: --page-token {answer.next_page_token}")
