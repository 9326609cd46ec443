"""The tables of the audit log, its checkpoints and the decisions it tells of."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from permissions.store.rows import Base


class AuditEntryRow(Base):
    """One entry of the audit log; a trigger refuses to change or delete it."""

    __tablename__ = "audit_entries"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    recorded_at: Mapped[datetime]
    fact: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    changes_state: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (
        CheckConstraint("octet_length(hash) = 32", name="hash_is_sha256"),
        Index("ix_audit_entries_changing", "seq", postgresql_where=text("changes_state")),
    )


class AuditHeadRow(Base):
    """The one row that says where the audit log ends; whoever appends holds its lock."""

    __tablename__ = "audit_head"
    only_row: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    revision: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    log_id: Mapped[str] = mapped_column(String(40))
    tree: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (CheckConstraint("only_row = 1", name="there_is_one_row"),)


class AuditNodeRow(Base):
    """The root of a complete subtree of the log's tree, from 256 leaves on."""

    __tablename__ = "audit_nodes"
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class AuditResourceRow(Base):
    """That an entry is about a resource: how everything that happened to it is found."""

    __tablename__ = "audit_resources"
    resource: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    action: Mapped[str] = mapped_column(String(100))
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text))


class AuditPersonalRow(Base):
    """A personal value behind a commitment of the log, sealed, and its salt; erasable, unlike the log."""

    __tablename__ = "audit_personal"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    field: Mapped[str] = mapped_column(String(200), primary_key=True)
    about: Mapped[str] = mapped_column(String(200, collation="C"), index=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary(16))
    value: Mapped[bytes] = mapped_column(LargeBinary)


class AuditCheckpointRow(Base):
    """A sealed beginning of the log."""

    __tablename__ = "audit_checkpoints"
    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary(32))
    chain_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    key_id: Mapped[str] = mapped_column(String(8))
    note: Mapped[str] = mapped_column(Text)
    sealed_at: Mapped[datetime]


class AuditCosignatureRow(Base):
    """A witness saw this checkpoint and found it to continue the one before."""

    __tablename__ = "audit_cosignatures"
    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    witness: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    signature_line: Mapped[str] = mapped_column(Text)
    cosigned_at: Mapped[datetime]


class AuditSigningKeyRow(Base):
    """A public key with which checkpoints from an entry on are signed."""

    __tablename__ = "audit_signing_keys"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    key_id: Mapped[str] = mapped_column(String(8))
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))


class DecisionRow(Base):
    """One audited decision; the audit entry `seq` holds the digest of its question and answer."""

    __tablename__ = "decisions"
    decision_id: Mapped[UUID] = mapped_column(primary_key=True)
    asked_by: Mapped[str] = mapped_column(String(200, collation="C"))
    subject_id: Mapped[str] = mapped_column(String(200, collation="C"))
    resource: Mapped[str] = mapped_column(String(401, collation="C"))
    action: Mapped[str] = mapped_column(String(200, collation="C"))
    outcome: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(200))
    question: Mapped[bytes] = mapped_column(LargeBinary)
    answer: Mapped[bytes] = mapped_column(LargeBinary)
    revision: Mapped[int] = mapped_column(BigInteger)
    policy_version: Mapped[int]
    decided_at: Mapped[datetime]
    seq: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_decisions_seq", "seq", unique=True),)
