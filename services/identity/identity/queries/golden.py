"""What can be asked about golden records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from identity.domain import pages
from identity.domain.golden import GoldenRecord
from identity.domain.golden_changes import NotKnownThen, undone
from identity.domain.golden_policies import NoSuchPolicy
from identity.policies.survivorship import packaged_document
from identity.store import golden, golden_history, golden_pins, golden_policies
from identity.store.customers import customer_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import asyncpg

    from identity.domain.customers import Customer
    from identity.domain.golden import Value
    from identity.domain.golden_changes import PastChange
    from identity.seals import Seals
    from identity.store.golden_archive import Archive
    from identity.store.golden_history import Sought
    from identity.store.golden_policies import PublishedPolicy

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000
ID_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Golden:
    """A golden record with whose it is, and the keys of the sources that it names.

    `version` is 0 and `refreshed_at` None for an earlier state.
    """

    customer: Customer
    record: GoldenRecord
    keys: Mapping[int, str]
    version: int
    refreshed_at: datetime | None
    pin_reasons: Mapping[str, str]


class ChangePage(NamedTuple):
    """Changes, newest first, the keys of the sources that they name, and where to go on."""

    changes: Sequence[PastChange]
    keys: Mapping[int, str]
    next_page_token: str


class PolicyView(NamedTuple):
    """A policy: its version, its document, who published it if anybody did, and how far it is followed.

    `published` are all published ones, newest first.
    """

    version: int
    document: str
    publication: PublishedPolicy | None
    is_in_force: bool
    behind_count: int
    published: Sequence[PublishedPolicy]


async def golden_record(archive: Archive, customer_id: str) -> Golden:
    """What stands about a customer; an empty record for one of whom nothing is kept. Raises `CustomerNotFound`."""
    async with archive.database.raw() as raw:
        customer = await customer_named(raw, customer_id)
        found = await golden.standing(raw, archive.golden_seals, customer.customer_id)
        if found is None:
            return Golden(customer, GoldenRecord(), {}, 0, None, {})
        standing, refreshed_at = found
        reasons = await golden_pins.reasons(raw, customer.customer_id) if standing.has_pins else {}
        keys = await _keys(raw, archive.seals, standing.record.values.values())
        return Golden(customer, standing.record, keys, standing.version, refreshed_at, reasons)


async def golden_record_then(archive: Archive, customer_id: str, at: datetime) -> Golden:
    """What stood about whoever an id stood for at a time; values that were erased since are left out.

    A value that another source has confirmed since names that source. Raises `CustomerNotFound` and `NotKnownThen`.
    """
    async with archive.database.raw() as raw:
        customer = await customer_named(raw, customer_id)
        number = await golden_history.customer_then(raw, customer_id, at)
        if number is None:
            raise NotKnownThen
        found = await golden_history.state_after(raw, archive.golden_seals, number, at)
        if found is None:
            raise NotKnownThen
        record = undone(*found)
        keys = await _keys(raw, archive.seals, record.values.values())
        return Golden(customer, record, keys, 0, None, {})


async def list_changes(
    archive: Archive, customer_id: str, *, field: str, page_size: int, page_token: str
) -> ChangePage:
    """A page of a customer's changes; raises `CustomerNotFound`, and `Invalid` for a token that no page gave."""
    before, limit = pages.number(page_token), pages.page_size(page_size)
    async with archive.database.raw() as raw:
        customer = await customer_named(raw, customer_id)
        found = await golden_history.of_customer(
            raw,
            archive.golden_seals,
            customer.customer_id,
            field=field,
            before=before,
            limit=limit,
        )
        return await _page(raw, archive, found, limit)


async def search_changes(
    archive: Archive, sought: Sought, *, page_size: int, page_token: str
) -> ChangePage:
    """A page of all customers' changes; raises `Invalid` for a token that no page gave."""
    before, limit = pages.number(page_token), pages.page_size(page_size)
    async with archive.database.raw() as raw:
        found = await golden_history.search(
            raw, archive.golden_seals, sought, before=before, limit=limit
        )
        return await _page(raw, archive, found, limit)


async def get_policy(archive: Archive, version: int) -> PolicyView:
    """The policy of a version, or for 0 the one in force; raises `NoSuchPolicy`."""
    async with archive.database.raw() as raw:
        in_force = (await archive.policies.read(raw)).version
        wanted = version or in_force
        publication = await golden_policies.published(raw, wanted)
        if publication is None and wanted != archive.policies.packaged_version:
            raise NoSuchPolicy
        return PolicyView(
            wanted,
            publication.document if publication else packaged_document(),
            publication,
            wanted == in_force,
            await golden.behind_count(raw, policy_version=in_force),
            await golden_policies.newest_first(raw),
        )


async def _page(
    raw: asyncpg.Connection, archive: Archive, found: Sequence[PastChange], limit: int
) -> ChangePage:
    values = [value for each in found for value in (each.old, each.new) if value is not None]
    token = str(found[-1].change_id) if len(found) == limit else ""
    return ChangePage(found, await _keys(raw, archive.seals, values), token)


async def _keys(
    raw: asyncpg.Connection, seals: Seals, values: Iterable[Value]
) -> Mapping[int, str]:
    named = {each.source_id for each in values if each.source_id is not None}
    return await golden.source_keys(raw, seals, named) if named else {}
