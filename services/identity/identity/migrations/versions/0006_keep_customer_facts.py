"""Keep customer facts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIMES = sa.DateTime(timezone=True)
TABLES = (
    "facts", "fact_tokens", "lead_states", "objections", "objection_tokens", "suppressed_indexes", "relation_keys",
    "unrelated_customers", "duplicate_checks", "access_requests",
)  # fmt: skip


def upgrade() -> None:
    _create_facts()
    _create_lead_states()
    _create_objections()
    _create_relations()
    _create_checks()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _create_facts() -> None:
    op.create_table(
        "facts",
        sa.Column("fact_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("system", sa.String(100), nullable=False),
        sa.Column("status", sa.String(100), nullable=False),
        sa.Column("word", sa.String(100), nullable=False),
        sa.Column("reference", sa.String(200), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("happened_at", TIMES, nullable=False),
        sa.Column("closed_at", TIMES, nullable=True),
        sa.Column("duration_s", sa.Integer(), nullable=True),
        sa.Column("is_inbound", sa.Boolean(), nullable=True),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("stated_at", TIMES, nullable=False),
        sa.CheckConstraint("kind between 1 and 4", name=op.f("ck_facts_kind_is_known")),
        sa.PrimaryKeyConstraint("fact_id", name=op.f("pk_facts")),
        postgresql_with={"fillfactor": "85"},
    )
    op.create_index(
        "ix_facts_reference", "facts", ["reference"], postgresql_where=sa.text("reference <> ''")
    )
    op.create_table(
        "fact_tokens",
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("fact_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("happened_at", TIMES, nullable=False),
        sa.PrimaryKeyConstraint("token", "fact_id", name=op.f("pk_fact_tokens")),
    )
    op.create_index(op.f("ix_fact_tokens_fact_id"), "fact_tokens", ["fact_id"])
    op.create_index(
        "ix_fact_tokens_token_kind_happened_at",
        "fact_tokens",
        ["token", "kind", sa.text("happened_at desc")],
        postgresql_include=["fact_id"],
    )


def _create_lead_states() -> None:
    op.create_table(
        "lead_states",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("assignee_id", sa.String(200), nullable=True),
        sa.Column("assignment_no", sa.Integer(), nullable=True),
        sa.Column("owner_id", sa.String(200), nullable=True),
        sa.Column("lease_state", sa.String(16), nullable=True),
        sa.Column("owner_seq", sa.BigInteger(), nullable=True),
        sa.Column("contacted_at", TIMES, nullable=True),
        sa.Column("contacted_by", sa.String(200), nullable=True),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("is_withdrawn", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_lead_states")),
    )


def _create_objections() -> None:
    op.create_table(
        "objections",
        sa.Column("objection_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("channel", sa.SmallInteger(), nullable=False),
        sa.Column("made_at", TIMES, nullable=False),
        sa.Column("until", TIMES, nullable=True),
        sa.Column("recorded_by", sa.String(200), nullable=False),
        sa.Column("withdrawn_at", TIMES, nullable=True),
        sa.Column("withdrawn_by", sa.String(200), nullable=True),
        sa.PrimaryKeyConstraint("objection_id", name=op.f("pk_objections")),
    )
    op.create_table(
        "objection_tokens",
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("objection_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("token", "objection_id", name=op.f("pk_objection_tokens")),
    )
    op.create_table(
        "suppressed_indexes",
        sa.Column("index", sa.LargeBinary(32), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("suppressed_at", TIMES, nullable=False),
        sa.PrimaryKeyConstraint("index", "purpose", name=op.f("pk_suppressed_indexes")),
    )


def _create_relations() -> None:
    op.create_table(
        "relation_keys",
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("token", "record_id", name=op.f("pk_relation_keys")),
    )
    op.create_index(op.f("ix_relation_keys_record_id"), "relation_keys", ["record_id"])
    op.create_table(
        "unrelated_customers",
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_unrelated_customers")),
    )


def _create_checks() -> None:
    op.create_table(
        "duplicate_checks",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.String(200), nullable=False),
        sa.Column("checked_at", TIMES, nullable=False),
        sa.Column("asked", postgresql.ARRAY(sa.String(16)), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("golden_ids", postgresql.ARRAY(sa.String(64)), nullable=False),
        sa.Column("walled", postgresql.ARRAY(sa.Boolean()), nullable=False),
        sa.CheckConstraint(
            "outcome between 1 and 3", name=op.f("ck_duplicate_checks_outcome_is_known")
        ),
        sa.CheckConstraint(
            "cardinality(golden_ids) = cardinality(walled)",
            name=op.f("ck_duplicate_checks_each_has_a_wall"),
        ),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_duplicate_checks")),
    )
    op.create_index(
        "ix_duplicate_checks_actor_id_checked_at", "duplicate_checks", ["actor_id", "checked_at"]
    )
    op.create_table(
        "access_requests",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("match_index", sa.SmallInteger(), nullable=False),
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.Column("requester_id", sa.String(200), nullable=False),
        sa.Column("owner_id", sa.String(200), nullable=False),
        sa.Column("manager_id", sa.String(200), nullable=False),
        sa.Column("requested_at", TIMES, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_access_requests")),
    )
    op.create_index(
        "uq_access_requests_check_id_match_index",
        "access_requests",
        ["check_id", "match_index"],
        unique=True,
    )
    for column in ("requester_id", "owner_id"):
        op.create_index(f"ix_access_requests_{column}", "access_requests", [column, "request_id"])
