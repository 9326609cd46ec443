"""The tables of what happened between us and customers, of who is left alone, and of who asked about whom.

Facts keep keyed identifiers (tokens, as in `record_keys`) and belong to whichever customer has one of them now.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.rows import Base


class FactRow(Base):
    """A payment, a contract, a ticket or an interaction, as told last; see `domain.facts.Fact`."""

    __tablename__ = "facts"
    fact_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[int] = mapped_column(SmallInteger)
    system: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(100))
    word: Mapped[str] = mapped_column(String(100))
    reference: Mapped[str] = mapped_column(String(200))
    detail: Mapped[bytes] = mapped_column(LargeBinary)  # sealed; the context is the fact's id
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    happened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    duration_s: Mapped[int | None]
    is_inbound: Mapped[bool | None]
    person: Mapped[str] = mapped_column(String(200))
    rank: Mapped[int] = mapped_column(SmallInteger)
    stated_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("kind between 1 and 4", name="kind_is_known"),
        Index("ix_facts_reference", "reference", postgresql_where=text("reference <> ''")),
        {"postgresql_with": {"fillfactor": "85"}},
    )


class FactTokenRow(Base):
    """An identifier of whom a fact is about; `happened_at` is when it happened, as told latest."""

    __tablename__ = "fact_tokens"
    token: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    fact_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    kind: Mapped[int] = mapped_column(SmallInteger)
    happened_at: Mapped[datetime]

    __table_args__ = (
        Index(
            "ix_fact_tokens_token_kind_happened_at",
            "token",
            "kind",
            text("happened_at desc"),
            postgresql_include=["fact_id"],
        ),
    )


class LeadStateRow(Base):
    """What became of a lead, as far as assignment and permissions have stated it."""

    __tablename__ = "lead_states"
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    assignee_id: Mapped[str | None] = mapped_column(String(200))
    assignment_no: Mapped[int | None]
    owner_id: Mapped[str | None] = mapped_column(String(200))  # empty when released
    lease_state: Mapped[str | None] = mapped_column(String(16))
    owner_seq: Mapped[int | None] = mapped_column(BigInteger)
    contacted_at: Mapped[datetime | None]
    contacted_by: Mapped[str | None] = mapped_column(String(200))
    merged_into: Mapped[UUID | None]
    is_withdrawn: Mapped[bool] = mapped_column(server_default=text("false"))


class ObjectionRow(Base):
    """A wish not to be contacted; the numbers are those of `domain.contactability`, 0 is any."""

    __tablename__ = "objections"
    objection_id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[int] = mapped_column(SmallInteger)
    channel: Mapped[int] = mapped_column(SmallInteger)
    made_at: Mapped[datetime]
    until: Mapped[datetime | None]
    recorded_by: Mapped[str] = mapped_column(String(200))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(200))


class ObjectionTokenRow(Base):
    """An identifier of whoever objected; it outlives their records."""

    __tablename__ = "objection_tokens"
    token: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    objection_id: Mapped[UUID] = mapped_column(primary_key=True)


class SuppressedIndexRow(Base):
    """A keyed digest, made by lead-intake, of the phone, e-mail or WeChat id of somebody who is left alone."""

    __tablename__ = "suppressed_indexes"
    index: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    purpose: Mapped[int] = mapped_column(
        SmallInteger, primary_key=True
    )  # see domain.contactability
    suppressed_at: Mapped[datetime]


class RelationKeyRow(Base):
    """What a record may share with records of other customers: a company, its code, an address; keyed."""

    __tablename__ = "relation_keys"
    token: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    record_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, index=True)
    kind: Mapped[str] = mapped_column(String(16))


class UnrelatedCustomerRow(Base):
    """A customer whose records have yet to be looked at for what they share."""

    __tablename__ = "unrelated_customers"
    customer_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class DuplicateCheckRow(Base):
    """Who asked whether a customer exists, by what, and what they were told; no value is kept."""

    __tablename__ = "duplicate_checks"
    check_id: Mapped[UUID] = mapped_column(primary_key=True)
    actor_id: Mapped[str] = mapped_column(String(200))
    checked_at: Mapped[datetime]
    asked: Mapped[list[str]] = mapped_column(ARRAY(String(16)))
    outcome: Mapped[int] = mapped_column(SmallInteger)
    golden_ids: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    walled: Mapped[list[bool]] = mapped_column(ARRAY(Boolean))

    __table_args__ = (
        CheckConstraint("outcome between 1 and 3", name="outcome_is_known"),
        CheckConstraint("cardinality(golden_ids) = cardinality(walled)", name="each_has_a_wall"),
        Index("ix_duplicate_checks_actor_id_checked_at", "actor_id", "checked_at"),
    )


class AccessRequestRow(Base):
    """Somebody asked the owner of a customer for access."""

    __tablename__ = "access_requests"
    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    check_id: Mapped[UUID]
    match_index: Mapped[int] = mapped_column(SmallInteger)
    golden_id: Mapped[str] = mapped_column(String(64))
    requester_id: Mapped[str] = mapped_column(String(200))
    owner_id: Mapped[str] = mapped_column(String(200))
    manager_id: Mapped[str] = mapped_column(String(200))
    requested_at: Mapped[datetime]

    __table_args__ = (
        Index("uq_access_requests_check_id_match_index", "check_id", "match_index", unique=True),
        Index("ix_access_requests_requester_id", "requester_id", "request_id"),
        Index("ix_access_requests_owner_id", "owner_id", "request_id"),
    )
