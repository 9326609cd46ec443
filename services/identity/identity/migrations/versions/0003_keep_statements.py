"""Keep statements."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SEQUENCES = ("customer_ids", "record_ids", "source_ids")
TIMES = sa.DateTime(timezone=True)

CARRY_CUSTOMERS = """
insert into customers (customer_id, golden_id, master_id, first_seen_at, record_count, version)
select nextval('customer_ids'), golden_id, master_id, first_seen_at, 0, 1 from former_customers
"""
CARRY_ALIASES = """
insert into aliases (golden_id, master_id, customer_id, recipe, key_id, first_seen_at, minted_at)
select c.golden_id, c.master_id, c.customer_id, f.recipe_version, 'k1', c.first_seen_at, now()
from customers c join former_customers f using (golden_id)
"""
CARRY_LEADS = """
insert into sources (
  source_id, system, key_digest, sealed_key, lead_id, first_seen_at, modified_at, received_at
)
select nextval('source_ids'), 'lead', uuid_send(lead_id), '', lead_id, received_at, received_at, received_at
from leads
"""
CARRY_BACK = """
insert into former_customers (golden_id, master_id, recipe_version, first_seen_at)
select c.golden_id, c.master_id, a.recipe, c.first_seen_at from customers c join aliases a using (golden_id)
"""
LEADS_BACK = """
update leads l set golden_id = c.golden_id
from aliases a join customers c using (customer_id) where a.golden_id = l.golden_id and c.golden_id <> l.golden_id
"""


def upgrade() -> None:
    op.drop_table("customer_keys")
    op.rename_table("customers", "former_customers")
    for name in ("pk_customers", "uq_customers_master_id"):
        op.execute(f"alter index {name} rename to former_{name}")
    for sequence in SEQUENCES:
        op.execute(f"create sequence {sequence} as bigint increment by 1000")
    _create_customers()
    _create_sources()
    _create_records()
    _create_evidence()
    _create_regroupings()
    for statement in (CARRY_CUSTOMERS, CARRY_ALIASES, CARRY_LEADS):
        op.execute(statement)
    op.drop_table("former_customers")
    _bound_match_basis(7)


def downgrade() -> None:
    op.rename_table("customers", "later_customers")
    for name in ("pk_customers", "uq_customers_master_id"):
        op.execute(f"alter index {name} rename to later_{name}")
    _create_former_customers()
    op.execute(CARRY_BACK.replace("from customers", "from later_customers").replace("former_", ""))
    op.execute(LEADS_BACK.replace("join customers", "join later_customers"))
    for table in (
        "moves",
        "regroupings",
        "judgements",
        "links",
        "generic_keys",
        "record_keys",
        "records",
        "statements",
        "sources",
        "alias_rotations",
        "alias_supports",
        "aliases",
        "later_customers",
    ):
        op.drop_table(table)
    for sequence in SEQUENCES:
        op.execute(f"drop sequence {sequence}")
    op.execute("update leads set match_basis = 3 where match_basis > 4")
    _bound_match_basis(4)


def _create_customers() -> None:
    op.create_table(
        "customers",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.Column("master_id", sa.String(32), nullable=False),
        sa.Column("first_seen_at", TIMES, nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "golden_id ~ '^[0-9a-f]{64}$'", name=op.f("ck_customers_golden_id_is_hex")
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customers")),
        sa.UniqueConstraint("golden_id", name=op.f("uq_customers_golden_id")),
        sa.UniqueConstraint("master_id", name=op.f("uq_customers_master_id")),
    )
    op.create_table(
        "aliases",
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.Column("master_id", sa.String(32), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("recipe", sa.SmallInteger(), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("first_seen_at", TIMES, nullable=False),
        sa.Column("minted_at", TIMES, nullable=False),
        sa.PrimaryKeyConstraint("golden_id", name=op.f("pk_aliases")),
        sa.UniqueConstraint("master_id", name=op.f("uq_aliases_master_id")),
    )
    op.create_index(op.f("ix_aliases_customer_id"), "aliases", ["customer_id"])
    op.create_table(
        "alias_supports",
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", TIMES, nullable=False),
        sa.PrimaryKeyConstraint("golden_id", "record_id", name=op.f("pk_alias_supports")),
    )
    op.create_index(op.f("ix_alias_supports_record_id"), "alias_supports", ["record_id"])
    op.create_table(
        "alias_rotations",
        sa.Column("rotation", sa.String(100), nullable=False),
        sa.Column("after_source_id", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", TIMES, nullable=True),
        sa.PrimaryKeyConstraint("rotation", name=op.f("pk_alias_rotations")),
    )


def _create_sources() -> None:
    op.create_table(
        "sources",
        sa.Column("source_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(16), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("first_seen_at", TIMES, nullable=False),
        sa.Column("modified_at", TIMES, nullable=False),
        sa.Column("received_at", TIMES, nullable=False),
        sa.Column("verified_at", TIMES, nullable=True),
        sa.Column("deleted_at", TIMES, nullable=True),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_sources")),
        sa.UniqueConstraint("system", "key_digest", name="uq_sources_system_key_digest"),
    )
    op.create_index(op.f("ix_sources_record_id"), "sources", ["record_id"])
    op.create_index(
        "ix_sources_lead_id",
        "sources",
        ["lead_id"],
        unique=True,
        postgresql_where=sa.text("lead_id is not null"),
    )
    op.create_table(
        "statements",
        sa.Column("statement_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", TIMES, nullable=False),
        sa.Column("received_at", TIMES, nullable=False),
        sa.Column("sealed_fields", sa.LargeBinary(), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("statement_id", name=op.f("pk_statements")),
    )
    op.create_index(op.f("ix_statements_record_id"), "statements", ["record_id"])
    op.create_index(
        "ix_statements_source_id_modified_at", "statements", ["source_id", "modified_at"]
    )
    op.create_index(
        "uq_statements_current",
        "statements",
        ["source_id"],
        unique=True,
        postgresql_where=sa.text("is_current"),
    )


def _create_records() -> None:
    op.create_table(
        "records",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("sealed_features", sa.LargeBinary(), nullable=False),
        sa.Column("keys", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("family_id", sa.BigInteger(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("made_at", TIMES, nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_records")),
        sa.UniqueConstraint("digest", name=op.f("uq_records_digest")),
        postgresql_with={"fillfactor": "85"},
    )
    op.create_index(op.f("ix_records_customer_id"), "records", ["customer_id"])
    op.create_index(op.f("ix_records_family_id"), "records", ["family_id"])
    op.create_table(
        "record_keys",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "record_id", name=op.f("pk_record_keys")),
    )
    op.create_table(
        "generic_keys",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("made_at", TIMES, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_generic_keys")),
    )


def _create_evidence() -> None:
    op.create_table(
        "links",
        sa.Column("a", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("b", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("bits", sa.Double(), nullable=False),
        sa.Column("posterior", sa.REAL(), nullable=False),
        sa.Column("levels", sa.LargeBinary(), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("made_at", TIMES, nullable=False),
        sa.Column("decided_at", TIMES, nullable=True),
        sa.CheckConstraint("a < b", name=op.f("ck_links_a_is_smaller")),
        sa.PrimaryKeyConstraint("a", "b", name=op.f("pk_links")),
    )
    op.create_index(op.f("ix_links_b"), "links", ["b"])
    op.create_index(
        "ix_links_open_reviews",
        "links",
        ["made_at"],
        postgresql_where=sa.text("outcome = 2 and decided_at is null"),
    )
    op.create_table(
        "judgements",
        sa.Column("judgement_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("a", sa.BigInteger(), nullable=False),
        sa.Column("b", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", TIMES, nullable=False),
        sa.Column("revoked_at", TIMES, nullable=True),
        sa.Column("revoked_by", sa.String(200), nullable=True),
        sa.CheckConstraint("a < b", name=op.f("ck_judgements_a_is_smaller")),
        sa.PrimaryKeyConstraint("judgement_id", name=op.f("pk_judgements")),
    )
    op.create_index(op.f("ix_judgements_b"), "judgements", ["b"])
    op.create_index(
        "uq_judgements_standing",
        "judgements",
        ["a", "b"],
        unique=True,
        postgresql_where=sa.text("revoked_at is null"),
    )


def _create_regroupings() -> None:
    op.create_table(
        "regroupings",
        sa.Column("regrouping_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", TIMES, nullable=False),
        sa.PrimaryKeyConstraint("regrouping_id", name=op.f("pk_regroupings")),
    )
    op.create_table(
        "moves",
        sa.Column("regrouping_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("from_customer", sa.BigInteger(), nullable=True),
        sa.Column("to_customer", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("regrouping_id", "record_id", name=op.f("pk_moves")),
    )
    for column in ("record_id", "from_customer", "to_customer"):
        op.create_index(op.f(f"ix_moves_{column}"), "moves", [column])


def _create_former_customers() -> None:
    op.create_table(
        "customers",
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.Column("master_id", sa.String(32), nullable=False),
        sa.Column("recipe_version", sa.SmallInteger(), nullable=False),
        sa.Column("first_seen_at", TIMES, nullable=False),
        sa.CheckConstraint(
            "golden_id ~ '^[0-9a-f]{64}$'", name=op.f("ck_customers_golden_id_is_hex")
        ),
        sa.PrimaryKeyConstraint("golden_id", name=op.f("pk_customers")),
        sa.UniqueConstraint("master_id", name=op.f("uq_customers_master_id")),
    )
    op.create_table(
        "customer_keys",
        sa.Column("phone_index", sa.LargeBinary(32), nullable=False),
        sa.Column("uscc_index", sa.LargeBinary(32), nullable=False),
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.CheckConstraint(
            "octet_length(phone_index) = 32", name=op.f("ck_customer_keys_has_a_phone")
        ),
        sa.PrimaryKeyConstraint("phone_index", "uscc_index", name=op.f("pk_customer_keys")),
    )


def _bound_match_basis(last: int) -> None:
    name = op.f("ck_leads_match_basis_is_known")
    op.drop_constraint(name, "leads")
    op.create_check_constraint(name, "leads", f"match_basis between 1 and {last}")
