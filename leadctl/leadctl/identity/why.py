"""`leadctl identity why`, `why-not` and `how`: the evidence between records, and how a customer came to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.identity.v1 import explanation_service_pb2 as pb
from leadchain.identity.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from rich.markup import escape

from leadctl.identity.references import (
    SERVICE,
    Customer,
    Reference,
    customers_table,
    face_line,
    judgements_table,
    reference,
    regroupings_table,
    render_faces,
)
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, moment, plain_table, present, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leadchain.identity.v1 import references_pb2
    from rich.console import Console
    from rich.table import Table

    from leadctl.clients import Services

_COUNTED = {
    pb.COUNTING_COUNTED: "yes",
    pb.COUNTING_HIDDEN: "a stronger field does",
    pb.COUNTING_GENERIC: "too many share it",
    pb.COUNTING_MISSING: "one does not say",
}
_OBSTACLES = {
    pb.OBSTACLE_UNSPECIFIED: "nothing: they are of one customer",
    pb.OBSTACLE_NO_SHARED_KEY: "they share no key that says something, so nobody compares them",
    pb.OBSTACLE_SCORE: "the score falls short",
    pb.OBSTACLE_VETO: "a field that a customer has once only differs",
    pb.OBSTACLE_JUDGEMENT: "a person said never",
    pb.OBSTACLE_CUSTOMERS_CONTRADICT: "their customers contradict each other, or would be too large",
}


def why(
    a: Reference,
    b: Reference,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Why two records are of one customer: each field's weight, and the way of evidence between them.

    For example: leadctl identity why kingdee:C-1001 0198a000-0000-7000-8000-000000000001
    """
    request = pb.WhyRequest(a=reference(a), b=reference(b))
    answer = run(services(target, token_file), lambda known: ask_why(known, request))
    present(answer, render_why, as_json=as_json)


