"""Keep rules and attributes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LEADS = ("product", "budget", "attributes", "score", "accepted_at")
DECISIONS = ("score", "tie_breaker", "pool_id")
REPS = ("skills", "calendar", "shifts", "absences", "inactive_because")
LOADS = ("seen_at", "is_away", "last_given_at")
ROSTER = ("rules_version", "duty_at")


def upgrade() -> None:
    """Adds what rules ask of leads and reps, and the rules themselves."""
    _widen_leads()
    _widen_reps()
    _create_rule_versions()
    _create_declines()


def downgrade() -> None:
    """Forgets it."""
    for table in ("declines", "rule_versions", "calendars", "decision_steps"):
        op.drop_table(table)
    for table, columns in (
        ("roster", ROSTER),
        ("loads", LOADS),
        ("reps", REPS),
        ("decisions", DECISIONS),
        ("leads", LEADS),
    ):
        for column in columns:
            op.drop_column(table, column)


def _text(name: str, length: int) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=False, server_default="")


def _json(name: str, empty: str) -> sa.Column:
    return sa.Column(name, postgresql.JSONB(), nullable=False, server_default=sa.text(f"'{empty}'"))


def _moment(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _widen_leads() -> None:
    op.add_column("leads", _text("product", 200))
    op.add_column("leads", sa.Column("budget", sa.Double(), nullable=True))
    op.add_column("leads", _json("attributes", "{}"))
    op.add_column(
        "leads", sa.Column("score", sa.Double(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column("leads", _moment("accepted_at"))
    op.add_column("decisions", sa.Column("score", sa.Double(), nullable=True))
    op.add_column("decisions", sa.Column("tie_breaker", sa.SmallInteger(), nullable=True))
    op.add_column("decisions", sa.Column("pool_id", sa.String(64), nullable=True))
    op.create_table(
        "decision_steps",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("decision_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step_no", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("rule_id", sa.String(64), nullable=False),
        sa.Column("verdicts", sa.LargeBinary(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "decision_no", "step_no", name="pk_decision_steps"),
    )


def _widen_reps() -> None:
    op.add_column(
        "reps",
        sa.Column(
            "skills",
            postgresql.ARRAY(sa.String(64)),
            nullable=False,
            server_default=sa.text("'{}'"),
        ),
    )
    op.add_column("reps", _text("calendar", 64))
    op.add_column("reps", _json("shifts", "[]"))
    op.add_column("reps", _json("absences", "[]"))
    op.add_column("reps", _text("inactive_because", 16))
    op.add_column("loads", _moment("seen_at"))
    op.add_column(
        "loads",
        sa.Column("is_away", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
    op.add_column("loads", _moment("last_given_at"))
    op.create_table(
        "calendars",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("since_version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until_version", sa.BigInteger(), nullable=True),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("name", "since_version", name="pk_calendars"),
    )
    op.create_index(
        "uq_calendars_current",
        "calendars",
        ["name"],
        unique=True,
        postgresql_where=sa.text("until_version is null"),
    )


def _create_rule_versions() -> None:
    op.create_table(
        "rule_versions",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("published_by", sa.String(200), nullable=False),
        sa.Column("approval_id", sa.String(200), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("restored_version", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("version", name="pk_rule_versions"),
    )
    op.create_index(
        "uq_rule_versions_approval_id",
        "rule_versions",
        ["approval_id"],
        unique=True,
        postgresql_where=sa.text("approval_id <> ''"),
    )
    op.add_column(
        "roster",
        sa.Column("rules_version", sa.Integer(), nullable=False, server_default=sa.text("1")),
    )
    op.add_column(
        "roster",
        sa.Column(
            "duty_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("'1970-01-01 00:00:00+00'"),
        ),
    )


def _create_declines() -> None:
    op.create_table(
        "declines",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("assignment_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rep_id", sa.String(64), nullable=False),
        sa.Column("declined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "assignment_no", name="pk_declines"),
    )
    op.create_index("ix_declines_rep_id_declined_at", "declines", ["rep_id", "declined_at"])
