"""Keep tags."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates tags, their words, their history and who has them."""
    _create_tags()
    _create_members()


def downgrade() -> None:
    """Forgets every tag."""
    for table in ("customer_tags", "tag_grants", "tag_words", "tags"):
        op.drop_table(table)


def _create_tags() -> None:
    op.create_table(
        "tags",
        sa.Column("tag_id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("dimension", sa.String(40), nullable=False),
        sa.Column("rule", sa.String(400), nullable=False),
        sa.Column("source", sa.String(400), nullable=False),
        sa.Column("metric", sa.SmallInteger(), nullable=True),
        sa.Column("within_days", sa.Integer(), nullable=True),
        sa.Column("at_least", sa.BigInteger(), nullable=True),
        sa.Column("is_closing", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "num_nulls(metric, within_days, at_least) in (0, 3)",
            name=op.f("ck_tags_rule_is_whole_or_absent"),
        ),
        sa.PrimaryKeyConstraint("tag_id", name=op.f("pk_tags")),
        sa.UniqueConstraint("name", name=op.f("uq_tags_name")),
    )
    op.create_table(
        "tag_words",
        sa.Column("word", sa.String(40), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_tag_words")),
    )
    op.create_index(op.f("ix_tag_words_tag_id"), "tag_words", ["tag_id"])


def _create_members() -> None:
    op.create_table(
        "tag_grants",
        sa.Column("grant_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.Column("evidence", sa.String(400), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_tag_grants")),
    )
    op.create_index(op.f("ix_tag_grants_golden_id"), "tag_grants", ["golden_id"])
    op.create_index(
        "uq_tag_grants_standing",
        "tag_grants",
        ["tag_id", "golden_id"],
        unique=True,
        postgresql_where=sa.text("until is null"),
    )
    op.create_table(
        "customer_tags",
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tag_id", "customer_id", name=op.f("pk_customer_tags")),
    )
    op.create_index(op.f("ix_customer_tags_customer_id"), "customer_tags", ["customer_id"])
