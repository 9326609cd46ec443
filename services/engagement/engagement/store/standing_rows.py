"""The tables of how customers' accounts stand and how healthy they were."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from engagement.store.schema import Base


class StandingRow(Base):
    """A customer of whose account something was told; at `check_at` it is looked what follows from it."""

    __tablename__ = "standings"
    __table_args__ = (Index("ix_standings_check_at", "check_at"),)

    golden_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    check_at: Mapped[datetime]


class StandingFigureRow(Base):
    """One figure of a customer's account as it was told last: a number, a time or a word."""

    __tablename__ = "standing_figures"
    __table_args__ = (
        CheckConstraint("num_nonnulls(number, moment, word) = 1", name="one_value"),
        Index(
            "ix_standing_figures_visits",
            "golden_id",
            postgresql_where=text("name = 'visit_count_30d'"),
        ),
    )

    golden_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int | None] = mapped_column(BigInteger)
    moment: Mapped[datetime | None]
    word: Mapped[str | None] = mapped_column(String(64))
    measured_at: Mapped[datetime]


class HealthWeekRow(Base):
    """The score of one customer in one week; null where too little was known."""

    __tablename__ = "health_weeks"
    __table_args__ = (CheckConstraint("score between 0 and 100", name="score"),)

    golden_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    week_from: Mapped[datetime] = mapped_column(primary_key=True)
    score: Mapped[int | None] = mapped_column(SmallInteger)
    left_out: Mapped[list[str]] = mapped_column(ARRAY(String(32)))
    policy_version: Mapped[int]
    taken_at: Mapped[datetime]
