"""Tables of forms: forms, their versions, their canaries, who fills them in, and whose posts lack a token."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from lead_intake.store.rows import Base


class FormRow(Base):
    """One form of an account. `revision` grows with every change of it, its versions or its exemptions."""

    __tablename__ = "forms"
    __table_args__ = (
        UniqueConstraint("name"),
        UniqueConstraint("account_id"),
        UniqueConstraint("key_hmac"),
        CheckConstraint("guard_mode in ('off', 'report', 'enforce')", name="guard_mode"),
        CheckConstraint("oldest_supported >= 1", name="oldest_supported"),
    )

    form_id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    account_id: Mapped[int] = mapped_column(Integer)
    key_hmac: Mapped[bytes]
    sealed_key: Mapped[bytes]
    oldest_supported: Mapped[int] = mapped_column(Integer)
    guard_mode: Mapped[str] = mapped_column(String(10))
    revision: Mapped[int] = mapped_column(BigInteger)


class FormVersionRow(Base):
    """One published version of a form: its document as it was approved. One is live, one may be a canary."""

    __tablename__ = "form_versions"
    __table_args__ = (
        CheckConstraint("stage in ('canary', 'live', 'replaced', 'rolled_back')", name="stage"),
        Index(
            "uq_form_versions_standing",
            "form_id",
            "stage",
            unique=True,
            postgresql_where=text("stage in ('canary', 'live')"),
        ),
    )

    form_id: Mapped[int] = mapped_column(ForeignKey("forms.form_id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    document: Mapped[str]
    sha256: Mapped[bytes]
    stage: Mapped[str] = mapped_column(String(20))
    published_by: Mapped[str] = mapped_column(String(200))
    published_at: Mapped[datetime]


class FormCanaryRow(Base):
    """One trial of a version on a share of the traffic, with its numbers; kept after its end."""

    __tablename__ = "form_canaries"
    __table_args__ = (
        CheckConstraint("percent between 1 and 100", name="percent"),
        CheckConstraint("(ended_at is null) = (outcome is null)", name="outcome"),
    )

    form_id: Mapped[int] = mapped_column(ForeignKey("forms.form_id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    percent: Mapped[int] = mapped_column(SmallInteger)
    started_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    new_checked: Mapped[int] = mapped_column(BigInteger)
    new_failed: Mapped[int] = mapped_column(BigInteger)
    old_checked: Mapped[int] = mapped_column(BigInteger)
    old_failed: Mapped[int] = mapped_column(BigInteger)
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(40))


class FormClientRow(Base):
    """One client version that fills a form in, as it states itself; at most a bounded number for a form."""

    __tablename__ = "form_clients"

    form_id: Mapped[int] = mapped_column(ForeignKey("forms.form_id"), primary_key=True)
    client_version: Mapped[str] = mapped_column(String(40), primary_key=True)
    delivery_count: Mapped[int] = mapped_column(BigInteger)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class FormCallerRow(Base):
    """Posts of one kind that a form's guard objects to, counted; nothing in it tells people apart."""

    __tablename__ = "form_callers"
    __table_args__ = (Index("ix_form_callers_last_seen_at", "last_seen_at"),)

    form_id: Mapped[int] = mapped_column(ForeignKey("forms.form_id"), primary_key=True)
    origin_host: Mapped[str] = mapped_column(String(200), primary_key=True)
    client_version: Mapped[str] = mapped_column(String(40), primary_key=True)
    agent_family: Mapped[str] = mapped_column(String(20), primary_key=True)
    cause: Mapped[str] = mapped_column(String(20), primary_key=True)
    post_count: Mapped[int] = mapped_column(BigInteger)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class FormExemptionRow(Base):
    """One origin whose posts pass a form's guard, and the approval by which they do."""

    __tablename__ = "form_exemptions"

    form_id: Mapped[int] = mapped_column(ForeignKey("forms.form_id"), primary_key=True)
    origin: Mapped[str] = mapped_column(String(200), primary_key=True)
    approval_id: Mapped[str] = mapped_column(String(100))
    exempted_by: Mapped[str] = mapped_column(String(200))
    exempted_at: Mapped[datetime]
