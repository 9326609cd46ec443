"""The tables of what customers said, and of the behaviours in it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from engagement.store.schema import Base


class TranscriptRow(Base):
    """What was said in one contact: lines and marks sealed, the tags in the clear."""

    __tablename__ = "transcripts"
    __table_args__ = (Index("ix_transcripts_golden_id", "golden_id", "happened_at"),)

    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    golden_id: Mapped[str] = mapped_column(String(64))
    happened_at: Mapped[datetime]
    sealed_lines: Mapped[bytes] = mapped_column(LargeBinary)
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(32)))
    policy_version: Mapped[int]


class BehaviourRow(Base):
    """One behaviour: found in a contact, or marked by somebody on a day."""

    __tablename__ = "behaviours"
    __table_args__ = (Index("ix_behaviours_golden_id", "golden_id", "happened_at"),)

    behaviour_id: Mapped[UUID] = mapped_column(primary_key=True)
    golden_id: Mapped[str] = mapped_column(String(64))
    tag: Mapped[str] = mapped_column(String(32))
    rule_id: Mapped[str] = mapped_column(String(32))
    policy_version: Mapped[int]
    happened_at: Mapped[datetime]
    contact_id: Mapped[UUID | None]
    marked_by: Mapped[str] = mapped_column(String(64))


class BannerRow(Base):
    """A banner that is up."""

    __tablename__ = "banners"

    golden_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    banner_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    since: Mapped[datetime]
