"""The tables of exports and their pages."""

from datetime import date

from sqlalchemy import (
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from permissions.store.rows import Base


class ExportRow(Base):
    """An export. `fields` and `masked_fields` are JSON lists; `is_stated` while a fact names its subject."""

    __tablename__ = "exports"
    export_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    request_id: Mapped[str] = mapped_column(String(200, collation="C"))
    subject_id: Mapped[str] = mapped_column(String(200, collation="C"))
    epoch: Mapped[int] = mapped_column(Integer)
    opened_by: Mapped[str] = mapped_column(String(200, collation="C"))
    resource_type: Mapped[str] = mapped_column(String(200, collation="C"))
    resource_id: Mapped[str] = mapped_column(String(200, collation="C"))
    scope: Mapped[str] = mapped_column(String(20))
    filter_hash: Mapped[str] = mapped_column(String(64, collation="C"))
    filter_text: Mapped[str]
    params_hash: Mapped[str] = mapped_column(String(64, collation="C"))
    fields: Mapped[str]
    masked_fields: Mapped[str]
    row_estimate: Mapped[int] = mapped_column(Integer)
    approval_id: Mapped[str] = mapped_column(String(200, collation="C"))
    continued_by: Mapped[str] = mapped_column(String(200, collation="C"))
    decision_id: Mapped[str] = mapped_column(String(200, collation="C"))
    opened_at_s: Mapped[float] = mapped_column(Double)
    status: Mapped[str] = mapped_column(String(20))
    next_cursor: Mapped[str]
    delivered_rows: Mapped[int] = mapped_column(Integer)
    has_last_page: Mapped[bool]
    ended_at_s: Mapped[float | None] = mapped_column(Double)
    end_reason: Mapped[str] = mapped_column(String(200))
    is_stated: Mapped[bool]

    __table_args__ = (
        CheckConstraint(
            "status in ('open', 'complete', 'incomplete', 'cancelled')", name="status_is_known"
        ),
        CheckConstraint("(status = 'open') = (ended_at_s is null)", name="ended_unless_open"),
        CheckConstraint("delivered_rows >= 0 and row_estimate > 0", name="rows_are_counts"),
        UniqueConstraint("request_id"),
        Index("ix_exports_subject", "subject_id", "export_id"),
        Index("ix_exports_stated", "opened_at_s", postgresql_where=text("is_stated")),
    )


class ExportPageRow(Base):
    """A page: rows reserved, rows that count, and what its exporter said of it."""

    __tablename__ = "export_pages"
    lease_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    export_id: Mapped[str] = mapped_column(
        String(200, collation="C"), ForeignKey("exports.export_id")
    )
    subject_id: Mapped[str] = mapped_column(String(200, collation="C"))
    cursor: Mapped[str]
    reserved_rows: Mapped[int] = mapped_column(Integer)
    charged_rows: Mapped[int] = mapped_column(Integer)
    day: Mapped[date]
    acquired_at_s: Mapped[float] = mapped_column(Double)
    expires_at_s: Mapped[float] = mapped_column(Double)
    is_degraded: Mapped[bool]
    outcome: Mapped[str] = mapped_column(String(20))
    report_hash: Mapped[str] = mapped_column(String(64, collation="C"))
    reported_at_s: Mapped[float | None] = mapped_column(Double)
    response_ms: Mapped[float | None] = mapped_column(Double)
    memory_mb: Mapped[float | None] = mapped_column(Double)

    __table_args__ = (
        CheckConstraint(
            "outcome in ('held', 'lapsed', 'delivered', 'empty', 'failed', 'released')",
            name="outcome_is_known",
        ),
        CheckConstraint("reserved_rows > 0 and charged_rows >= 0", name="rows_are_counts"),
        Index(
            "ix_export_pages_held",
            "export_id",
            unique=True,
            postgresql_where=text("outcome = 'held'"),
        ),
        Index("ix_export_pages_due", "expires_at_s", postgresql_where=text("outcome = 'held'")),
        Index("ix_export_pages_day", "day", "subject_id"),
        Index("ix_export_pages_subject", "subject_id", "acquired_at_s"),
        Index("ix_export_pages_reported", "reported_at_s"),
    )


class ExportCopyRow(Base):
    """That somebody copied a resource, and whose it was then; forgotten when it no longer counts."""

    __tablename__ = "export_copies"
    subject_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    resource_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(200, collation="C"))
    copied_at_s: Mapped[float] = mapped_column(Double, index=True)


class ExportBreakerRow(Base):
    """The breaker, one for all processes."""

    __tablename__ = "export_breaker"
    only_row: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    is_open: Mapped[bool]
    since_s: Mapped[float] = mapped_column(Double)
    reason: Mapped[str] = mapped_column(String(200))
    canary_id: Mapped[str] = mapped_column(String(200, collation="C"))

    __table_args__ = (CheckConstraint("only_row = 1", name="one_row"),)
