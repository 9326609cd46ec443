"""Keep imports."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("file_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("part_count", sa.Integer(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("template", sa.String(length=40), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_header", sa.LargeBinary(), nullable=True),
        sa.Column("is_split", sa.Boolean(), nullable=False),
        sa.Column("read_share", sa.Double(), nullable=False),
        sa.Column("splitter", sa.Uuid(), nullable=True),
        sa.Column("split_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(length=200), nullable=False),
        sa.Column("undone_by", sa.String(length=200), nullable=False),
        sa.Column("withdrawn_count", sa.Integer(), nullable=False),
        sa.Column("kept_count", sa.Integer(), nullable=False),
        sa.Column("expired", sa.Boolean(), nullable=False),
        sa.CheckConstraint("state between 0 and 7", name=op.f("ck_imports_state")),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_imports")),
    )
    op.create_index(
        "uq_imports_account_id_file_key",
        "imports",
        ["account_id", "file_key"],
        unique=True,
        postgresql_where=sa.text("state <= 4"),
    )
    op.create_index(
        "ix_imports_active",
        "imports",
        ["import_id"],
        unique=False,
        postgresql_where=sa.text("state in (2, 6)"),
    )
    op.create_index(
        "ix_imports_kept",
        "imports",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("not expired"),
    )
    op.create_table(
        "import_parts",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_import_parts")),
    )
    # Sealed bytes cannot be packed: trying costs more than the seal.
    op.execute("alter table import_parts alter column sealed set storage external")
    op.create_table(
        "import_chunks",
        sa.Column("chunk_id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("row_count", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=True),
        sa.Column("refused", sa.LargeBinary(), nullable=True),
        sa.Column("accepted_count", sa.SmallInteger(), nullable=False),
        sa.Column("updated_count", sa.SmallInteger(), nullable=False),
        sa.Column("duplicate_count", sa.SmallInteger(), nullable=False),
        sa.Column("rejected_count", sa.SmallInteger(), nullable=False),
        sa.Column("quarantined_count", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("state between 0 and 2", name=op.f("ck_import_chunks_state")),
        sa.CheckConstraint("(state = 0) = (rows is not null)", name=op.f("ck_import_chunks_rows")),
        sa.PrimaryKeyConstraint("chunk_id", name=op.f("pk_import_chunks")),
        sa.UniqueConstraint("import_id", "number", name=op.f("uq_import_chunks_import_id_number")),
    )
    op.execute("alter table import_chunks alter column rows set storage external")
    op.create_index(
        "ix_import_chunks_waiting",
        "import_chunks",
        ["import_id", "number"],
        unique=False,
        postgresql_where=sa.text("state = 0"),
    )


def downgrade() -> None:
    op.drop_table("import_chunks")
    op.drop_table("import_parts")
    op.drop_table("imports")
