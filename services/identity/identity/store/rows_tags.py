"""The tables of tags."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.rows import Base


class TagRow(Base):
    """What a tag means."""

    __tablename__ = "tags"
    tag_id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    dimension: Mapped[str] = mapped_column(String(40))
    rule: Mapped[str] = mapped_column(String(400))
    source: Mapped[str] = mapped_column(String(400))
    metric: Mapped[int | None] = mapped_column(SmallInteger)
    within_days: Mapped[int | None]
    at_least: Mapped[int | None] = mapped_column(BigInteger)
    is_closing: Mapped[bool]
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    computed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            "num_nulls(metric, within_days, at_least) in (0, 3)", name="rule_is_whole_or_absent"
        ),
    )


class TagWordRow(Base):
    """A word and the one tag it stands for: its name, or a synonym."""

    __tablename__ = "tag_words"
    word: Mapped[str] = mapped_column(String(40), primary_key=True)
    tag_id: Mapped[int] = mapped_column(index=True)


class TagGrantRow(Base):
    """A tag that was said of a customer, by the Golden ID of then, from when until when."""

    __tablename__ = "tag_grants"
    grant_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    tag_id: Mapped[int]
    golden_id: Mapped[str] = mapped_column(String(64), index=True)
    evidence: Mapped[str] = mapped_column(String(400))
    actor: Mapped[str] = mapped_column(String(200))
    since: Mapped[datetime]
    until: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_tag_grants_standing",
            "tag_id",
            "golden_id",
            unique=True,
            postgresql_where=text("until is null"),
        ),
    )


class CustomerTagRow(Base):
    """A tag that a living customer has now."""

    __tablename__ = "customer_tags"
    tag_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    customer_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, index=True)
