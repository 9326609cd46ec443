"""The tables about people and what they may do: principals, networks, sessions, devices, policy and facts."""

from datetime import datetime

from servicekit.erasures import erasures_table
from servicekit.schema import TYPES, kit_metadata
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import CIDR, INET
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The service's tables and the kit's."""

    metadata = kit_metadata()
    type_annotation_map = TYPES


erasures_table(Base.metadata)


class PrincipalRow(Base):
    """A person or a service, as the last entry about it states."""

    __tablename__ = "principals"
    principal_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    type: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    epoch: Mapped[int]
    is_test: Mapped[bool]
    seq: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("status in ('active', 'suspended', 'departed')", name="status_is_known"),
        CheckConstraint("type in ('user', 'service')", name="type_is_known"),
        CheckConstraint("epoch > 0", name="epoch_is_positive"),
    )


class NetworkRow(Base):
    """A trusted network."""

    __tablename__ = "networks"
    cidr: Mapped[str] = mapped_column(CIDR, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))


class SessionRow(Base):
    """Somebody was signed in from one time to another."""

    __tablename__ = "sessions"
    session_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    request_id: Mapped[str] = mapped_column(String(200, collation="C"))
    principal_id: Mapped[str] = mapped_column(String(200, collation="C"))
    epoch: Mapped[int]
    device_id: Mapped[str] = mapped_column(String(200, collation="C"))
    address: Mapped[str | None] = mapped_column(INET)
    opened_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("expires_at > opened_at", name="ends_after_its_begin"),
        UniqueConstraint("request_id"),
        Index("ix_sessions_principal", "principal_id", "session_id"),
        Index("ix_sessions_revoked", "expires_at", postgresql_where=text("revoked_at IS NOT NULL")),
    )


class ApiKeyRow(Base):
    """A key by which a program proves to be a principal."""

    __tablename__ = "api_keys"
    key_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    principal_id: Mapped[str] = mapped_column(String(200, collation="C"), index=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("octet_length(secret_hash) = 32", name="hash_is_sha256"),)


class DeviceRow(Base):
    """A public key of a person, and whether it may be worked with."""

    __tablename__ = "devices"
    device_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    principal_id: Mapped[str] = mapped_column(String(200, collation="C"))
    public_key: Mapped[str]
    thumbprint: Mapped[str] = mapped_column(String(43, collation="C"))
    status: Mapped[str] = mapped_column(String(20))
    registered_at: Mapped[datetime]
    approved_by: Mapped[str] = mapped_column(String(200, collation="C"))

    __table_args__ = (
        CheckConstraint("status in ('pending', 'registered', 'revoked')", name="status_is_known"),
        CheckConstraint("approved_by <> principal_id", name="approved_by_another"),
        UniqueConstraint("thumbprint"),
        Index("ix_devices_principal", "principal_id", "device_id"),
    )


class DeviceChallengeRow(Base):
    """A nonce that a device may sign once; it goes when it is used."""

    __tablename__ = "device_challenges"
    nonce: Mapped[str] = mapped_column(String(43, collation="C"), primary_key=True)
    device_id: Mapped[str] = mapped_column(String(200, collation="C"))
    expires_at: Mapped[datetime] = mapped_column(index=True)


class PolicyRow(Base):
    """One version of the policy; at most one is live, and at most one is shadow."""

    __tablename__ = "policies"
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    document: Mapped[str] = mapped_column(Text)
    stage: Mapped[str] = mapped_column(String(20))
    proposed_by: Mapped[str] = mapped_column(String(200))
    proposed_at: Mapped[datetime]
    tried_at: Mapped[datetime | None]
    seq: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("stage in ('draft', 'shadow', 'live', 'retired')", name="stage_is_known"),
        *(
            Index(
                f"ix_policies_one_{stage}",
                "stage",
                unique=True,
                postgresql_where=text(f"stage = '{stage}'"),
            )
            for stage in ("live", "shadow")
        ),
    )


class FactRow(Base):
    """A fact that holds, unless it has expired."""

    __tablename__ = "facts"
    resource_type: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    resource_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    relation: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    subject_type: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    subject_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    subject_relation: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    condition: Mapped[str] = mapped_column(String(200))
    context: Mapped[str | None] = mapped_column(Text)
    until_s: Mapped[float | None] = mapped_column(Double)
    seq: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_facts_subject", "subject_type", "subject_id", "relation"),)


class DisagreementRow(Base):
    """One kind of disagreement between two versions: how often, when last, and the last question it arose from."""

    __tablename__ = "disagreements"
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    live_version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    resource_type: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    action: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    live_answer: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    answer: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    subject_id: Mapped[str] = mapped_column(String(200, collation="C"))
    resource_id: Mapped[str] = mapped_column(String(200, collation="C"))
    count: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[datetime]


class OffboardingRow(Base):
    """An offboarding; its report is JSON of ids and counts."""

    __tablename__ = "offboardings"
    request_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    principal_id: Mapped[str] = mapped_column(String(200, collation="C"))
    report: Mapped[str]
    revision: Mapped[int] = mapped_column(BigInteger)
    token: Mapped[str] = mapped_column(String(200))
    offboarded_at: Mapped[datetime]
    written_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class ConfirmationRow(Base):
    """A revision that a process of a service said it had applied: first at `confirmed_at`, last at `heard_at`.

    Both are by the clock of the database, like the time at which an offboarding was written.
    """

    __tablename__ = "confirmations"
    service: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    instance_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    applied_at: Mapped[datetime]
    confirmed_at: Mapped[datetime]
    heard_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))

    __table_args__ = (Index("ix_confirmations_heard_at", "heard_at"),)
