"""Keep privacy records."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# A receipt is evidence: nothing of it changes but when it ended.
GUARD_FUNCTION = """
create function keep_receipt() returns trigger language plpgsql as $$
begin
  if (to_jsonb(new) - 'ended_at') is distinct from (to_jsonb(old) - 'ended_at') then
    raise exception 'a consent receipt does not change';
  end if;
  return new;
end $$
"""
GUARD = "create trigger keep_receipt before update on consents for each row execute function keep_receipt()"


def upgrade() -> None:
    op.create_table(
        "contact_points",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("index", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 0) = (octet_length(index) = 0)", name=op.f("ck_contact_points_index")
        ),
        sa.CheckConstraint("kind between 0 and 3", name=op.f("ck_contact_points_kind")),
        sa.PrimaryKeyConstraint("lead_id", "kind", "index", name=op.f("pk_contact_points")),
    )
    op.create_index(
        "ix_contact_points_index",
        "contact_points",
        ["index"],
        unique=False,
        postgresql_where=sa.text("kind > 0"),
    )
    op.create_table(
        "consents",
        sa.Column("subject_index", sa.LargeBinary(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.SmallInteger(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("notice_version", sa.String(length=100), nullable=False),
        sa.Column("purposes", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("basis", sa.String(length=60), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=True),
        sa.Column("form_version", sa.String(length=100), nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("event between 1 and 2", name=op.f("ck_consents_event")),
        sa.PrimaryKeyConstraint("subject_index", "consent_id", name=op.f("pk_consents")),
    )
    op.create_index(
        "ix_consents_ended_at",
        "consents",
        ["ended_at"],
        unique=False,
        postgresql_where=sa.text("ended_at is not null"),
    )
    op.create_table(
        "suppressions",
        sa.Column("index", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("suppressed_by", sa.String(length=200), nullable=False),
        sa.Column("suppressed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.String(length=200), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(lifted_at is null) = (lifted_by is null)", name=op.f("ck_suppressions_lifted")
        ),
        sa.CheckConstraint("kind between 1 and 3", name=op.f("ck_suppressions_kind")),
        sa.CheckConstraint("purpose between 1 and 3", name=op.f("ck_suppressions_purpose")),
        sa.PrimaryKeyConstraint("index", "purpose", name=op.f("pk_suppressions")),
        sa.UniqueConstraint("revision", name=op.f("uq_suppressions_revision")),
    )
    op.create_table(
        "suppression_revision",
        sa.Column("only_row", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("only_row = 1", name=op.f("ck_suppression_revision_single")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_suppression_revision")),
    )
    op.create_table(
        "subject_requests",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("subject_indexes", postgresql.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("named_lead_id", sa.Uuid(), nullable=True),
        sa.Column("lead_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("requested_by", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("downloaded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_result", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(state = 3) = (completed_at is not null)", name=op.f("ck_subject_requests_completed")
        ),
        sa.CheckConstraint("kind between 1 and 2", name=op.f("ck_subject_requests_kind")),
        sa.CheckConstraint("state between 1 and 3", name=op.f("ck_subject_requests_state")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_subject_requests")),
    )
    op.create_index(
        "ix_subject_requests_open",
        "subject_requests",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state < 3"),
    )
    op.create_index(
        "ix_subject_requests_requested_at", "subject_requests", ["requested_at"], unique=False
    )
    op.create_index(
        "ix_subject_requests_result",
        "subject_requests",
        ["completed_at"],
        unique=False,
        postgresql_where=sa.text("sealed_result is not null"),
    )
    op.create_table(
        "subject_answers",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.String(length=50), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part_count", sa.Integer(), nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("holds", postgresql.ARRAY(sa.String(length=200)), nullable=False),
        sa.Column("sealed_records", sa.LargeBinary(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("part between 1 and part_count", name=op.f("ck_subject_answers_part")),
        sa.PrimaryKeyConstraint("request_id", "service", "part", name=op.f("pk_subject_answers")),
    )
    op.create_table(
        "deletion_certificates",
        sa.Column("certificate_id", sa.Uuid(), nullable=False),
        sa.Column("data_class", sa.String(length=40), nullable=False),
        sa.Column("run", sa.String(length=40), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("deleted_count", sa.BigInteger(), nullable=False),
        sa.Column("oldest_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("newest_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "deleted_count > 0", name=op.f("ck_deletion_certificates_deleted_count")
        ),
        sa.PrimaryKeyConstraint("certificate_id", name=op.f("pk_deletion_certificates")),
        sa.UniqueConstraint(
            "data_class", "run", name=op.f("uq_deletion_certificates_data_class_run")
        ),
    )
    op.create_table(
        "retention_marks",
        sa.Column("data_class", sa.String(length=40), nullable=False),
        sa.Column("up_to", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("data_class", name=op.f("pk_retention_marks")),
    )
    op.create_table(
        "retention_holds",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_retention_holds")),
    )
    op.execute("insert into suppression_revision (only_row, revision) values (1, 0)")
    op.execute(GUARD_FUNCTION)
    op.execute(GUARD)
    op.alter_column("deliveries", "raw", existing_type=sa.LargeBinary(), nullable=True)


def downgrade() -> None:
    op.execute("update deliveries set raw = '' where raw is null")
    op.alter_column("deliveries", "raw", existing_type=sa.LargeBinary(), nullable=False)
    op.drop_table("retention_holds")
    op.drop_table("retention_marks")
    op.drop_table("deletion_certificates")
    op.drop_table("subject_answers")
    op.drop_table("subject_requests")
    op.drop_table("suppression_revision")
    op.drop_table("suppressions")
    op.drop_table("consents")
    op.drop_table("contact_points")
    op.execute("drop function keep_receipt()")
