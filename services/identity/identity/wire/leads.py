"""Leads: what a `LeadReceived` states about a customer, and the event that says whose it is.

Here a lead's contact is opened; what goes on is a statement, which only the resolver reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.identity.v1.events_pb2 import LeadIdentified, MatchBasis
from leadchain.intake.v1.events_pb2 import Contact
from servicekit.errors import InvalidMessage
from servicekit.sealing import NotSealed, SealBroken

from identity.domain.customers import LeadId
from identity.domain.statements import LEADS, Statement

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.timestamp_pb2 import Timestamp
    from leadchain.intake.v1.events_pb2 import LeadFacts, LeadReceived
    from leadchain.intake.v1.import_events_pb2 import LeadsWithdrawn
    from servicekit.sealing import KeyRing

    from identity.domain.statements import Resolved

_AS_WRITTEN = (
    "name",
    "masked_phone",
    "email",
    "company",
    "uscc",
    "wechat",
    "openid",
    "unionid",
    "external_userid",
    "honorific",
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A received lead: what it states, and the event that brought it."""

    lead_id: LeadId
    statement: Statement
    event: LeadReceived

    @property
    def ledger_at(self) -> datetime:
        """When lead-intake stored it."""
        return self.statement.received_at


class LeadReader:
    """Reads what identity needs of a `LeadReceived`; `ring` opens contacts."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def arrival(self, event: LeadReceived) -> Arrival:
        """The lead of an event; raises `InvalidMessage` when it can never be read.

        A contact sealed with a key that is not in the ring raises `UnknownKey`: the key may be deployed later. The
        lead's own time is when the customer asked, as the channel says, and else when it was received.
        """
        lead_id = _lead_id(event.lead_id)
        facts = event.facts
        received_at = facts.received_at.ToDatetime(tzinfo=UTC)
        inquired_at = facts.inquired_at.ToDatetime(tzinfo=UTC)
        statement = Statement(
            system=LEADS,
            source_key=str(lead_id),
            fields=_fields(self._contact(lead_id, facts.sealed_contact), facts),
            modified_at=min(inquired_at, received_at) if facts.inquired_at.seconds else received_at,
            received_at=received_at,
            lead_id=lead_id,
        )
        return Arrival(lead_id, statement, event)

    def _contact(self, lead_id: LeadId, sealed: bytes) -> Contact:
        try:
            return Contact.FromString(self._ring.open(sealed, lead_id.bytes))
        except (NotSealed, SealBroken) as error:
            raise InvalidMessage(f"the contact does not open: {type(error).__name__}") from None


def withdrawn(event: LeadsWithdrawn) -> list[LeadId]:
    """The leads that an import takes back; raises `InvalidMessage`."""
    return [_lead_id(lead_id) for lead_id in event.lead_ids]


def lead_identified(
    arrival: Arrival, resolved: Resolved, *, occurred_at: Timestamp
) -> LeadIdentified:
    """The event that states whose lead it is."""
    return LeadIdentified(
        occurred_at=occurred_at,
        lead_id=arrival.event.lead_id,
        golden_id=resolved.golden_id,
        master_id=resolved.master_id,
        match_basis=MatchBasis.ValueType(resolved.basis),
        facts=arrival.event.facts,
    )


def _fields(contact: Contact, facts: LeadFacts) -> dict[str, str]:
    fields = {name: getattr(contact, name) for name in _AS_WRITTEN}
    fields["phone"] = _phone(contact)
    fields["other_phones"] = ",".join(contact.other_phones)
    if not facts.region.is_hint:
        for name in ("province", "city", "district"):
            fields[name] = getattr(facts.region, name)
    return {name: value for name, value in fields.items() if value}


def _phone(contact: Contact) -> str:
    """An extension behind a switchboard is another person's (RFC 3966's form)."""
    extension = contact.phone_extension
    if not contact.phone_e164 or not extension:
        return contact.phone_e164
    return f"{contact.phone_e164};ext={extension}"


def _lead_id(text: str) -> LeadId:
    try:
        return LeadId(UUID(text))
    except ValueError:
        raise InvalidMessage("lead_id is not a UUID") from None
