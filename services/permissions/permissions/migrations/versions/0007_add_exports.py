"""Add exports, their pages, what was copied, and the breaker."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = ("exports", "export_pages", "export_copies", "export_breaker")


def upgrade() -> None:
    _create_exports()
    _create_pages()
    _create_copies()
    _create_breaker()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _name(name: str, length: int = 200) -> sa.Column[str]:
    return sa.Column(name, sa.String(length, collation="C"), nullable=False)


def _code(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=nullable)


def _create_exports() -> None:
    op.create_table(
        "exports",
        _name("export_id"),
        _name("request_id"),
        _name("subject_id"),
        _count("epoch"),
        _name("opened_by"),
        _name("resource_type"),
        _name("resource_id"),
        _code("scope", 20),
        _name("filter_hash", 64),
        _text("filter_text"),
        _name("params_hash", 64),
        _text("fields"),
        _text("masked_fields"),
        _count("row_estimate"),
        _name("approval_id"),
        _name("continued_by"),
        _name("decision_id"),
        _number("opened_at_s"),
        _code("status", 20),
        _text("next_cursor"),
        _count("delivered_rows"),
        _flag("has_last_page"),
        _number("ended_at_s", nullable=True),
        _code("end_reason", 200),
        _flag("is_stated"),
        sa.CheckConstraint(
            "status in ('open', 'complete', 'incomplete', 'cancelled')",
            name=op.f("ck_exports_status_is_known"),
        ),
        sa.CheckConstraint(
            "(status = 'open') = (ended_at_s is null)", name=op.f("ck_exports_ended_unless_open")
        ),
        sa.CheckConstraint(
            "delivered_rows >= 0 and row_estimate > 0", name=op.f("ck_exports_rows_are_counts")
        ),
        sa.PrimaryKeyConstraint("export_id", name=op.f("pk_exports")),
        sa.UniqueConstraint("request_id", name=op.f("uq_exports_request_id")),
    )
    op.create_index("ix_exports_subject", "exports", ["subject_id", "export_id"])
    op.create_index(
        "ix_exports_stated", "exports", ["opened_at_s"], postgresql_where=sa.text("is_stated")
    )


def _create_pages() -> None:
    op.create_table(
        "export_pages",
        _name("lease_id"),
        _name("export_id"),
        _name("subject_id"),
        _text("cursor"),
        _count("reserved_rows"),
        _count("charged_rows"),
        sa.Column("day", sa.Date(), nullable=False),
        _number("acquired_at_s"),
        _number("expires_at_s"),
        _flag("is_degraded"),
        _code("outcome", 20),
        _name("report_hash", 64),
        _number("reported_at_s", nullable=True),
        _number("response_ms", nullable=True),
        _number("memory_mb", nullable=True),
        sa.CheckConstraint(
            "outcome in ('held', 'lapsed', 'delivered', 'empty', 'failed', 'released')",
            name=op.f("ck_export_pages_outcome_is_known"),
        ),
        sa.CheckConstraint(
            "reserved_rows > 0 and charged_rows >= 0", name=op.f("ck_export_pages_rows_are_counts")
        ),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.export_id"], name=op.f("fk_export_pages_export_id_exports")
        ),
        sa.PrimaryKeyConstraint("lease_id", name=op.f("pk_export_pages")),
    )
    is_held = sa.text("outcome = 'held'")
    op.create_index(
        "ix_export_pages_held", "export_pages", ["export_id"], unique=True, postgresql_where=is_held
    )
    op.create_index(
        "ix_export_pages_due", "export_pages", ["expires_at_s"], postgresql_where=is_held
    )
    op.create_index("ix_export_pages_day", "export_pages", ["day", "subject_id"])
    op.create_index("ix_export_pages_subject", "export_pages", ["subject_id", "acquired_at_s"])
    op.create_index("ix_export_pages_reported", "export_pages", ["reported_at_s"])


def _create_copies() -> None:
    op.create_table(
        "export_copies",
        _name("subject_id"),
        sa.Column("resource_hash", sa.LargeBinary(32), nullable=False),
        _name("owner_id"),
        _number("copied_at_s"),
        sa.PrimaryKeyConstraint("subject_id", "resource_hash", name=op.f("pk_export_copies")),
    )
    op.create_index("ix_export_copies_copied_at_s", "export_copies", ["copied_at_s"])


def _create_breaker() -> None:
    op.create_table(
        "export_breaker",
        sa.Column("only_row", sa.SmallInteger(), autoincrement=False, nullable=False),
        _flag("is_open"),
        _number("since_s"),
        _code("reason", 200),
        _name("canary_id"),
        sa.CheckConstraint("only_row = 1", name=op.f("ck_export_breaker_one_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_export_breaker")),
    )
    op.execute("insert into export_breaker values (1, false, 0, '', '')")
