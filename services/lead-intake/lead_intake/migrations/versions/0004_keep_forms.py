"""Keep forms."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = (
    "forms", "form_versions", "form_canaries", "form_clients", "form_callers", "form_exemptions",
)  # fmt: skip


def upgrade() -> None:
    _create_forms()
    _create_versions()
    _create_canaries()
    _create_clients()
    _create_callers()
    _create_exemptions()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _of_form(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_form_id_forms")
    return sa.ForeignKeyConstraint(["form_id"], ["forms.form_id"], name=name)


def _create_forms() -> None:
    op.create_table(
        "forms",
        sa.Column("form_id", sa.Integer(), sa.Identity(always=True), nullable=False),
        _text("name", 60),
        _number("account_id"),
        _bytes("key_hmac"),
        _bytes("sealed_key"),
        _number("oldest_supported"),
        _text("guard_mode", 10),
        _count("revision"),
        sa.CheckConstraint(
            "guard_mode in ('off', 'report', 'enforce')", name=op.f("ck_forms_guard_mode")
        ),
        sa.CheckConstraint("oldest_supported >= 1", name=op.f("ck_forms_oldest_supported")),
        sa.PrimaryKeyConstraint("form_id", name=op.f("pk_forms")),
        sa.UniqueConstraint("name", name=op.f("uq_forms_name")),
        sa.UniqueConstraint("account_id", name=op.f("uq_forms_account_id")),
        sa.UniqueConstraint("key_hmac", name=op.f("uq_forms_key_hmac")),
    )


def _create_versions() -> None:
    op.create_table(
        "form_versions",
        _number("form_id"),
        _number("version"),
        sa.Column("document", sa.Text(), nullable=False),
        _bytes("sha256"),
        _text("stage", 20),
        _text("published_by", 200),
        _moment("published_at"),
        sa.CheckConstraint(
            "stage in ('canary', 'live', 'replaced', 'rolled_back')",
            name=op.f("ck_form_versions_stage"),
        ),
        _of_form("form_versions"),
        sa.PrimaryKeyConstraint("form_id", "version", name=op.f("pk_form_versions")),
    )
    op.create_index(
        "uq_form_versions_standing",
        "form_versions",
        ["form_id", "stage"],
        unique=True,
        postgresql_where=sa.text("stage in ('canary', 'live')"),
    )


def _create_canaries() -> None:
    op.create_table(
        "form_canaries",
        _number("form_id"),
        _number("version"),
        sa.Column("percent", sa.SmallInteger(), nullable=False),
        _moment("started_at"),
        _moment("ends_at"),
        _count("new_checked"),
        _count("new_failed"),
        _count("old_checked"),
        _count("old_failed"),
        _moment("ended_at", nullable=True),
        sa.Column("outcome", sa.String(40), nullable=True),
        sa.CheckConstraint("percent between 1 and 100", name=op.f("ck_form_canaries_percent")),
        sa.CheckConstraint(
            "(ended_at is null) = (outcome is null)", name=op.f("ck_form_canaries_outcome")
        ),
        _of_form("form_canaries"),
        sa.PrimaryKeyConstraint("form_id", "version", name=op.f("pk_form_canaries")),
    )


def _create_clients() -> None:
    op.create_table(
        "form_clients",
        _number("form_id"),
        _text("client_version", 40),
        _count("delivery_count"),
        _moment("first_seen_at"),
        _moment("last_seen_at"),
        _of_form("form_clients"),
        sa.PrimaryKeyConstraint("form_id", "client_version", name=op.f("pk_form_clients")),
    )


def _create_callers() -> None:
    key = ("form_id", "origin_host", "client_version", "agent_family", "cause")
    op.create_table(
        "form_callers",
        _number("form_id"),
        _text("origin_host", 200),
        _text("client_version", 40),
        _text("agent_family", 20),
        _text("cause", 20),
        _count("post_count"),
        _moment("first_seen_at"),
        _moment("last_seen_at"),
        _of_form("form_callers"),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_form_callers")),
    )
    op.create_index("ix_form_callers_last_seen_at", "form_callers", ["last_seen_at"])


def _create_exemptions() -> None:
    op.create_table(
        "form_exemptions",
        _number("form_id"),
        _text("origin", 200),
        _text("approval_id", 100),
        _text("exempted_by", 200),
        _moment("exempted_at"),
        _of_form("form_exemptions"),
        sa.PrimaryKeyConstraint("form_id", "origin", name=op.f("pk_form_exemptions")),
    )
