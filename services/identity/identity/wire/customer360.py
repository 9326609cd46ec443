"""A customer's snapshot, as it travels: values masked, identifiers of facts opened."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from leadchain.identity.v1 import customer360_service_pb2 as pb

from identity.domain.facts import FactKind
from identity.domain.masks import masked, masked_fields
from identity.domain.regroupings import RegroupingKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from google.protobuf.timestamp_pb2 import Timestamp
    from servicekit.sealing import KeyRing

    from identity.domain.contactability import ContactPolicy
    from identity.queries.customer360 import Snapshot

Row = dict[str, Any]
OTHERS_MAX = 49
"""Other customers in a graph of fifty; the statement fetches one more, to know that there are more."""


class SnapshotWriter:
    """Writes snapshots; `ring` opens the systems' own ids of facts, `policy` says which tickets are complaints."""

    def __init__(self, ring: KeyRing, policy: ContactPolicy) -> None:
        self._ring = ring
        self._policy = policy

    def response(self, snapshot: Snapshot) -> pb.GetCustomer360Response:
        """The answer."""
        row, parts = snapshot.row, snapshot.row.parts
        response = pb.GetCustomer360Response(
            golden_id=row.golden_id,
            master_id=row.master_id,
            version=row.version,
            fields=_fields(snapshot),
            sources=_sources(parts),
            leads=_leads(parts),
            interactions=self._interactions(parts),
            contracts=self._contracts(parts),
            payments=self._payments(parts),
            tickets=self._tickets(parts),
            relations=_relations(snapshot),
            tags=[pb.TagView(**tag) for tag in parts["tags"]],
            changes=[_change(change) for change in parts["changes"]],
            freshness=[_freshness(each) for each in parts["freshness"]],
        )
        response.first_seen_at.FromDatetime(row.first_seen_at)
        response.assembled_at.FromDatetime(snapshot.assembled_at)
        return response

    def _interactions(self, parts: Mapping[str, Any]) -> pb.InteractionViews:
        return pb.InteractionViews(
            interactions=[_interaction(row) for row in parts["interactions"]],
            total=_total(parts, FactKind.INTERACTION),
        )

    def _contracts(self, parts: Mapping[str, Any]) -> pb.ContractViews:
        def view(row: Row) -> pb.ContractView:
            told = pb.ContractView(
                contract_id=self._own_id(row), status=row["status"], system=row["system"]
            )
            _put(told.happened_at, row["happened_at"])
            return told

        return pb.ContractViews(
            contracts=_each(view, parts["contracts"]), total=_total(parts, FactKind.CONTRACT)
        )

    def _payments(self, parts: Mapping[str, Any]) -> pb.PaymentViews:
        def view(row: Row) -> pb.PaymentView:
            told = pb.PaymentView(
                payment_id=self._own_id(row),
                status=row["status"],
                amount_minor=row["amount_minor"] or 0,
                currency=row["currency"],
                system=row["system"],
            )
            _put(told.happened_at, row["happened_at"])
            return told

        return pb.PaymentViews(
            months=[pb.PaymentMonth(**month) for month in parts["months"]],
            payments=_each(view, parts["payments"]),
            total=_total(parts, FactKind.PAYMENT),
        )

    def _tickets(self, parts: Mapping[str, Any]) -> pb.TicketViews:
        complaints = [row for row in parts["ticket_types"] if self._is_complaint(row)]
        solved = [row for row in complaints if not row["is_open"]]
        solved_count = sum(row["number"] for row in solved)
        views = pb.TicketViews(
            tickets=_each(self._ticket, parts["tickets"]),
            total=_total(parts, FactKind.TICKET),
            complaint_count=sum(row["number"] for row in complaints),
            open_complaint_count=sum(row["number"] for row in complaints if row["is_open"]),
        )
        if solved_count:
            seconds = sum(row["solved_in_s"] for row in solved)
            views.solved_in_s_mean = max(0, seconds // solved_count)
        return views

    def _ticket(self, row: Row) -> pb.TicketView:
        told = pb.TicketView(
            ticket_id=self._own_id(row),
            type=row["word"],
            status=row["status"],
            system=row["system"],
            is_complaint=self._is_complaint(row),
        )
        _put(told.opened_at, row["happened_at"])
        _put(told.closed_at, row["closed_at"])
        if row["closed_at"]:
            took = _moment(row["closed_at"]) - _moment(row["happened_at"])
            told.solved_in_s = max(0, int(took.total_seconds()))
        return told

    def _is_complaint(self, row: Row) -> bool:
        return self._policy.is_complaint(row["word"])

    def _own_id(self, row: Row) -> str:
        """What the system calls the fact; JSON has `bytea` as its escape sign and hexadecimal digits."""
        sealed = bytes.fromhex(row["detail"].removeprefix("\\x"))
        return self._ring.open(sealed, UUID(row["fact_id"]).bytes).decode() if sealed else ""


def _fields(snapshot: Snapshot) -> Iterable[pb.FieldView]:
    values = snapshot.record.values if snapshot.record is not None else {}
    for name, value in values.items():
        hides = not snapshot.is_clear and masked_fields({name: value.text}) != {}
        text = masked(name, value.text) if hides else value.text
        view = pb.FieldView(
            name=name, value=text, is_masked=text != value.text, system=value.system
        )
        view.modified_at.FromDatetime(value.modified_at)
        yield view


def _sources(parts: Mapping[str, Any]) -> pb.SourceViews:
    def view(row: Row) -> pb.SourceView:
        told = pb.SourceView(system=row["system"], lead_id=row["lead_id"] or "")
        for name in ("first_seen_at", "modified_at", "received_at", "verified_at"):
            _put(getattr(told, name), row[name])
        return told

    return pb.SourceViews(sources=_each(view, parts["sources"]), total=parts["source_count"])


def _leads(parts: Mapping[str, Any]) -> pb.LeadViews:
    counts = parts["lead_counts"]
    return pb.LeadViews(
        leads=[_lead(row) for row in parts["leads"]],
        total=counts["total"],
        open_count=counts["open"],
    )


def _lead(row: Row) -> pb.LeadView:
    owner_id = row["assignee_id"] if row["owner_id"] is None else row["owner_id"]
    told = pb.LeadView(
        lead_id=row["lead_id"],
        channel=row["channel"],
        state=_lead_state(row, owner_id or ""),
        owner_id=owner_id or "",
        lease_state=row["lease_state"] or "",
    )
    _put(told.received_at, row["received_at"])
    _put(told.contacted_at, row["contacted_at"])
    return told


def _lead_state(row: Row, owner_id: str) -> pb.LeadState.ValueType:
    if row["is_withdrawn"]:
        return pb.LEAD_STATE_WITHDRAWN
    if row["merged_into"]:
        return pb.LEAD_STATE_MERGED
    if not owner_id:
        return pb.LEAD_STATE_WAITING
    return pb.LEAD_STATE_CONTACTED if row["contacted_at"] else pb.LEAD_STATE_ASSIGNED


def _interaction(row: Row) -> pb.InteractionView:
    told = pb.InteractionView(
        kind=row["status"],
        action=row["word"],
        system=row["system"],
        person=row["person"],
        duration_s=row["duration_s"],
        is_inbound=row["is_inbound"],
    )
    _put(told.happened_at, row["happened_at"])
    return told


def _relations(snapshot: Snapshot) -> pb.RelationGraph:
    """The customer in the middle; of whom the caller may not know, only that they exist."""
    row, related = snapshot.row, snapshot.row.parts["related"]
    graph = pb.RelationGraph(is_cut=len(related) > OTHERS_MAX)
    graph.nodes.add(golden_id=row.golden_id, master_id=row.master_id)
    for index, other in enumerate(related[:OTHERS_MAX], start=1):
        node = graph.nodes.add()
        if other["customer_id"] in snapshot.known:
            node.golden_id, node.master_id = other["golden_id"], other["master_id"]
        for kind in other["kinds"]:
            graph.edges.add(from_node=0, to_node=index, kind=kind)
    return graph


def _change(row: Row) -> pb.ChangeView:
    what = RegroupingKind(row["kind"]).name.lower() if row["kind"] else row["what"]
    told = pb.ChangeView(what=what, actor=row["actor"])
    _put(told.changed_at, row["changed_at"])
    return told


def _freshness(row: Row) -> pb.SystemFreshness:
    told = pb.SystemFreshness(system=row["system"])
    for name in ("modified_at", "received_at", "verified_at"):
        _put(getattr(told, name), row[name])
    return told


def _total(parts: Mapping[str, Any], kind: FactKind) -> int:
    total: int = parts["fact_counts"].get(str(int(kind)), 0)
    return total


def _each(view: Callable[[Row], Any], rows: Sequence[Row]) -> list[Any]:
    return [view(row) for row in rows]


def _put(stamp: Timestamp, text: str | None) -> None:
    if text:
        stamp.FromDatetime(_moment(text))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
