"""How records are named on the command line, and how records and customers are shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from leadchain.identity.v1 import references_pb2 as pb
from rich.markup import escape

from leadctl.presentation import moment, plain_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console
    from rich.table import Table

SERVICE = "identity"
KINDS = "a record's number, a lead's UUID, SYSTEM:KEY, or a customer's Golden ID or master id"

Reference = Annotated[str, typer.Argument(help=f"{KINDS[0].upper()}{KINDS[1:]}.")]
Customer = Annotated[str, typer.Argument(help="Golden ID or master id, also a former one.")]

_CUSTOMER = re.compile(r"[0-9a-f]{64}|CID-\d{8}-\d+", re.ASCII)


def reference(text: str) -> pb.Reference:
    """What a text names; raises `typer.BadParameter`."""
    if _CUSTOMER.fullmatch(text):
        return pb.Reference(customer_id=text)
    if text.isascii() and text.isdigit():
        return pb.Reference(record_id=min(int(text), 2**64 - 1))
    system, colon, key = text.partition(":")
    if colon and system and key:
        return pb.Reference(source=pb.SourceKey(system=system, key=key))
    try:
        return pb.Reference(lead_id=str(UUID(text)))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not {KINDS}") from None


def face_line(face: pb.RecordFace) -> str:
    """A record on one line: its number, its customer, what it says under masks, and who says it."""
    said = "  ".join(f"{each.name} {each.value}" for each in face.masked_fields)
    systems = ", ".join(face.systems) or "nobody any more"
    return escape(f"record {face.record_id} of {face.master_id}: {said or 'nothing'} ({systems})")


def customers_table(customers: Iterable[pb.CustomerFace]) -> Table:
    """A row for each customer."""
    table = plain_table("master id", "records", "version", "golden id", numbers=("records",))
    for each in customers:
        table.add_row(each.master_id, str(each.record_count), str(each.version), each.golden_id)
    return table


def judgements_table(judgements: Iterable[pb.Judgement]) -> Table:
    """A row for each judgement."""
    table = plain_table("id", "records", "verdict", "by", "when", "revoked", "reason")
    for each in judgements:
        revoked = f"{moment(each.revoked_at)} {each.revoked_by}" if each.revoked_by else "-"
        table.add_row(
            str(each.judgement_id),
            f"{each.a}, {each.b}",
            pb.Verdict.Name(each.verdict).removeprefix("VERDICT_").lower(),
            escape(each.actor),
            moment(each.made_at),
            escape(revoked),
            escape(each.reason),
        )
    return table


def regroupings_table(regroupings: Iterable[pb.Regrouping]) -> Table:
    """A row for each regrouping."""
    table = plain_table("id", "when", "kind", "by", "moved", "reason")
    for each in regroupings:
        kind = pb.RegroupingKind.Name(each.kind).removeprefix("REGROUPING_KIND_").lower()
        table.add_row(
            str(each.regrouping_id),
            moment(each.made_at),
            kind,
            escape(each.actor),
            str(len(each.moves)),
            escape(each.reason),
        )
    return table


def render_faces(console: Console, faces: Iterable[pb.RecordFace]) -> None:
    """A line for each record."""
    for face in faces:
        console.print(face_line(face))
