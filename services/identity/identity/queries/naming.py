"""Finds the records that a reference stands for, and shows records with their values masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity.domain.masks import masked_fields
from identity.domain.references import (
    CustomerNamed,
    LeadNamed,
    RecordNamed,
    RecordNotFound,
    SourceNamed,
)
from identity.store import customers, members

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import asyncpg

    from identity.domain.references import Reference
    from identity.seals import Digests, Seals
    from identity.store.members import SaidOf, StoredRecord


@dataclass(frozen=True, slots=True)
class Face:
    """A record as people may see it."""

    record: StoredRecord
    masked_fields: Mapping[str, str]
    systems: tuple[str, ...]
    source_count: int


async def records_named(
    raw: asyncpg.Connection, reference: Reference, digests: Digests
) -> list[int]:
    """The records that a reference stands for, oldest first, one at least.

    Raises `RecordNotFound`, `CustomerNotFound`.
    """
    match reference:
        case CustomerNamed(customer_id):
            customer = await customers.customer_named(raw, customer_id)
            found = await members.of_customer(raw, customer.customer_id)
            if not found:
                raise RecordNotFound("customer")
            return found
        case RecordNamed(record_id):
            return [await _there(raw, record_id)]
        case LeadNamed(lead_id):
            return [_known(await members.of_lead(raw, lead_id), "lead")]
        case SourceNamed(system, key):
            digest = _digest(digests, system, key)
            return [_known(await members.of_source(raw, system, digest), "source")]


async def all_named(
    raw: asyncpg.Connection, references: Collection[Reference], digests: Digests
) -> set[int]:
    """The records that any of the references stands for; raises what `records_named` raises.

    Whether there are records with the ids that are named is not looked for.
    """
    found = {each.record_id for each in references if isinstance(each, RecordNamed)}
    for each in references:
        if not isinstance(each, RecordNamed):
            found.update(await records_named(raw, each, digests))
    return found


async def faces(
    raw: asyncpg.Connection, record_ids: Collection[int], seals: Seals
) -> dict[int, Face]:
    """Records as people may see them, by id; those that are gone are left out."""
    stored = await members.stored(raw, record_ids)
    said = await members.said(raw, list(stored))
    return {
        record_id: _face(record, said.get(record_id), seals) for record_id, record in stored.items()
    }


def _face(record: StoredRecord, said: SaidOf | None, seals: Seals) -> Face:
    if said is None:
        return Face(record, {}, (), 0)
    fields = seals.open_fields(said.key_digest, said.sealed_fields)
    return Face(record, masked_fields(fields), said.systems, said.source_count)


async def _there(raw: asyncpg.Connection, record_id: int) -> int:
    if record_id not in await members.stored(raw, [record_id]):
        raise RecordNotFound("id")
    return record_id


def _known(record_id: int | None, what: str) -> int:
    if record_id is None:
        raise RecordNotFound(what)
    return record_id


def _digest(digests: Digests, system: str, key: str) -> bytes:
    try:
        return digests.of_source(system, key)
    except ValueError:
        raise RecordNotFound("source") from None
