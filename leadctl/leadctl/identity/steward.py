"""`leadctl identity merge`, `split`, `never`, `must`, `decide`, `restore`: what a steward decides about who is who."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from leadchain.identity.v1 import references_pb2
from leadchain.identity.v1 import stewardship_service_pb2 as pb
from leadchain.identity.v1.stewardship_service_pb2_grpc import StewardshipServiceStub
from servicekit.events import new_id

from leadctl.identity.references import (
    SERVICE,
    Customer,
    Reference,
    customers_table,
    reference,
)
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, present, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import TypeVar

    from leadchain.identity.v1.stewardship_service_pb2_grpc import StewardshipServiceAsyncStub
    from rich.console import Console

    from leadctl.clients import Services

    _T = TypeVar("_T")

Reason = Annotated[str, typer.Option(help="Why; without personal data.")]
Key = Annotated[
    str, typer.Option("--key", help="Give it again to try again; nothing is done twice.")
]
RecordId = Annotated[int, typer.Argument(min=1, help="A record's number.")]
_HEX_KEY = re.compile(r"[0-9a-f]{16}", re.ASCII)
VERDICTS = {"same": references_pb2.VERDICT_MUST, "different": references_pb2.VERDICT_NEVER}


def merge(
    customers: Annotated[list[str], typer.Argument(help="Golden IDs or master ids, 2 to 20.")],
    reason: Reason,
    key: Key = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make customers one, for good.

    For example: leadctl identity merge CID-20260207-000001 CID-20260207-000002 --reason "same person by phone"
    """
    request = pb.MergeRequest(
        customer_ids=customers, reason=reason, idempotency_key=key or new_id()
    )
    _done(services(target, token_file), lambda stub: stub.Merge(request), as_json=as_json)


