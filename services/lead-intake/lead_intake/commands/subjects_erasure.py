"""lead-intake's own part of an erasure: contact, raw bodies, files, names and sealed events of a person's leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lead_intake.commands import retention
from lead_intake.domain.retention import SUBJECT_CONTACT, Deleted
from lead_intake.domain.subjects import OWN, Answer
from lead_intake.store import consents, imports, imports_chunks, imports_parts
from lead_intake.store import subjects_erasure as store
from lead_intake.wire import subjects as wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from lead_intake.domain.subjects import SubjectRequest
    from lead_intake.seals import Seals

HOLDS = (
    "consent receipts, keyed, as proof for three years",
    "suppression, keyed, so that the person stays forgotten",
    "sealed events on the bus for at most seven days",
    "sealed bodies of quarantined deliveries for at most 90 days",
    "sealed rows that imports refused, of files without a lead of the person, for at most seven days",
    "sealed records of people's devices, which name no lead",
)


async def erase(uow: UnitOfWork, request: SubjectRequest, seals: Seals) -> list[Answer]:
    """Takes everything away that says whose the leads are, certifies it, and ends the person's consents."""
    lead_ids = request.lead_ids
    contacts = await store.lock_contacts(uow.raw, lead_ids)
    await store.put_facts(
        uow.raw, [(each.lead_id, wire.without_contact(each)) for each in contacts]
    )
    await store.drop_points(uow.raw, lead_ids)
    raws = await store.drop_raws(uow.raw, lead_ids)
    files = await _forget_files(uow, lead_ids)
    event_count = await store.drop_published(uow.raw, lead_ids)
    await consents.end(uow.raw, request.subject_indexes, purposes=(), now=uow.now)
    deleted = [Deleted(each.lead_id, each.received_at) for each in contacts]
    entry = retention.Run(SUBJECT_CONTACT, str(request.request_id), policy_version=0)
    await retention.certify(uow, entry, [*deleted, *raws, *files], seals)
    count = len(contacts) + len(raws) + len(files) + event_count
    return [Answer(request.request_id, OWN, 1, 1, record_count=count, holds=HOLDS)]


async def _forget_files(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> list[Deleted]:
    """Forgets the files in which the leads came, whole; returns which.

    Of a file whose rows are still let in, what was refused so far goes now, and the rest when it has ended.
    """
    import_ids = await store.files_of(uow.raw, lead_ids)
    await imports_chunks.forget_refused(uow.raw, import_ids)
    ended = await imports.expire_these(uow.raw, import_ids)
    for import_id, _ in ended:
        await imports_parts.drop(uow.raw, import_id)
    await imports_chunks.drop_waiting(uow.raw, [import_id for import_id, _ in ended])
    return [Deleted(*each) for each in ended]
