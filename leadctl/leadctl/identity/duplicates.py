"""`leadctl identity duplicate`: is this customer ours already? What is looked for is never shown again."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.identity.v1 import duplicates_service_pb2 as pb
from leadchain.identity.v1.duplicates_service_pb2_grpc import DuplicatesServiceStub

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run, screen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    from leadchain.identity.v1.duplicates_service_pb2_grpc import DuplicatesServiceAsyncStub
    from rich.console import Console

    from leadctl.clients import Services

    T = TypeVar("T")

EXISTS = 3
STDIN_CHARS_MAX = 10_000
_NAMES = ("phone", "email", "uscc", "company", "name")
_WORDS = {
    pb.DUPLICATE_OUTCOME_NONE: "nobody",
    pb.DUPLICATE_OUTCOME_MAY_EXIST: "perhaps",
    pb.DUPLICATE_OUTCOME_EXISTS: "exists",
}


def duplicate(  # noqa: PLR0913, PLR0917 - each is an argument of the command
    phone: Annotated[str, typer.Option(help="As people write it.")] = "",
    email: Annotated[str, typer.Option(help="An e-mail address.")] = "",
    uscc: Annotated[str, typer.Option(help="Unified social credit code.")] = "",
    company: Annotated[str, typer.Option(help="Company name; together with --name.")] = "",
    name: Annotated[str, typer.Option(help="Person's name.")] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Look for a customer; without options a JSON object is read from standard input, which no history keeps.

    Exit code 0 when nobody is found, 3 when somebody is, or may be.
    """
    given = dict(zip(_NAMES, (phone, email, uscc, company, name), strict=True))
    if not any(given.values()):
        given = _read()
    request = pb.CheckDuplicateRequest(**given)
    answer = run(services(target, token_file), _asked(lambda stub: stub.CheckDuplicate(request)))
    present(answer, _render_check, as_json=as_json)
    if answer.outcome != pb.DUPLICATE_OUTCOME_NONE:
        raise typer.Exit(EXISTS)


def request_access(
    check_id: Annotated[str, typer.Argument(help="The check's id.")],
    match: Annotated[int, typer.Argument(min=0, max=4, help="Which of its matches.")] = 0,
    target: Targets = None,
    token_file: Token = None,
) -> None:
    """Ask the owner of a customer who was found behind a wall for access."""
    request = pb.RequestAccessRequest(check_id=check_id, match_index=match)
    answer = run(services(target, token_file), _asked(lambda stub: stub.RequestAccess(request)))
    told = "the owner is told" if answer.has_owner else "nobody owns the customer"
    screen().print(f"{answer.request_id}: {told}")


def access_requests(
    size: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 20,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Requests for access that you made or that wait for you, newest first."""
    request = pb.ListAccessRequestsRequest(page_size=size)
    answer = run(
        services(target, token_file), _asked(lambda stub: stub.ListAccessRequests(request))
    )
    present(answer, _render_requests, as_json=as_json)


def _read() -> dict[str, str]:
    """What standard input says; raises `typer.BadParameter` without telling what it was."""
    try:
        given = json.loads(sys.stdin.read(STDIN_CHARS_MAX))
        unknown = set(given) - set(_NAMES)
        texts = all(isinstance(value, str) for value in given.values())
    except (ValueError, TypeError, AttributeError):
        raise typer.BadParameter("standard input is no JSON object") from None
    if unknown or not texts:
        raise typer.BadParameter(f"standard input has texts of {', '.join(_NAMES)}, nothing else")
    return dict(given)


def _asked(
    question: Callable[[DuplicatesServiceAsyncStub], Awaitable[T]],
) -> Callable[[Services], Awaitable[T]]:
    async def ask(known: Services) -> T:
        with known.asking("identity") as channel:
            return await question(DuplicatesServiceStub(channel))

    return ask


def _render_check(console: Console, answer: pb.CheckDuplicateResponse) -> None:
    console.print(f"{_WORDS[answer.outcome]}  (check {answer.check_id}, {answer.checks_left} left)")
    table = plain_table("match", "sure", "customer", "team", "owner", "equal")
    for index, match in enumerate(answer.matches):
        customer = match.master_id or "behind a wall: leadctl identity request-access"
        row = (str(index), _WORDS[match.outcome], customer, match.team, match.owner_id)
        table.add_row(*row, ", ".join(match.agreeing))
    if table.row_count:
        console.print(table)


def _render_requests(console: Console, answer: pb.ListAccessRequestsResponse) -> None:
    table = plain_table("request", "when", "who", "customer")
    for each in answer.requests:
        requested = moment(each.requested_at)
        table.add_row(each.request_id, requested, each.requester_id, each.golden_id or "-")
    console.print(table)
