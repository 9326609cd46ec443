"""Customers who merged and parted, as permissions understands it: whose leads are whose."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leadchain.identity.v1.customer_events_pb2 import CustomerMerged, CustomerSplit


def merged_leads(event: CustomerMerged) -> list[tuple[str, str]]:
    """The survivor's Golden ID with each lead that was another's until now."""
    return [(event.golden_id, lead_id) for lead_id in event.lead_ids]


def parted_leads(event: CustomerSplit) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Each lead that left with the Golden ID that it is of now, and the same with that which it was of."""
    now = [(part.golden_id, lead_id) for part in event.parts for lead_id in part.lead_ids]
    return now, [(event.golden_id, lead_id) for _, lead_id in now]
