"""Publishes what became of customers: who became one, who was parted, what may have been joined by mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.wire import regroupings as wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicekit.database import UnitOfWork

    from identity.commands.regrouping import Settled

LEADS_NAMED_MAX = 1_000


def publish(uow: UnitOfWork, settled: Settled) -> None:
    """Publishes merges, splits and suspicions of a settled regrouping, in this transaction."""
    if settled.moves or settled.regrouped.merged:
        _publish_moves(uow, settled)
    if settled.hubs:
        _publish_hubs(uow, settled)


def _publish_moves(uow: UnitOfWork, settled: Settled) -> None:
    moved: dict[tuple[int, int], list[int]] = {}
    for record_id, former, into in settled.moves:
        if former is not None and into is not None:
            moved.setdefault((former, into), []).append(record_id)
    leads, merged = settled.leads, settled.regrouped.merged
    for into in sorted(set(merged.values())):
        taken = sorted(number for number, heir in merged.items() if heir == into)
        theirs = [
            lead_id
            for number in taken
            for record_id in moved.get((number, into), ())
            for lead_id in leads.get(record_id, ())
        ]
        event = wire.customer_merged(settled, into, taken, theirs[:LEADS_NAMED_MAX])
        uow.publish(event, key=event.golden_id)
    _publish_splits(uow, settled, moved, leads)


def _publish_splits(
    uow: UnitOfWork,
    settled: Settled,
    moved: dict[tuple[int, int], list[int]],
    leads: Mapping[int, Sequence[str]],
) -> None:
    """A customer who stays and loses records to others was split, also when somebody known took them in."""
    left: dict[int, dict[int, list[str]]] = {}
    for (former, into), record_ids in sorted(moved.items()):
        if former not in settled.regrouped.merged:
            theirs = [lead_id for at in record_ids for lead_id in leads.get(at, ())]
            left.setdefault(former, {})[into] = theirs[:LEADS_NAMED_MAX]
    for former, parts in left.items():
        event = wire.customer_split(settled, former, parts)
        uow.publish(event, key=event.golden_id)


def _publish_hubs(uow: UnitOfWork, settled: Settled) -> None:
    """One suspicion for a transaction: that a key became worthless touches everybody who has it alike."""
    customers = [
        settled.now[number] for number in settled.regrouped.touched if number in settled.now
    ]
    if customers:
        first = min(customers, key=lambda each: (each.first_seen_at, each.golden_id))
        event = wire.over_merge_suspected(first, "generic_key", len(settled.customer_of))
        uow.publish(event, key=event.golden_id)
