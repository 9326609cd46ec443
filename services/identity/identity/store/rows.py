"""The tables of who is who: sources, what they state, records, the evidence between records, and customers.

No foreign keys: a batch is written in few statements, and the tables are to be partitioned by different columns. Every
value that names a person is sealed; keys and digests are keyed.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from servicekit.erasures import erasures_table
from servicekit.schema import TYPES, kit_metadata
from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Double,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The service's tables and the kit's."""

    metadata = kit_metadata()
    type_annotation_map = TYPES


erasures_table(Base.metadata)


class CustomerRow(Base):
    """One living customer: a part of a family of records. A customer who was merged away has no row, only aliases.

    One whose records are all erased or deleted keeps its row, with a count of 0, so that its ids still resolve.
    """

    __tablename__ = "customers"
    customer_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    golden_id: Mapped[str] = mapped_column(String(64), unique=True)
    master_id: Mapped[str] = mapped_column(String(32), unique=True)
    first_seen_at: Mapped[datetime]
    record_count: Mapped[int]
    version: Mapped[int]  # grows with every change of who belongs to it

    __table_args__ = (CheckConstraint("length(golden_id) = 64", name="golden_id_is_whole"),)


class AliasRow(Base):
    """A Golden ID that was ever given, and the living customer it stands for now; never deleted, never given twice."""

    __tablename__ = "aliases"
    golden_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    master_id: Mapped[str] = mapped_column(String(32), unique=True)
    customer_id: Mapped[int] = mapped_column(BigInteger, index=True)
    recipe: Mapped[int] = mapped_column(SmallInteger)
    key_id: Mapped[str] = mapped_column(String(32))
    first_seen_at: Mapped[datetime]
    minted_at: Mapped[datetime]


class AliasSupportRow(Base):
    """A record whose sources' factors give this Golden ID, and since when by those sources' clocks."""

    __tablename__ = "alias_supports"
    golden_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    record_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, index=True)
    first_seen_at: Mapped[datetime]


class AliasRotationRow(Base):
    """How far the sources have been given ids by a key and some recipes; finished once, for ever."""

    __tablename__ = "alias_rotations"
    rotation: Mapped[str] = mapped_column(String(100), primary_key=True)
    after_source_id: Mapped[int] = mapped_column(BigInteger)
    finished_at: Mapped[datetime | None]


class SourceRow(Base):
    """A row of a system, such as a lead or a customer of the ERP: the crosswalk from its key to a customer.

    `key_digest` is keyed, or a lead's id; `sealed_key` opens by `seals.Seals.open_key` and is empty for a lead.
    """

    __tablename__ = "sources"
    source_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    system: Mapped[str] = mapped_column(String(64))
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(16))
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary)
    record_id: Mapped[int | None] = mapped_column(
        BigInteger, index=True
    )  # None once erased or deleted
    lead_id: Mapped[UUID | None]
    first_seen_at: Mapped[datetime]  # by the source's clock
    modified_at: Mapped[datetime]  # by the source's clock
    received_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]  # when a comparison last found it unchanged
    deleted_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("system", "key_digest", name="uq_sources_system_key_digest"),
        Index(
            "ix_sources_lead_id",
            "lead_id",
            unique=True,
            postgresql_where=text("lead_id is not null"),
        ),
    )


class StatementRow(Base):
    """What a source said at a time; kept for ever, so that any earlier state can be had back.

    `sealed_fields` is a sealed JSON object of canonical field names; its context is the source's `key_digest`.
    """

    __tablename__ = "statements"
    statement_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    source_id: Mapped[int] = mapped_column(BigInteger)
    record_id: Mapped[int] = mapped_column(BigInteger, index=True)
    modified_at: Mapped[datetime]
    received_at: Mapped[datetime]
    sealed_fields: Mapped[bytes] = mapped_column(LargeBinary)
    actor: Mapped[str] = mapped_column(String(200))
    is_current: Mapped[bool]

    __table_args__ = (
        Index("ix_statements_source_id_modified_at", "source_id", "modified_at"),
        Index(
            "uq_statements_current",
            "source_id",
            unique=True,
            postgresql_where=text("is_current"),
        ),
    )


