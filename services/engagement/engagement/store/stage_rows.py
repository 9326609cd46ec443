"""The tables of stages, documents, contracts and payments."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from engagement.store.schema import Base


class StageRow(Base):
    """How far one opportunity is, and what its deal is about."""

    __tablename__ = "stages"
    __table_args__ = (
        CheckConstraint("amount_minor is null or amount_minor > 0", name="amount"),
        Index("ix_stages_untold", "since", postgresql_where=text("not is_overdue_told")),
        Index("ix_stages_contract_no", "contract_no", postgresql_where=text("contract_no <> ''")),
    )

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(String(32))
    since: Mapped[datetime]
    move_count: Mapped[int]
    is_overdue_told: Mapped[bool]
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    contract_no: Mapped[str] = mapped_column(String(64))
    closes_on: Mapped[date | None]
    done: Mapped[list[str]] = mapped_column(ARRAY(String(32)))


class MoveRow(Base):
    """One move, with what was shown for it."""

    __tablename__ = "moves"

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    move_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    origin: Mapped[str] = mapped_column(String(32))
    destination: Mapped[str] = mapped_column(String(32))
    cause: Mapped[int] = mapped_column(SmallInteger)
    moved_at: Mapped[datetime]
    moved_by: Mapped[str] = mapped_column(String(64))
    machine_version: Mapped[int]
    evidence: Mapped[list[str]] = mapped_column(ARRAY(String(200)))


class DocumentRow(Base):
    """A document about an opportunity, which is kept elsewhere."""

    __tablename__ = "documents"

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    roles: Mapped[list[str]] = mapped_column(ARRAY(String(32)))
    added_by: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime]


class ContractRow(Base):
    """A contract, as its platform told last."""

    __tablename__ = "contracts"
    __table_args__ = (
        Index("ix_contracts_lead_id", "lead_id", postgresql_where=text("lead_id is not null")),
        Index("ix_contracts_golden_id", "golden_id", postgresql_where=text("lead_id is null")),
        Index("ix_contracts_signed", "reported_at", postgresql_where=text("state = 2")),
    )

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(64))
    state: Mapped[int] = mapped_column(SmallInteger)
    reported_at: Mapped[datetime]
    golden_id: Mapped[str] = mapped_column(String(64))
    reference: Mapped[str] = mapped_column(String(200))
    lead_id: Mapped[UUID | None]


class PaymentRow(Base):
    """A payment or a refund, as its provider told last."""

    __tablename__ = "payments"
    __table_args__ = (
        Index("ix_payments_lead_id", "lead_id", postgresql_where=text("lead_id is not null")),
        Index("ix_payments_unmatched", "paid_at", postgresql_where=text("problem <> ''")),
    )

    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    voucher_no: Mapped[str] = mapped_column(String(200))
    order_no: Mapped[str] = mapped_column(String(200))
    state: Mapped[int] = mapped_column(SmallInteger)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    paid_at: Mapped[datetime]
    golden_id: Mapped[str] = mapped_column(String(64))
    reference: Mapped[str] = mapped_column(String(200))
    lead_id: Mapped[UUID | None]
    problem: Mapped[str] = mapped_column(String(32))


class PaymentDueRow(Base):
    """A part of a payment plan."""

    __tablename__ = "payments_due"

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    part_no: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    part: Mapped[str] = mapped_column(String(32))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    due_at: Mapped[datetime]
