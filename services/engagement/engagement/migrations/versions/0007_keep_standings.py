"""Keep how accounts stand, how healthy customers were, risks of companies, and compensations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_standings()
    _create_weeks()
    _create_risks()
    op.add_column(
        "service_records", sa.Column("compensation_minor", sa.BigInteger(), nullable=True)
    )
    op.add_column(
        "service_records",
        sa.Column("compensation_currency", sa.String(length=3), server_default="", nullable=False),
    )


def downgrade() -> None:
    op.drop_column("service_records", "compensation_currency")
    op.drop_column("service_records", "compensation_minor")
    for table in ("company_risks", "health_weeks", "standing_figures", "standings"):
        op.drop_table(table)


def _create_standings() -> None:
    op.create_table(
        "standings",
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("check_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("golden_id", name=op.f("pk_standings")),
    )
    op.create_index("ix_standings_check_at", "standings", ["check_at"])
    op.create_table(
        "standing_figures",
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("moment", WHEN, nullable=True),
        sa.Column("word", sa.String(length=64), nullable=True),
        sa.Column("measured_at", WHEN, nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(number, moment, word) = 1", name=op.f("ck_standing_figures_one_value")
        ),
        sa.PrimaryKeyConstraint("golden_id", "name", name=op.f("pk_standing_figures")),
    )
    visits = sa.text("name = 'visit_count_30d'")
    op.create_index(
        "ix_standing_figures_visits", "standing_figures", ["golden_id"], postgresql_where=visits
    )


def _create_weeks() -> None:
    op.create_table(
        "health_weeks",
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("week_from", WHEN, nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=True),
        sa.Column("left_out", postgresql.ARRAY(sa.String(length=32)), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("taken_at", WHEN, nullable=False),
        sa.CheckConstraint("score between 0 and 100", name=op.f("ck_health_weeks_score")),
        sa.PrimaryKeyConstraint("golden_id", "week_from", name=op.f("pk_health_weeks")),
    )


def _create_risks() -> None:
    op.create_table(
        "company_risks",
        sa.Column("risk_id", sa.Uuid(), nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.String(length=64), nullable=False),
        sa.Column("case_count", sa.BigInteger(), nullable=True),
        sa.Column("detected_at", WHEN, nullable=False),
        sa.Column("told_at", WHEN, nullable=False),
        sa.Column("is_told", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("risk_id", name=op.f("pk_company_risks")),
    )
    op.create_index("ix_company_risks_golden_id", "company_risks", ["golden_id"])
    op.create_index(
        "ix_company_risks_untold",
        "company_risks",
        ["detected_at"],
        postgresql_where=sa.text("not is_told"),
    )