class RecordRow(Base):
    """One distinct set of identifying features, never changed; sources with the same strong features share it.

    `sealed_features` opens with the record's digest as its context; `keys` are those in `record_keys`. A record that
    only former statements hold, `is_current` false, is evidence still, but contradicts nobody any more.
    """

    __tablename__ = "records"
    record_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    digest: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True)
    sealed_features: Mapped[bytes] = mapped_column(LargeBinary)
    keys: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    customer_id: Mapped[int] = mapped_column(BigInteger, index=True)
    family_id: Mapped[int] = mapped_column(BigInteger, index=True)
    is_current: Mapped[bool]
    made_at: Mapped[datetime]

    __table_args__ = ({"postgresql_with": {"fillfactor": "85"}},)


class RecordKeyRow(Base):
    """A blocking key of a record: records that share one are compared. Written most of all, so nothing more is here."""

    __tablename__ = "record_keys"
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    record_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)


class GenericKeyRow(Base):
    """A key that says nothing, because too many hold it: a switchboard, a sales person's own phone."""

    __tablename__ = "generic_keys"
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    rule: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(32))  # crowded, names, steward
    made_at: Mapped[datetime]


class LinkRow(Base):
    """The evidence that two records are, or may be, of one customer; `a` is the smaller record id."""

    __tablename__ = "links"
    a: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    b: Mapped[int] = mapped_column(BigInteger, primary_key=True, index=True)
    kind: Mapped[int] = mapped_column(SmallInteger)  # 1 scored, 2 of one source
    outcome: Mapped[int] = mapped_column(SmallInteger)  # 1 accepted, 2 waits for a person
    bits: Mapped[float] = mapped_column(Double)  # exactly what was computed: ties decide
    posterior: Mapped[float] = mapped_column(REAL)
    levels: Mapped[bytes] = mapped_column(LargeBinary)  # one byte per field of the model
    model_version: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]  # when a person answered

    __table_args__ = (
        CheckConstraint("a < b", name="a_is_smaller"),
        Index(
            "ix_links_open_reviews",
            "made_at",
            postgresql_where=text("outcome = 2 and decided_at is null"),
        ),
    )


class JudgementRow(Base):
    """A person's word on two records, stronger than any score: never of one customer, or always."""

    __tablename__ = "judgements"
    judgement_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    a: Mapped[int] = mapped_column(BigInteger)
    b: Mapped[int] = mapped_column(BigInteger, index=True)
    verdict: Mapped[int] = mapped_column(SmallInteger)  # 1 never, 2 must
    actor: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(String(200))

    __table_args__ = (
        CheckConstraint("a < b", name="a_is_smaller"),
        Index(
            "uq_judgements_standing",
            "a",
            "b",
            unique=True,
            postgresql_where=text("revoked_at is null"),
        ),
    )


class RegroupingRow(Base):
    """One change of who belongs to whom, and why."""

    __tablename__ = "regroupings"
    regrouping_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[int] = mapped_column(SmallInteger)  # see domain.regroupings
    actor: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]


class MoveRow(Base):
    """A record that changed hands in a regrouping; to None when it was released.

    A record's arrival is no move: before its first one it was with that move's `from_customer` since `made_at`.
    """

    __tablename__ = "moves"
    regrouping_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    record_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, index=True)
    from_customer: Mapped[int | None] = mapped_column(BigInteger, index=True)
    to_customer: Mapped[int | None] = mapped_column(BigInteger, index=True)


class LeadRow(Base):
    """A lead and the customer it was published with."""

    __tablename__ = "leads"
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    golden_id: Mapped[str] = mapped_column(String(64), index=True)
    channel: Mapped[str] = mapped_column(String(100))
    received_at: Mapped[datetime]
    match_basis: Mapped[int] = mapped_column(SmallInteger)

    __table_args__ = (
        CheckConstraint("match_basis between 1 and 7", name="match_basis_is_known"),
        Index("ix_leads_received_at", "received_at", postgresql_using="brin"),
    )