def split(  # noqa: PLR0913 - each is an argument of the command
    customer: Customer,
    leaving: Annotated[list[str], typer.Argument(help="Records, leads or SYSTEM:KEY that leave.")],
    reason: Reason,
    key: Key = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Part records from a customer, for good; they leave together.

    For example: leadctl identity split CID-20260207-000001 kingdee:C-1001 --reason "another branch"
    """
    request = pb.SplitRequest(
        customer_id=customer,
        leaving=map(reference, leaving),
        reason=reason,
        idempotency_key=key or new_id(),
    )
    _done(services(target, token_file), lambda stub: stub.Split(request), as_json=as_json)


def never(  # noqa: PLR0913 - each is an argument of the command
    a: Reference,
    b: Reference,
    reason: Reason,
    key: Key = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say that two records are never of one customer.

    For example: leadctl identity never 17 42 --reason "father and son"
    """
    request = pb.MarkNeverRequest(
        a=reference(a), b=reference(b), reason=reason, idempotency_key=key or new_id()
    )
    _done(services(target, token_file), lambda stub: stub.MarkNever(request), as_json=as_json)


def must(  # noqa: PLR0913 - each is an argument of the command
    a: Reference,
    b: Reference,
    reason: Reason,
    key: Key = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say that two records are always of one customer.

    For example: leadctl identity must 17 kingdee:C-1001 --reason "confirmed by phone"
    """
    request = pb.MarkMustRequest(
        a=reference(a), b=reference(b), reason=reason, idempotency_key=key or new_id()
    )
    _done(services(target, token_file), lambda stub: stub.MarkMust(request), as_json=as_json)


def revoke(
    judgement: Annotated[int, typer.Argument(min=1, help="As `judgements` lists it.")],
    reason: Reason,
    key: Key = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Take a judgement back; scores decide again.

    For example: leadctl identity revoke 7 --reason "said of the wrong record"
    """
    request = pb.RevokeJudgementRequest(
        judgement_id=judgement, reason=reason, idempotency_key=key or new_id()
    )
    _done(services(target, token_file), lambda stub: stub.RevokeJudgement(request), as_json=as_json)


def decide(  # noqa: PLR0913, PLR0917 - each is an argument of the command
    a: RecordId,
    b: RecordId,
    verdict: Annotated[str, typer.Argument(help="same or different.")],
    reason: Reason,
    key: Key = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Answer a pair that waits.

    For example: leadctl identity decide 17 42 different --reason "two people of one company"
    """
    if verdict not in VERDICTS:
        raise typer.BadParameter("a verdict is same or different")
    request = pb.DecideReviewRequest(
        a=a, b=b, verdict=VERDICTS[verdict], reason=reason, idempotency_key=key or new_id()
    )
    _done(services(target, token_file), lambda stub: stub.DecideReview(request), as_json=as_json)


def restore(  # noqa: PLR0913 - each is an argument of the command
    customer: Customer,
    regrouping: Annotated[int, typer.Argument(min=1, help="As `regroupings` lists it.")],
    reason: Reason,
    key: Key = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    after: Annotated[
        bool, typer.Option("--after", help="As it was right after it; else right before, undoing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Group a customer's records as they were right before a regrouping, which undoes it, or right after it.

    For example: leadctl identity restore CID-20260207-000001 12 --reason "merged by mistake"
    """
    request = pb.RestoreRequest(
        customer_id=customer,
        regrouping_id=regrouping,
        is_before=not after,
        reason=reason,
        idempotency_key=key or new_id(),
    )
    _done(services(target, token_file), lambda stub: stub.Restore(request), as_json=as_json)


def set_hub(  # noqa: PLR0913 - each is an argument of the command
    field: Annotated[str, typer.Argument(help="Such as phone, or `key` with a listed key.")],
    value: Annotated[str, typer.Argument(help="The value, such as a switchboard's number.")],
    reason: Reason,
    key: Key = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    clear: Annotated[bool, typer.Option("--clear", help="Take it back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Declare that an identifier says nothing, because many share it, or take that back.

    For example: leadctl identity hub phone 075512345678 --reason "switchboard"
    """
    request = pb.SetGenericKeyRequest(
        is_generic=not clear, reason=reason, idempotency_key=key or new_id()
    )
    if field == "key":
        request.key = _number(value)
    else:
        request.value.CopyFrom(pb.FieldValue(field=field, value=value))
    _done(services(target, token_file), lambda stub: stub.SetGenericKey(request), as_json=as_json)


def _done(
    known: Services,
    ask: Callable[[StewardshipServiceAsyncStub], Awaitable[Any]],
    *,
    as_json: bool,
) -> None:
    present(run(known, asked(ask)), render_done, as_json=as_json)


class Done(Protocol):
    """The answer to any decision."""

    @property
    def outcome(self) -> pb.Outcome:
        """What was done."""


def render_done(console: Console, answer: Done) -> None:
    """What a decision did."""
    done = answer.outcome
    again = ", as answered before" if done.is_repeated else ""
    moved = f"regrouping {done.regrouping_id}" if done.regrouping_id else "nobody changed hands"
    console.print(f"{moved}{again}")
    if done.judgement_ids:
        console.print(f"judgements made: {_listed(done.judgement_ids)}")
    if done.revoked_judgement_ids:
        console.print(f"judgements revoked: {_listed(done.revoked_judgement_ids)}")
    if done.customers:
        console.print(customers_table(done.customers))


def _listed(ids: Iterable[int]) -> str:
    return ", ".join(map(str, ids))


def _number(text: str) -> int:
    """The number of a key that is shown as 16 hexadecimal digits."""
    if not _HEX_KEY.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no key of 16 hexadecimal digits")
    return int.from_bytes(bytes.fromhex(text), signed=True)


def asked(
    call: Callable[[StewardshipServiceAsyncStub], Awaitable[_T]],
) -> Callable[[Services], Awaitable[_T]]:
    """`call` put to the service; raises `NotAnswered`."""

    async def ask(known: Services) -> _T:
        with known.asking(SERVICE) as channel:
            return await call(StewardshipServiceStub(channel))

    return ask
