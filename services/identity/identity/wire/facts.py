"""Outside facts and the fates of leads, from protobuf.

Here a fact's contact is opened, and only keyed digests of it go on. A company's number is not among them: it would give
the fact to everybody who works there.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from leadchain.identity.v1.events_pb2 import FactIdentified
from leadchain.intake.v1 import facts_events_pb2 as intake
from leadchain.intake.v1.events_pb2 import Contact
from matchkit.errors import Unreadable
from servicekit.errors import InvalidMessage
from servicekit.sealing import BlindIndex, NotSealed, SealBroken

from identity.domain.contactability import Suppressed
from identity.domain.facts import (
    REFERENCE_CHARS_MAX,
    TOKENS_MAX,
    WORD_CHARS_MAX,
    Assigned,
    Contacted,
    Ended,
    Fact,
    FactKind,
    Named,
    Owned,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from google.protobuf.timestamp_pb2 import Timestamp
    from leadchain.assignment.v1 import events_pb2 as assignment
    from leadchain.intake.v1.privacy_events_pb2 import SubjectsSuppressed
    from leadchain.permissions.v1 import events_pb2 as permissions
    from matchkit.model import Hasher, Model
    from servicekit.sealing import KeyRing

Reported: TypeAlias = (
    intake.PaymentReported
    | intake.ContractReported
    | intake.TicketReported
    | intake.InteractionReported
    | intake.AccountReported
    | intake.CompanyRiskReported
)
"""A fact as lead-intake states it."""

_PURPOSE = "identity/fact"
_ID_BYTES = 16
_PERSON_CHARS_MAX = 200
_LEAD = "lead"
_PAYMENT_STATUS = {
    intake.PAYMENT_STATUS_RECEIVED: "received",
    intake.PAYMENT_STATUS_REFUNDED: "refunded",
    intake.PAYMENT_STATUS_CLOSED: "closed",
    intake.PAYMENT_STATUS_PENDING: "pending",
}
_PAYMENT_RANK = {"pending": 0, "closed": 1, "received": 2, "refunded": 2}
"""Money that came stays ours whatever an older notice says later; what went back is a fact of its own."""

_CONTRACT_STATUS = {
    intake.CONTRACT_STATUS_SIGNED: "signed",
    intake.CONTRACT_STATUS_SIGNER_SIGNED: "signer_signed",
    intake.CONTRACT_STATUS_REVOKED: "revoked",
    intake.CONTRACT_STATUS_EXPIRED: "expired",
    intake.CONTRACT_STATUS_REJECTED: "rejected",
}
_INTERACTION_KIND = {
    intake.INTERACTION_KIND_CALL: "call",
    intake.INTERACTION_KIND_CHAT: "chat",
    intake.INTERACTION_KIND_MEETING: "meeting",
    intake.INTERACTION_KIND_EMAIL: "email",
    intake.INTERACTION_KIND_CONTACT_CHANGE: "contact_change",
}


class FactReader:
    """Reads outside facts.

    `ring` opens their contacts; `index_key` (base64 of 32 bytes) keys their ids; `model` and `hasher` make the same
    tokens of identifiers as the records of customers have. Every method raises `InvalidMessage` for what can never be
    read, and `servicekit.sealing.UnknownKey` while a key is missing. Raises `servicekit.sealing.InvalidKey`.
    """

    def __init__(self, ring: KeyRing, *, index_key: str, model: Model, hasher: Hasher) -> None:
        self._ring = ring
        self._ids = BlindIndex.parse(index_key, _PURPOSE)
        self._model = model
        self._hasher = hasher

    def payment(self, event: intake.PaymentReported) -> Fact:
        """A payment; each refund of it is a fact of its own, by the id of its notice."""
        status = _known(_PAYMENT_STATUS, event.status)
        is_refund = event.status == intake.PAYMENT_STATUS_REFUNDED
        own_id = f"refund/{event.origin.external_id}" if is_refund else event.payment_id
        return self._fact(
            event,
            FactKind.PAYMENT,
            own_id,
            detail=event.payment_id,
            status=status,
            rank=_PAYMENT_RANK[status],
            happened_at=_moment(event.paid_at) or _stated_at(event),
            amount_minor=event.amount_minor,
            currency=event.currency[:3],
        )

    def contract(self, event: intake.ContractReported) -> Fact:
        """A contract, as the platform said last by its own clock."""
        reported_at = _moment(event.reported_at) or _stated_at(event)
        return self._fact(
            event,
            FactKind.CONTRACT,
            event.contract_id,
            status=_known(_CONTRACT_STATUS, event.status),
            happened_at=reported_at,
            stated_at=reported_at,
        )

    def ticket(self, event: intake.TicketReported) -> Fact:
        """A ticket, since it was opened."""
        return self._fact(
            event,
            FactKind.TICKET,
            event.ticket_id,
            status=event.status[:WORD_CHARS_MAX],
            word=event.type[:WORD_CHARS_MAX],
            happened_at=_moment(event.opened_at) or _stated_at(event),
            closed_at=_moment(event.closed_at),
        )

    def interaction(self, event: intake.InteractionReported) -> Fact:
        """A call, a chat, a meeting or an e-mail, since it began."""
        return self._fact(
            event,
            FactKind.INTERACTION,
            event.interaction_id,
            status=_known(_INTERACTION_KIND, event.kind),
            word=event.action[:WORD_CHARS_MAX],
            happened_at=_moment(event.started_at) or _stated_at(event),
            duration_s=event.duration_s if event.HasField("duration_s") else None,
            is_inbound=event.is_inbound if event.HasField("is_inbound") else None,
            person=event.person[:_PERSON_CHARS_MAX],
        )

    def named(self, event: intake.AccountReported | intake.CompanyRiskReported) -> Named:
        """Whom a fact is about that others keep."""
        return Named(self._tokens(event), event.subject.reference[:REFERENCE_CHARS_MAX])

    def _fact(self, event: Any, kind: FactKind, own_id: str, **said: Any) -> Fact:
        origin = event.origin
        name = f"{kind:d}|{len(origin.channel)}:{origin.channel}|{len(origin.account)}:{origin.account}|{own_id}"
        fact_id = UUID(bytes=self._ids.of(name)[:_ID_BYTES])
        detail = said.pop("detail", own_id)
        given = {"stated_at": _stated_at(event), **said}
        return Fact(
            fact_id=fact_id,
            kind=kind,
            system=origin.channel[:WORD_CHARS_MAX],
            reference=event.subject.reference[:REFERENCE_CHARS_MAX],
            detail=self._ring.seal(detail.encode(), fact_id.bytes),
            tokens=self._tokens(event),
            **given,
        )

    def _tokens(self, event: Any) -> frozenset[int]:
        """The keyed identifiers of whom the fact is about; none when it names nobody."""
        sealed = event.subject.sealed_contact
        if not sealed:
            return frozenset()
        try:
            opened = self._ring.open(sealed, UUID(event.origin.item_id).bytes)
            features = self._model.read(personal(Contact.FromString(opened)))
        except (ValueError, NotSealed, SealBroken, Unreadable) as error:
            raise InvalidMessage(f"the contact does not open: {type(error).__name__}") from None
        return frozenset(self._model.identifiers(features, self._hasher)[:TOKENS_MAX])


def fact_identified(event: Reported, golden_id: str) -> FactIdentified:
    """The fact that it is known whose an outside fact is; `golden_id` is empty where it is nobody's, or several's."""
    stated = FactIdentified(item_id=event.origin.item_id, golden_id=golden_id)
    match event:
        case intake.PaymentReported():
            stated.payment.CopyFrom(event)
        case intake.ContractReported():
            stated.contract.CopyFrom(event)
        case intake.TicketReported():
            stated.ticket.CopyFrom(event)
        case intake.InteractionReported():
            stated.interaction.CopyFrom(event)
        case intake.AccountReported():
            stated.account.CopyFrom(event)
        case intake.CompanyRiskReported():
            stated.company_risk.CopyFrom(event)
    return stated


def personal(contact: Contact) -> dict[str, str | list[str]]:
    """The identifiers that a contact gives, in canonical names."""
    phone, extension = contact.phone_e164, contact.phone_extension
    return {
        "phone": f"{phone};ext={extension}" if phone and extension else phone,
        "other_phones": list(contact.other_phones),
        "email": contact.email,
        "wechat": contact.wechat,
        "openid": contact.openid,
        "unionid": contact.unionid,
        "external_userid": contact.external_userid,
    }


def assigned(event: assignment.LeadAssigned) -> Assigned:
    """Who was given a lead; raises `InvalidMessage`."""
    return Assigned(_lead_id(event.lead_id), event.assignee_id, event.assignment_no)


def contacted(event: assignment.LeadContacted) -> Contacted:
    """Who made contact; raises `InvalidMessage`."""
    return Contacted(
        _lead_id(event.lead_id), event.rep_id, event.occurred_at.ToDatetime(tzinfo=UTC)
    )


def merged(event: assignment.LeadMerged) -> Ended:
    """A lead that goes on as part of another; raises `InvalidMessage`."""
    return Ended(_lead_id(event.lead_id), _lead_id(event.into_lead_id))


def withdrawn(event: assignment.LeadWithdrawn) -> Ended:
    """A lead whose import was undone; raises `InvalidMessage`."""
    return Ended(_lead_id(event.lead_id), None)


def granted(event: permissions.OwnershipGranted) -> Owned:
    """Whose a lead is now; raises `InvalidMessage`."""
    return Owned(_lead_id(event.lead_id), event.owner_id, "", event.audit_seq)


def demoted(event: permissions.OwnershipDemoted) -> Owned | None:
    """A lead whose owner's lease nears its end; None for anything but a lead. Raises `InvalidMessage`."""
    if event.resource.type != _LEAD:
        return None
    return Owned(_lead_id(event.resource.id), event.owner_id, event.state[:16], event.audit_seq)


