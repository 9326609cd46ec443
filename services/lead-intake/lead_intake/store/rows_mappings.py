"""The tables of how accounts are configured and read, and of what no longer fits."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from lead_intake.store.rows import Base


class MappingRow(Base):
    """One mapping of one account: what it changes of its channel. The one that is not retired is in force."""

    __tablename__ = "mappings"
    __table_args__ = (
        CheckConstraint("version >= 1000", name="version"),
        Index(
            "uq_mappings_in_force",
            "account_id",
            unique=True,
            postgresql_where=text("retired_at is null"),
        ),
    )

    account_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    document: Mapped[str] = mapped_column(Text)
    sha256: Mapped[bytes]
    published_by: Mapped[str] = mapped_column(String(200))
    approval_id: Mapped[str] = mapped_column(String(200))
    published_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class MappingCheckRow(Base):
    """That a candidate was tried on an account's deliveries, and what it would have done."""

    __tablename__ = "mapping_checks"

    account_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sha256: Mapped[bytes] = mapped_column(primary_key=True)
    base_version: Mapped[int] = mapped_column(Integer)
    rescued_count: Mapped[int] = mapped_column(Integer)
    newly_quarantined_count: Mapped[int] = mapped_column(Integer)
    checked_by: Mapped[str] = mapped_column(String(200))
    checked_at: Mapped[datetime]


class ConfigurationChangeRow(Base):
    """One change of configuration, without secrets. An approval brings about one change at most."""

    __tablename__ = "configuration_changes"
    __table_args__ = (
        Index(
            "uq_configuration_changes_approval_id",
            "approval_id",
            unique=True,
            postgresql_where=text("approval_id <> ''"),
        ),
        Index("ix_configuration_changes_resource", "kind", "resource_id", "change_id"),
    )

    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    resource_id: Mapped[str] = mapped_column(String(200))
    actor_id: Mapped[str] = mapped_column(String(200))
    approval_id: Mapped[str] = mapped_column(String(200))
    old_json: Mapped[str] = mapped_column(Text)
    new_json: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime]


class ShapeRow(Base):
    """What bodies of an account look like, as far as learnt: paths and types, no values."""

    __tablename__ = "shapes"

    account_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    learnt: Mapped[bytes]
    noticed_at: Mapped[datetime]


class DriftRow(Base):
    """One change of shape that was told: the event as it was published."""

    __tablename__ = "drifts"
    __table_args__ = (Index("ix_drifts_noticed_at", "noticed_at"),)

    drift_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(Integer)
    channel: Mapped[str] = mapped_column(String(40))
    account: Mapped[str] = mapped_column(String(100))
    event: Mapped[bytes]
    noticed_at: Mapped[datetime]


class QuarantineAlarmRow(Base):
    """An account of which too much is in quarantine, and that was told; the row goes when the share has fallen."""

    __tablename__ = "quarantine_alarms"

    account_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    raised_at: Mapped[datetime]
