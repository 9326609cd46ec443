"""Customers, the keys they are recognised by, and their leads.

Every statement works on a whole batch. No foreign keys: the rows of a lead are written in one statement, and the
tables are to be partitioned by different columns.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from servicekit.erasures import erasures_table
from servicekit.schema import TYPES, kit_metadata
from sqlalchemy import CheckConstraint, Index, LargeBinary, SmallInteger, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from identity.domain import (
    RECIPE_VERSION,
    Customer,
    GoldenId,
    Key,
    LeadId,
    MasterId,
    MatchBasis,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import asyncpg

    from identity.domain import Identity, Recognition

LEADS_LISTED_MAX = 1000

_LOCK = "select count(pg_advisory_xact_lock(key)::text) from unnest($1::bigint[]) as key"
_KNOWN = """
select k.phone_index, k.uscc_index, k.golden_id, k.first_seen_at, k.master_id
from unnest($1::bytea[]) as asked (phone_index)
cross join lateral (
  select k.phone_index, k.uscc_index, c.golden_id, c.first_seen_at, c.master_id
  from customer_keys k join customers c using (golden_id)
  where k.phone_index = asked.phone_index
  offset 0  -- keeps the planner at one index look-up per phone, also while the tables are young
) k
"""
_DRAW = "select nextval('master_id_numbers') from generate_series(1, $1)"
_SAVE = """
with added_customers as (
  insert into customers (golden_id, master_id, first_seen_at, recipe_version)
  select *, $4::smallint from unnest($1::text[], $2::text[], $3::timestamptz[])
  on conflict (golden_id) do nothing
), added_keys as (
  insert into customer_keys (phone_index, uscc_index, golden_id)
  select * from unnest($5::bytea[], $6::bytea[], $7::text[])
)
insert into leads (lead_id, golden_id, channel, received_at, match_basis)
select * from unnest($8::uuid[], $9::text[], $10::text[], $11::timestamptz[], $12::smallint[])
on conflict (lead_id) do nothing
returning lead_id
"""
_IDENTITY = """
select l.golden_id, c.master_id, c.first_seen_at, l.match_basis
from leads l join customers c using (golden_id) where l.lead_id = $1
"""
_CUSTOMER = """
select golden_id, master_id, first_seen_at from customers where golden_id = $1 or master_id = $1
"""
_FORGET_KEYS = """
with named as (
  select golden_id, bool_and(lead_id = any($1::uuid[])) as is_theirs_alone from leads
  where golden_id in (select golden_id from leads where lead_id = any($1::uuid[])) group by golden_id
), forgotten as (
  delete from customer_keys where golden_id in (select golden_id from named where is_theirs_alone) returning golden_id
)
select (select count(*) from forgotten), (select count(*) from named where not is_theirs_alone)
"""
_KEPT = """
select lead_id, channel, received_at, match_basis, master_id, first_seen_at
from leads join customers using (golden_id) where lead_id = any($1::uuid[]) order by lead_id
"""
_LEADS = "select lead_id from leads where golden_id = $1 order by received_at, lead_id limit $2"


class Base(DeclarativeBase):
    """The service's tables and the kit's."""

    metadata = kit_metadata()
    type_annotation_map = TYPES


erasures_table(Base.metadata)


class CustomerRow(Base):
    """One customer, whatever they are known by."""

    __tablename__ = "customers"
    golden_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    master_id: Mapped[str] = mapped_column(String(32), unique=True)
    recipe_version: Mapped[int] = mapped_column(SmallInteger)
    first_seen_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("golden_id ~ '^[0-9a-f]{64}$'", name="golden_id_is_hex"),)


class CustomerKeyRow(Base):
    """A phone, alone (`uscc_index` is empty) or with a USCC, and the one customer it stands for."""

    __tablename__ = "customer_keys"
    phone_index: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    uscc_index: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    golden_id: Mapped[str] = mapped_column(String(64))

    __table_args__ = (CheckConstraint("octet_length(phone_index) = 32", name="has_a_phone"),)


class LeadRow(Base):
    """A lead and its customer."""

    __tablename__ = "leads"
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    golden_id: Mapped[str] = mapped_column(String(64), index=True)
    channel: Mapped[str] = mapped_column(String(100))
    received_at: Mapped[datetime]
    match_basis: Mapped[int] = mapped_column(SmallInteger)

    __table_args__ = (
        CheckConstraint("match_basis between 1 and 4", name="match_basis_is_known"),
        Index("ix_leads_received_at", "received_at", postgresql_using="brin"),
    )


async def lock_phones(raw: asyncpg.Connection, phone_indexes: Iterable[bytes]) -> None:
    """Waits until no other transaction decides about these phones, and keeps others waiting until this one ends.

    The locks are taken in one order everywhere, so that overlapping batches cannot deadlock.
    """
    keys = sorted({int.from_bytes(index[:8], signed=True) for index in phone_indexes})
    await raw.execute(_LOCK, keys)


async def keys_of_phones(
    raw: asyncpg.Connection, phone_indexes: Iterable[bytes]
) -> tuple[list[Key], dict[GoldenId, MasterId]]:
    """Every key on record of these phones, and the master ids of their customers."""
    rows = await raw.fetch(_KNOWN, list(phone_indexes))
    keys = [Key(phone, uscc, GoldenId(golden), seen) for phone, uscc, golden, seen, _ in rows]
    return keys, {GoldenId(row[2]): MasterId(row[4]) for row in rows}


async def draw_master_numbers(raw: asyncpg.Connection, count: int) -> list[int]:
    """`count` numbers for master ids that nobody else gets; not given back by a rollback."""
    return [number for (number,) in await raw.fetch(_DRAW, count)]


async def save(
    raw: asyncpg.Connection, recognition: Recognition, customers: Sequence[Customer]
) -> set[LeadId]:
    """Writes what was decided; returns the leads that were not on record before.

    `customers` are the recognition's newcomers with their master ids.
    """
    rows = await raw.fetch(
        _SAVE,
        [customer.golden_id for customer in customers],
        [customer.master_id for customer in customers],
        [customer.first_seen_at for customer in customers],
        RECIPE_VERSION,
        [key.phone_index for key in recognition.new_keys],
        [key.uscc_index for key in recognition.new_keys],
        [key.golden_id for key in recognition.new_keys],
        *_lead_columns(recognition.identities),
    )
    return {LeadId(lead_id) for (lead_id,) in rows}


async def identity_of(
    raw: asyncpg.Connection, lead_id: LeadId
) -> tuple[Customer, MatchBasis] | None:
    """The customer of a lead and on what they were recognised; None when the lead is not on record."""
    row = await raw.fetchrow(_IDENTITY, lead_id)
    return None if row is None else (Customer(*row[:3]), MatchBasis(row[3]))


async def customer_of(raw: asyncpg.Connection, customer_id: str) -> Customer | None:
    """The customer with this Golden ID or master id; None when there is none."""
    row = await raw.fetchrow(_CUSTOMER, customer_id)
    return None if row is None else Customer(*row)


async def leads_of(raw: asyncpg.Connection, golden_id: GoldenId) -> list[LeadId]:
    """A customer's leads, oldest first, at most 1,000."""
    rows = await raw.fetch(_LEADS, golden_id, LEADS_LISTED_MAX)
    return [LeadId(lead_id) for (lead_id,) in rows]


async def forget_keys(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> tuple[int, int]:
    """Forgets by what the customers of these leads are recognised, unless they have others.

    Returns how many keys are gone, and how many customers keep theirs for another lead's sake.
    """
    row = await raw.fetchrow(_FORGET_KEYS, lead_ids)
    return row[0], row[1]


async def kept_about(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[Any]:
    """What is on record about these leads and their customers."""
    return list(await raw.fetch(_KEPT, lead_ids))


def _lead_columns(identities: Sequence[Identity]) -> tuple[list[object], ...]:
    return (
        [identity.lead.lead_id for identity in identities],
        [identity.golden_id for identity in identities],
        [identity.lead.channel for identity in identities],
        [identity.lead.received_at for identity in identities],
        [identity.basis for identity in identities],
    )
