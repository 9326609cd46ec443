"""Between regroupings and the events that tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.identity.v1.customer_events_pb2 import (
    CustomerMerged,
    CustomerSplit,
    OverMergeSuspected,
    SplitPart,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from identity.commands.regrouping import Settled
    from identity.domain.customers import Customer


def customer_merged(
    settled: Settled, into: int, taken: Sequence[int], lead_ids: Sequence[str]
) -> CustomerMerged:
    """The fact that one customer took others in."""
    survivor = settled.now[into]
    return CustomerMerged(
        golden_id=survivor.golden_id,
        master_id=survivor.master_id,
        merged_golden_ids=[
            golden_id
            for number in taken
            if (golden_id := settled.before[number].golden_id) != survivor.golden_id
        ],
        version=survivor.version,
        actor=settled.regrouped.actor,
        lead_ids=lead_ids,
    )


def customer_split(
    settled: Settled, former: int, parts: Mapping[int, Sequence[str]]
) -> CustomerSplit:
    """The fact that records of a customer are others' now."""
    customer = settled.now.get(former) or settled.before[former]
    return CustomerSplit(
        golden_id=customer.golden_id,
        master_id=customer.master_id,
        parts=[
            SplitPart(
                golden_id=settled.now[into].golden_id,
                master_id=settled.now[into].master_id,
                lead_ids=lead_ids,
                is_ambiguous=settled.now[into].golden_id in settled.ambiguous
                or customer.golden_id in settled.ambiguous,
            )
            for into, lead_ids in parts.items()
        ],
        version=customer.version,
        actor=settled.regrouped.actor,
    )


def over_merge_suspected(customer: Customer, reason: str, record_count: int) -> OverMergeSuspected:
    """The fact that somebody should look at a customer."""
    return OverMergeSuspected(
        golden_id=customer.golden_id, reason=reason, record_count=record_count
    )
