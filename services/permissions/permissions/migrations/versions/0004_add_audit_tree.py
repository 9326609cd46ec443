"""Add the audit log's tree, seals and commitments."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PAGE = 1000
TILE_LEVEL = 8
TABLES = (
    "audit_signing_keys",
    "audit_cosignatures",
    "audit_checkpoints",
    "audit_personal",
    "audit_resources",
    "audit_nodes",
)


def upgrade() -> None:
    _create_tree()
    _create_resources()
    _create_personal()
    _create_seals()
    _grow_tree_over_what_is_there()


def downgrade() -> None:
    op.drop_column("audit_head", "tree")
    for table in TABLES:
        op.drop_table(table)


def _create_tree() -> None:
    op.add_column(
        "audit_head",
        sa.Column("tree", sa.LargeBinary(), server_default=sa.text("''::bytea"), nullable=False),
    )
    op.create_table(
        "audit_nodes",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("pk_audit_nodes")),
    )


def _create_resources() -> None:
    op.create_table(
        "audit_resources",
        sa.Column("resource", sa.Text(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("action", sa.String(100), nullable=False),
        sa.Column("fields", sa.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("resource", "seq", name=op.f("pk_audit_resources")),
    )


def _create_personal() -> None:
    op.create_table(
        "audit_personal",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("field", sa.String(200), nullable=False),
        sa.Column("about", sa.String(200, collation="C"), nullable=False),
        sa.Column("salt", sa.LargeBinary(16), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", "field", name=op.f("pk_audit_personal")),
    )
    op.create_index("ix_audit_personal_about", "audit_personal", ["about"])


def _create_seals() -> None:
    op.create_table(
        "audit_checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("chain_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_checkpoints")),
    )
    op.create_table(
        "audit_cosignatures",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness", sa.String(200, collation="C"), nullable=False),
        sa.Column("signature_line", sa.Text(), nullable=False),
        sa.Column("cosigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_audit_cosignatures")),
    )
    op.create_table(
        "audit_signing_keys",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("public_key", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_signing_keys")),
    )


def _grow_tree_over_what_is_there() -> None:
    """Entries that are older than the tree become its first leaves."""
    connection = op.get_bind()
    peaks: list[bytes] = []
    size = 0
    while facts := _facts_after(connection, size):
        nodes = []
        for fact in facts:
            nodes += _grow(peaks, size, hashlib.sha256(b"\0" + fact).digest())
            size += 1
        _insert_nodes(connection, nodes)
    connection.execute(sa.text("update audit_head set tree = :tree"), {"tree": b"".join(peaks)})


def _facts_after(connection: sa.Connection, seq: int) -> list[bytes]:
    page = sa.text("select fact from audit_entries where seq > :seq order by seq limit :page")
    return list(connection.scalars(page, {"seq": seq, "page": PAGE}))


def _grow(peaks: list[bytes], size: int, leaf: bytes) -> list[dict[str, object]]:
    level, nodes = 0, []
    while size >> level & 1:
        leaf = hashlib.sha256(b"\1" + peaks.pop() + leaf).digest()
        level += 1
        if level >= TILE_LEVEL:
            nodes.append({"level": level, "index": size >> level, "hash": leaf})
    peaks.append(leaf)
    return nodes


def _insert_nodes(connection: sa.Connection, nodes: list[dict[str, object]]) -> None:
    if nodes:
        insert = sa.text("insert into audit_nodes values (:level, :index, :hash)")
        connection.execute(insert, nodes)
