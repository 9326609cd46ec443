"""Between the contract and the questions about customers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

from leadchain.identity.v1 import identity_service_pb2 as pb
from leadchain.identity.v1.events_pb2 import MatchBasis

from identity.domain import customers as domain
from identity.domain.customers import LeadId

if TYPE_CHECKING:
    from collections.abc import Sequence

_CUSTOMER_ID = re.compile(r"[0-9a-f]{64}|CID-\d{8}-\d{6,19}", re.ASCII)


def lead_id(text: str) -> LeadId:
    """The lead that a request names; raises `MalformedLeadId`."""
    try:
        return LeadId(UUID(text))
    except ValueError:
        raise domain.MalformedLeadId from None


def customer_id(text: str) -> str:
    """The Golden ID or master id that a request gives; raises `MalformedCustomerId`."""
    if _CUSTOMER_ID.fullmatch(text) is None:
        raise domain.MalformedCustomerId
    return text


def identity_response(
    customer: domain.Customer, basis: domain.MatchBasis
) -> pb.GetIdentityResponse:
    """The customer of a lead, as an answer."""
    return pb.GetIdentityResponse(
        golden_id=customer.golden_id,
        master_id=customer.master_id,
        match_basis=MatchBasis.ValueType(basis),
    )


def customer_response(customer: domain.Customer, leads: Sequence[LeadId]) -> pb.GetCustomerResponse:
    """A customer and their leads, as an answer."""
    response = pb.GetCustomerResponse(
        golden_id=customer.golden_id,
        master_id=customer.master_id,
        lead_ids=[str(lead_id) for lead_id in leads],
    )
    response.first_seen_at.FromDatetime(customer.first_seen_at)
    return response
