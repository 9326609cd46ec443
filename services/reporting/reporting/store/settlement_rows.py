"""The tables of settled follow-up rates; what serves imports none of this."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from reporting.store.schema import Base


class SettlementRow(Base):
    """One closed statement, which a trigger keeps from being changed; `statement` is the text that `sha256` is of."""

    __tablename__ = "settlements"
    settlement_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    period: Mapped[str] = mapped_column(String(7))
    revision: Mapped[int]
    definition_version: Mapped[int]
    time_zone: Mapped[str] = mapped_column(String(64))
    settled_at: Mapped[datetime]
    settled_by: Mapped[str] = mapped_column(String(100))
    approval_id: Mapped[str] = mapped_column(String(64))
    statement: Mapped[str] = mapped_column(Text)
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))

    __table_args__ = (
        UniqueConstraint("period", "revision", name="uq_settlements_period_revision"),
        CheckConstraint("settlement_no > 0 and revision > 0", name="numbered"),
    )


class SettledRateRow(Base):
    """What one rep has done in a settled month; counts of assignments, and changes since the statement before."""

    __tablename__ = "settled_rates"
    settlement_no: Mapped[int] = mapped_column(
        ForeignKey("settlements.settlement_no"), primary_key=True
    )
    rep_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    given_count: Mapped[int]
    excluded_count: Mapped[int]
    due_count: Mapped[int]
    within_72h_count: Mapped[int]
    due_difference: Mapped[int]
    within_72h_difference: Mapped[int]