def released(event: permissions.CustomerReleased) -> Owned | None:
    """A lead that is nobody's any more; None for anything but a lead. Raises `InvalidMessage`."""
    if event.resource.type != _LEAD:
        return None
    return Owned(_lead_id(event.resource.id), "", "", event.audit_seq)


def kept_fact(row: Any) -> dict[str, Any]:
    """One fact, as the person whom it is about is told."""
    told = {name: value for name, value in dict(row).items() if value not in (None, "")}
    return {**told, "kind": FactKind(row["kind"]).name.lower()}


def _known(words: Mapping[Any, str], status: int) -> str:
    word = words.get(status)
    if word is None:
        raise InvalidMessage("a status or kind is not stated")
    return word


def _stated_at(event: Any) -> datetime:
    stated: datetime = event.occurred_at.ToDatetime(tzinfo=UTC)
    return stated


def _moment(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(tzinfo=UTC) if stamp.ToNanoseconds() else None


def _lead_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidMessage("lead_id is not a UUID") from None


def suppressed(event: SubjectsSuppressed) -> Suppressed:
    """For what people are left alone; raises `InvalidMessage` for what this version does not know."""
    try:
        return Suppressed(event.purpose)
    except ValueError:
        raise InvalidMessage("a purpose of suppression that is not known here") from None
