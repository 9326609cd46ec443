"""Deleting what has been kept long enough, and certifying it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol
from uuid import UUID

import uuid_utils

from lead_intake.domain.leads import Rejected, RejectReason
from lead_intake.domain.retention import Certificate, DataClass, Deleted, chained
from lead_intake.store import consents, sync
from lead_intake.store import retention as store
from lead_intake.store import subjects_erasure as kept
from lead_intake.wire.subjects import without_contact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from servicekit.database import UnitOfWork

    from lead_intake.domain.leads import Item
    from lead_intake.domain.retention import RetentionPolicy
    from lead_intake.seals import Seals


class Run(NamedTuple):
    """What a certificate is about: a class, a day in UTC or a request, and the policy's version."""

    data_class: str
    run: str
    policy_version: int


class Purged(NamedTuple):
    """What one batch deleted; `is_full` when there may be more."""

    deleted: Sequence[Deleted]
    is_full: bool


class Purge(Protocol):
    """Deletes what is older than a time, at most `limit` records, in the given transaction."""

    async def __call__(self, uow: UnitOfWork, *, before: datetime, limit: int) -> Purged:
        """What was deleted."""


async def delete_expired(
    uow: UnitOfWork,
    data_class: DataClass,
    policy: RetentionPolicy,
    purges: Mapping[DataClass, Purge],
    seals: Seals,
) -> bool:
    """Deletes one batch of a class and certifies it; says whether there may be more."""
    before = uow.now - policy.kept[data_class]
    purged = await purges[data_class](uow, before=before, limit=policy.batch_size)
    run = Run(data_class, uow.now.date().isoformat(), policy.version)
    await certify(uow, run, purged.deleted, seals)
    return purged.is_full


async def certify(uow: UnitOfWork, run: Run, deleted: Sequence[Deleted], seals: Seals) -> None:
    """Adds deletions to the certificate of their run and class, which begins with the class's last digest."""
    if not deleted:
        return
    begun, last = await store.lock_certificates(uow.raw, run.data_class, run.run)
    times = [each.received_at for each in deleted]
    certificate = begun or Certificate(
        UUID(bytes=uuid_utils.uuid7().bytes),
        *run,
        deleted_count=0,
        oldest_at=min(times),
        newest_at=max(times),
        begun_at=uow.now,
        deleted_at=uow.now,
        digest=last,
    )
    added = replace(
        certificate,
        policy_version=run.policy_version,
        deleted_count=certificate.deleted_count + len(deleted),
        oldest_at=min(certificate.oldest_at, *times),
        newest_at=max(certificate.newest_at, *times),
        deleted_at=uow.now,
        digest=chained(certificate.digest, deleted, keyed=seals.certificates.of),
    )
    await store.put_certificate(uow.raw, added)


async def hold(uow: UnitOfWork, lead_ids: Sequence[UUID], *, reason: str) -> None:
    """Keeps the contact of these leads beyond its time, such as when they have become customers."""
    await store.hold(uow.raw, lead_ids, reason=reason, now=uow.now)


async def drop_suppressed_bodies(uow: UnitOfWork, items: Sequence[Item]) -> None:
    """Takes the bodies away in which suppressed leads came, unless another item of the delivery needs its own."""
    delivery_ids = {
        item.origin.delivery_id
        for item in items
        if isinstance(item.finding, Rejected) and item.finding.reason is RejectReason.SUPPRESSED
    }
    if delivery_ids:
        await store.drop_settled_raws(uow.raw, sorted(delivery_ids))


async def purge_raws(uow: UnitOfWork, *, before: datetime, limit: int) -> Purged:
    """Bodies of deliveries whose items are all settled."""
    passed = await store.drop_raws(
        uow.raw, DataClass.RAW_DELIVERY, before=before, limit=limit, even_waiting=False
    )
    return Purged(*passed)


async def purge_waiting_raws(uow: UnitOfWork, *, before: datetime, limit: int) -> Purged:
    """Bodies of deliveries that still wait for a person."""
    passed = await store.drop_raws(
        uow.raw, DataClass.QUARANTINED_RAW, before=before, limit=limit, even_waiting=True
    )
    return Purged(*passed)


async def purge_contacts(uow: UnitOfWork, *, before: datetime, limit: int) -> Purged:
    """Who leads are that became nothing."""
    lead_ids = await store.old_contacts(uow.raw, before=before, limit=limit)
    contacts = await kept.lock_contacts(uow.raw, lead_ids)
    await kept.put_facts(uow.raw, [(each.lead_id, without_contact(each)) for each in contacts])
    await kept.drop_points(uow.raw, lead_ids)
    deleted = [Deleted(each.lead_id, each.received_at) for each in contacts]
    return Purged(deleted, is_full=len(lead_ids) > 0)


async def purge_consents(uow: UnitOfWork, *, before: datetime, limit: int) -> Purged:
    """Receipts that have ended."""
    deleted = await consents.drop_ended(uow.raw, before=before, limit=limit)
    return Purged(deleted, is_full=len(deleted) == limit)


async def purge_results(uow: UnitOfWork, *, before: datetime, limit: int) -> Purged:
    """Exports that nobody downloaded."""
    deleted = await store.drop_results(uow.raw, before=before, limit=limit)
    return Purged(deleted, is_full=len(deleted) == limit)


async def purge_synced(uow: UnitOfWork, *, before: datetime, limit: int) -> Purged:
    """Changes that no device repeats any more, and tombstones that every device has seen."""
    deleted = await sync.drop_old(uow.raw, before=before, limit=limit)
    return Purged(deleted, is_full=len(deleted) == limit)


OWN_PURGES: Mapping[DataClass, Purge] = {
    DataClass.RAW_DELIVERY: purge_raws,
    DataClass.QUARANTINED_RAW: purge_waiting_raws,
    DataClass.LEAD_CONTACT: purge_contacts,
    DataClass.CONSENT: purge_consents,
    DataClass.SUBJECT_EXPORT: purge_results,
    DataClass.SYNCED_RECORD: purge_synced,
}
"""How each class is deleted."""
