"""References, records, customers, judgements and regroupings: protobuf to domain and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp
from leadchain.identity.v1 import references_pb2 as pb
from servicekit.errors import Invalid

from identity.domain.references import (
    CustomerNamed,
    LeadNamed,
    RecordNamed,
    SourceNamed,
    UnnamedRecord,
)
from identity.wire.customers import customer_id, lead_id

if TYPE_CHECKING:
    from datetime import datetime

    from identity.domain.customers import Customer
    from identity.domain.judgements import Judgement
    from identity.domain.references import Reference
    from identity.queries.naming import Face
    from identity.store.regroupings import Regrouping

ID_MAX = 2**63 - 1
SYSTEM_LENGTH_MAX = 64
SOURCE_KEY_LENGTH_MAX = 500


def reference(message: pb.Reference) -> Reference:
    """What a reference names; raises `UnnamedRecord`, `Invalid`, `MalformedLeadId`, `MalformedCustomerId`."""
    match message.WhichOneof("named"):
        case "record_id":
            return RecordNamed(stored_id(message.record_id, "record_id"))
        case "lead_id":
            return LeadNamed(lead_id(message.lead_id))
        case "source":
            return _source(message.source)
        case "customer_id":
            return CustomerNamed(customer_id(message.customer_id))
        case _:
            raise UnnamedRecord


def stored_id(number: int, name: str) -> int:
    """An id as the database gives them; raises `Invalid`."""
    if not 0 < number <= ID_MAX:
        raise Invalid(f"{name} is not an id")
    return number


def record_face(face: Face) -> pb.RecordFace:
    """A record as people may see it."""
    return pb.RecordFace(
        record_id=face.record.record_id,
        golden_id=face.record.golden_id,
        master_id=face.record.master_id,
        masked_fields=[
            pb.MaskedField(name=name, value=value) for name, value in face.masked_fields.items()
        ],
        systems=face.systems,
        source_count=face.source_count,
        made_at=moment(face.record.made_at),
    )


def customer_face(customer: Customer) -> pb.CustomerFace:
    """A customer as it is called now."""
    return pb.CustomerFace(
        golden_id=customer.golden_id,
        master_id=customer.master_id,
        record_count=customer.record_count,
        version=customer.version,
    )


def judgement(said: Judgement) -> pb.Judgement:
    """A judgement."""
    return pb.Judgement(
        judgement_id=said.judgement_id,
        a=said.a,
        b=said.b,
        verdict=pb.Verdict.ValueType(said.verdict),
        actor=said.actor,
        reason=said.reason,
        made_at=moment(said.made_at),
        revoked_at=moment(said.revoked_at),
        revoked_by=said.revoked_by,
    )


def regrouping(change: Regrouping) -> pb.Regrouping:
    """A change of who belongs to whom."""
    return pb.Regrouping(
        regrouping_id=change.regrouping_id,
        kind=pb.RegroupingKind.ValueType(change.kind),
        actor=change.actor,
        reason=change.reason,
        made_at=moment(change.made_at),
        moves=[
            pb.Move(
                record_id=move.record_id,
                from_customer=move.from_customer or 0,
                to_customer=move.to_customer or 0,
            )
            for move in change.moves
        ],
    )


def moment(at: datetime | None) -> Timestamp | None:
    """A time; None stays unset."""
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def _source(message: pb.SourceKey) -> SourceNamed:
    if not 0 < len(message.system) <= SYSTEM_LENGTH_MAX:
        raise Invalid(f"a system has 1 to {SYSTEM_LENGTH_MAX} characters")
    if not 0 < len(message.key) <= SOURCE_KEY_LENGTH_MAX:
        raise Invalid(f"a source's key has 1 to {SOURCE_KEY_LENGTH_MAX} characters")
    return SourceNamed(message.system, message.key)
