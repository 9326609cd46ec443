"""Create tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The numbers are those of servicekit.v1.BookState: assigned, waiting, merged.
BOOK = """
create view book as
select lead_id as item_id, channel, received_at, (case state when 1 then 4 when 2 then 5 else 6 end)::smallint as state
from leads
"""

TABLES = (
    "leads",
    "decisions",
    "timers",
    "reps",
    "roster",
    "loads",
    "rotations",
    "inbox",
    "outbox",
    "dead_letters",
    "delivery_failures",
)


def upgrade() -> None:
    _create_leads()
    _create_decisions()
    _create_reps()
    _create_bus_tables()
    _create_dead_letters()
    op.execute(BOOK)


def downgrade() -> None:
    op.execute("drop view book")
    for table in TABLES:
        op.drop_table(table)


def _create_leads() -> None:
    op.create_table(
        "leads",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("assignee_id", sa.String(length=64), nullable=True),
        sa.Column("assignment_no", sa.Integer(), nullable=False),
        sa.Column("contact_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("into_lead_id", sa.Uuid(), nullable=True),
        sa.Column("province", sa.String(length=64), nullable=False),
        sa.Column("city", sa.String(length=64), nullable=False),
        sa.Column("region_precision", sa.SmallInteger(), nullable=False),
        sa.Column("industry", sa.String(length=64), nullable=False),
        sa.Column("source_kind", sa.String(length=64), nullable=False),
        sa.Column("first_action", sa.String(length=64), nullable=False),
        sa.Column("phone_display", sa.String(length=64), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=True),
        sa.Column("decision_count", sa.Integer(), nullable=False),
        sa.Column("tried_openings", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(state = 1) = (assignee_id is not null and contact_due_at is not null"
            " and first_assigned_at is not null and assignment_no > 0)",
            name=op.f("ck_leads_assigned"),
        ),
        sa.CheckConstraint(
            "(state = 3) = (into_lead_id is not null)", name=op.f("ck_leads_merged")
        ),
        sa.CheckConstraint("state between 1 and 3", name=op.f("ck_leads_state")),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_leads")),
    )
    op.create_index(
        "ix_leads_received_at", "leads", ["received_at"], unique=False, postgresql_using="brin"
    )
    op.create_index(
        "ix_leads_waiting",
        "leads",
        ["tried_openings", "received_at"],
        unique=False,
        postgresql_where=sa.text("state = 2"),
    )
    op.create_index(
        "uq_leads_open_golden_id",
        "leads",
        ["golden_id"],
        unique=True,
        postgresql_where=sa.text("into_lead_id is null"),
    )


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("decision_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("cause", sa.SmallInteger(), nullable=False),
        sa.Column("assignee_id", sa.String(length=64), nullable=True),
        sa.Column("rule_id", sa.String(length=64), nullable=True),
        sa.Column("rules_version", sa.Integer(), nullable=True),
        sa.Column("roster_version", sa.BigInteger(), nullable=True),
        sa.Column("source_weight", sa.Double(), nullable=True),
        sa.Column("verdicts", sa.LargeBinary(), nullable=True),
        sa.Column("counts", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("lead_id", "decision_no", name=op.f("pk_decisions")),
    )
    op.create_table(
        "timers",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("assignment_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("lead_id", "kind", "assignment_no", name=op.f("pk_timers")),
    )
    op.create_index(
        "ix_timers_due_at",
        "timers",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("fired_at is null"),
    )


def _create_reps() -> None:
    op.create_table(
        "reps",
        sa.Column("rep_id", sa.String(length=64), nullable=False),
        sa.Column("since_version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until_version", sa.BigInteger(), nullable=True),
        sa.Column("manager_id", sa.String(length=64), nullable=False),
        sa.Column("provinces", postgresql.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("cities", postgresql.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("industries", postgresql.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("rep_id", "since_version", name=op.f("pk_reps")),
    )
    op.create_index(
        "uq_reps_current",
        "reps",
        ["rep_id"],
        unique=True,
        postgresql_where=sa.text("until_version is null"),
    )
    op.create_table(
        "roster",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("openings", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_roster_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster")),
        postgresql_with={"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.01"},
    )
    op.create_table(
        "loads",
        sa.Column("rep_id", sa.String(length=64), nullable=False),
        sa.Column("open_count", sa.Integer(), nullable=False),
        sa.Column("assigned_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("rep_id", name=op.f("pk_loads")),
        postgresql_with={"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.01"},
    )
    op.create_table(
        "rotations",
        sa.Column("rule_id", sa.String(length=64), nullable=False),
        sa.Column("rep_id", sa.String(length=64), nullable=False),
        sa.Column("served", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "rep_id", name=op.f("pk_rotations")),
        postgresql_with={"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.01"},
    )
    op.execute("insert into roster (id, version, openings) values (1, 0, 0)")


def _create_bus_tables() -> None:
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(length=100), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column(
            "handled_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
    )
    op.create_index(
        "ix_inbox_handled_at", "inbox", ["handled_at"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        postgresql_with={"autovacuum_vacuum_scale_factor": "0.01", "fillfactor": "80"},
    )
    op.create_index(
        "ix_outbox_occurred_at", "outbox", ["occurred_at"], unique=False, postgresql_using="brin"
    )
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["id"],
        unique=False,
        postgresql_where=sa.text("published_at IS NULL"),
    )


def _create_dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("consumer", sa.String(length=100), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("event_type", sa.String(length=200), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_dead_letters")),
    )
    op.create_index(
        "ix_dead_letters_quarantined_at", "dead_letters", ["quarantined_at"], unique=False
    )
    op.create_table(
        "delivery_failures",
        sa.Column("consumer", sa.String(length=100), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_delivery_failures")),
    )