def why_not(
    a: Reference,
    b: Reference,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Why two records are not of one customer: the bits that are short, a veto, a judgement, or no shared key.

    For example: leadctl identity why-not CID-20260207-000001 CID-20260207-000002
    """
    request = pb.WhyNotRequest(a=reference(a), b=reference(b))
    answer = run(services(target, token_file), lambda known: ask_why_not(known, request))
    present(answer, render_why_not, as_json=as_json)


def how(
    customer: Customer,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """How a customer came to be: its records, the steps in which they became one, and its regroupings.

    For example: leadctl identity how CID-20260207-000001
    """
    request = pb.HowRequest(customer_id=customer)
    answer = run(services(target, token_file), lambda known: ask_how(known, request))
    present(answer, render_how, as_json=as_json)


async def ask_why(known: Services, request: pb.WhyRequest) -> pb.WhyResponse:
    """Asks why; raises `NotAnswered`."""
    with known.asking(SERVICE) as channel:
        return await ExplanationServiceStub(channel).Why(request)


async def ask_why_not(known: Services, request: pb.WhyNotRequest) -> pb.WhyNotResponse:
    """Asks why not; raises `NotAnswered`."""
    with known.asking(SERVICE) as channel:
        return await ExplanationServiceStub(channel).WhyNot(request)


async def ask_how(known: Services, request: pb.HowRequest) -> pb.HowResponse:
    """Asks how; raises `NotAnswered`."""
    with known.asking(SERVICE) as channel:
        return await ExplanationServiceStub(channel).How(request)


def render_why(console: Console, answer: pb.WhyResponse) -> None:
    """Both records, the way between them, and the two compared directly."""
    _render_pair(console, answer.a, answer.b)
    if answer.is_one_record:
        console.print("they say the same and are one record")
        return
    word = "[green]one customer[/]" if answer.is_one_customer else "[yellow]two customers[/]"
    console.print(f"{word}, {len(answer.path)} steps of evidence between them")
    for number, step in enumerate(answer.path, 1):
        console.print(f"{number}. {_evidence(step)}")
    console.print("compared directly:")
    _render_comparison(console, answer.direct)
    if answer.judgements:
        console.print(judgements_table(answer.judgements))


def render_why_not(console: Console, answer: pb.WhyNotResponse) -> None:
    """Both records, what keeps them apart, and the two compared."""
    _render_pair(console, answer.a, answer.b)
    short = f", {answer.bits_short:.2f} bits short" if answer.bits_short else ""
    console.print(f"[bold]{_OBSTACLES[answer.obstacle]}[/]{short}")
    if answer.HasField("direct"):
        _render_comparison(console, answer.direct)
    console.print(f"keys of the first: {escape(', '.join(answer.a_key_rules)) or '-'}")
    console.print(f"keys of the second: {escape(', '.join(answer.b_key_rules)) or '-'}")
    if answer.judgements:
        console.print(judgements_table(answer.judgements))


def render_how(console: Console, answer: pb.HowResponse) -> None:
    """The customer, its records, the steps and the log."""
    console.print(customers_table([answer.customer]))
    render_faces(console, answer.records)
    if answer.steps:
        console.print(_steps_table(answer.steps))
    if answer.regroupings:
        console.print(regroupings_table(answer.regroupings))
    if answer.judgements:
        console.print(judgements_table(answer.judgements))


def _render_pair(
    console: Console, a: references_pb2.RecordFace, b: references_pb2.RecordFace
) -> None:
    console.print(face_line(a))
    console.print(face_line(b))


def _render_comparison(console: Console, found: pb.Comparison) -> None:
    word = pb.Finding.Name(found.finding).removeprefix("FINDING_").lower()
    veto = f" by {escape(found.veto)}" if found.veto else ""
    console.print(
        f"{word}{veto}: {found.bits:.2f} bits, posterior {found.posterior:.4f}, "
        f"model {escape(found.model_version)}"
    )
    table = plain_table(
        "field", "level", "m", "u", "frequency", "bits", "counts", numbers=("m", "u", "bits")
    )
    table.add_row("prior", "", "", "", "", f"{found.prior_bits:.2f}", "yes")
    for each in found.fields:
        table.add_row(*_field(each))
    console.print(table)
    keys = ", ".join(
        f"{key.rule} (says nothing)" if key.is_generic else key.rule for key in found.shared_keys
    )
    console.print(f"shared keys: {escape(keys) or '-'}")


def _field(each: pb.FieldComparison) -> tuple[str, ...]:
    if not each.level:
        return (each.field, "-", "", "", "", "", _COUNTED[each.counting])
    frequency = f"{each.frequency:.2e}" if each.frequency else ""
    weights = f"{each.m:.4f}", f"{each.u:.2e}", frequency, f"{each.bits:+.2f}"
    return (each.field, each.level, *weights, _COUNTED[each.counting])


def _evidence(step: pb.Comparison) -> str:
    pair = f"{step.a} and {step.b}"
    match step.kind:
        case pb.EVIDENCE_KIND_JUDGED:
            return f"{pair}: a person said so"
        case pb.EVIDENCE_KIND_SAME_SOURCE:
            return f"{pair}: one row said both, one after the other"
        case _:
            return f"{pair}: {step.bits:.2f} bits, posterior {step.posterior:.4f}"


def _steps_table(steps: Iterable[pb.MergeStep]) -> Table:
    table = plain_table("step", "when", "joins", "records", "by", "evidence")
    for each in steps:
        left = f"step {each.left_step}" if each.left_step else f"record {each.a}"
        right = f"step {each.right_step}" if each.right_step else f"record {each.b}"
        kind = pb.EvidenceKind.Name(each.kind).removeprefix("EVIDENCE_KIND_").lower()
        table.add_row(
            str(each.step),
            moment(each.made_at),
            f"{left} + {right}",
            f"{each.left_record_count} + {each.right_record_count}",
            f"{each.a}, {each.b}",
            f"{kind} {each.bits:.2f} bits" if each.bits else kind.replace("_", " "),
        )
    return table
