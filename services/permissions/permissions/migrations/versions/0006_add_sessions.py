"""Add sessions, devices, networks, API keys and offboardings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = (
    "sessions",
    "devices",
    "device_challenges",
    "networks",
    "api_keys",
    "offboardings",
)


def upgrade() -> None:
    _create_sessions()
    _create_devices()
    _create_networks()
    _create_api_keys()
    _create_offboardings()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _name(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(200, collation="C"), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[sa.DateTime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        _name("session_id"),
        _name("request_id"),
        _name("principal_id"),
        sa.Column("epoch", sa.Integer(), nullable=False),
        _name("device_id"),
        sa.Column("address", postgresql.INET(), nullable=True),
        _time("opened_at"),
        _time("last_seen_at"),
        _time("expires_at"),
        _time("revoked_at", nullable=True),
        sa.CheckConstraint("expires_at > opened_at", name=op.f("ck_sessions_ends_after_its_begin")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("request_id", name=op.f("uq_sessions_request_id")),
    )
    op.create_index("ix_sessions_principal", "sessions", ["principal_id", "session_id"])
    op.create_index(
        "ix_sessions_revoked",
        "sessions",
        ["expires_at"],
        postgresql_where=sa.text("revoked_at IS NOT NULL"),
    )


def _create_devices() -> None:
    op.create_table(
        "devices",
        _name("device_id"),
        _name("principal_id"),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("thumbprint", sa.String(43, collation="C"), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        _time("registered_at"),
        _name("approved_by"),
        sa.CheckConstraint(
            "status in ('pending', 'registered', 'revoked')",
            name=op.f("ck_devices_status_is_known"),
        ),
        sa.CheckConstraint(
            "approved_by <> principal_id", name=op.f("ck_devices_approved_by_another")
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_devices")),
        sa.UniqueConstraint("thumbprint", name=op.f("uq_devices_thumbprint")),
    )
    op.create_index("ix_devices_principal", "devices", ["principal_id", "device_id"])
    op.create_table(
        "device_challenges",
        sa.Column("nonce", sa.String(43, collation="C"), nullable=False),
        _name("device_id"),
        _time("expires_at"),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_device_challenges")),
    )
    op.create_index("ix_device_challenges_expires_at", "device_challenges", ["expires_at"])


def _create_networks() -> None:
    op.create_table(
        "networks",
        sa.Column("cidr", postgresql.CIDR(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("cidr", name=op.f("pk_networks")),
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        _name("key_id"),
        _name("principal_id"),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
        _time("created_at"),
        _time("expires_at"),
        _time("revoked_at", nullable=True),
        sa.CheckConstraint(
            "octet_length(secret_hash) = 32", name=op.f("ck_api_keys_hash_is_sha256")
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_keys")),
    )
    op.create_index("ix_api_keys_principal_id", "api_keys", ["principal_id"])


def _create_offboardings() -> None:
    op.create_table(
        "offboardings",
        _name("request_id"),
        _name("principal_id"),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.String(200), nullable=False),
        _time("offboarded_at"),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_offboardings")),
    )
