"""What notification keeps, as tables, for the migrations; what serves speaks SQL and imports none of this."""

from datetime import datetime
from uuid import UUID

from servicekit.erasures import erasures_table
from servicekit.schema import TYPES, kit_metadata
from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

BUSY = {"postgresql_with": {"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"}}


class Base(DeclarativeBase):
    """The tables of notification."""

    metadata = kit_metadata()
    type_annotation_map = TYPES


erasures_table(Base.metadata)


class ReminderRow(Base):
    """One thing that somebody must be told, how far it got, and when it must be looked at again.

    `next_attempt_at` is its one deadline: when it is due, when a receipt must have come, when quiet hours end. `card`
    holds what templates show. `owner_id` is the owner from whom the present recipient was found.
    """

    __tablename__ = "reminders"
    reminder_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind_name: Mapped[str] = mapped_column(String(60))
    dedupe_key: Mapped[str] = mapped_column(String(300))
    lead_id: Mapped[UUID | None]
    channel: Mapped[str] = mapped_column(String(50))
    received_at: Mapped[datetime | None]
    assignment_no: Mapped[int]
    traceparent: Mapped[str | None] = mapped_column(String(64))
    card: Mapped[bytes] = mapped_column(LargeBinary)
    target: Mapped[int] = mapped_column(SmallInteger)
    resource_type: Mapped[str] = mapped_column(String(20))
    resource_id: Mapped[str] = mapped_column(String(100))
    person_id: Mapped[str] = mapped_column(String(100))
    manager_id: Mapped[str] = mapped_column(String(100))
    recipient_id: Mapped[str] = mapped_column(String(100))
    owner_id: Mapped[str] = mapped_column(String(100))
    state: Mapped[int] = mapped_column(SmallInteger)
    step: Mapped[int] = mapped_column(SmallInteger)
    next_attempt_at: Mapped[datetime]
    attempt_count: Mapped[int]
    last_attempt_at: Mapped[datetime | None]
    last_reason: Mapped[str] = mapped_column(String(20))
    last_error: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    reached_at: Mapped[datetime | None]
    interacted_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("kind_name", "dedupe_key"),
        Index("ix_reminders_due", "next_attempt_at", postgresql_where=text("state in (1, 4, 5)")),
        Index("ix_reminders_lead_id", "lead_id"),
        Index("ix_reminders_created_at", "created_at", postgresql_using="brin"),
        CheckConstraint("state between 1 and 6", name="state"),
        CheckConstraint("target between 1 and 4", name="target"),
        CheckConstraint("attempt_count >= 0", name="attempt_count"),
        BUSY,
    )


class SendRow(Base):
    """One reminder on one route to one address.

    Those that leave as one message share `bundle_id`, the id of the first of them; from then on they are leased, tried
    and ended together.
    """

    __tablename__ = "sends"
    send_id: Mapped[UUID] = mapped_column(primary_key=True)
    reminder_id: Mapped[UUID] = mapped_column(
        ForeignKey("reminders.reminder_id", ondelete="CASCADE"), index=True
    )
    step: Mapped[int] = mapped_column(SmallInteger)
    medium: Mapped[str] = mapped_column(String(20))
    device: Mapped[str] = mapped_column(String(10))
    recipient_id: Mapped[str] = mapped_column(String(100))
    lane: Mapped[str] = mapped_column(String(140))
    state: Mapped[int] = mapped_column(SmallInteger)
    attempt_count: Mapped[int]
    bundle_id: Mapped[UUID | None]
    next_attempt_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    last_reason: Mapped[str] = mapped_column(String(20))
    last_error: Mapped[str] = mapped_column(String(200))
    provider_message_id: Mapped[str] = mapped_column(String(200))
    accepted_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "ix_sends_unsent", "send_id", postgresql_where=text("state = 1 AND bundle_id IS NULL")
        ),
        Index(
            "ix_sends_retry",
            "next_attempt_at",
            postgresql_where=text("state = 1 AND bundle_id = send_id"),
        ),
        Index(
            "ix_sends_bundle_id",
            "bundle_id",
            postgresql_where=text("state = 1 AND bundle_id IS NOT NULL"),
        ),
        Index(
            "ix_sends_provider_message_id",
            "provider_message_id",
            postgresql_where=text("provider_message_id <> ''"),
        ),
        CheckConstraint("state between 1 and 4", name="state"),
        BUSY,
    )


class ReceiptRow(Base):
    """What was proved of one message, once for each kind of proof."""

    __tablename__ = "receipts"
    send_id: Mapped[UUID] = mapped_column(
        ForeignKey("sends.send_id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(20))
    __table_args__ = (CheckConstraint("kind between 1 and 5", name="kind"),)


class OwnerRow(Base):
    """Who owns a lead or a customer now, as events tell; empty when nobody does."""

    __tablename__ = "owners"
    resource_type: Mapped[str] = mapped_column(String(20), primary_key=True)
    resource_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(100))
    assignment_no: Mapped[int]
    since: Mapped[datetime]
    __table_args__ = (BUSY,)


class RecipientRow(Base):
    """A person or a group; `disabled_at` is set when the system behind their webhook said that it is gone."""

    __tablename__ = "recipients"
    recipient_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    webhook_url: Mapped[str | None] = mapped_column(String(2000))
    sealed_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    locale: Mapped[str] = mapped_column(String(10))
    zone: Mapped[str] = mapped_column(String(40))
    disabled_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(index=True)


class AddressRow(Base):
    """Where a recipient is reached beside a webhook: sealed, for it is personal or holds a key."""

    __tablename__ = "addresses"
    recipient_id: Mapped[str] = mapped_column(
        ForeignKey("recipients.recipient_id", ondelete="CASCADE"), primary_key=True
    )
    medium: Mapped[str] = mapped_column(String(20), primary_key=True)
    device: Mapped[str] = mapped_column(String(10), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(100))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    disabled_at: Mapped[datetime | None]


class AccountRow(Base):
    """What we are at a provider; its settings are sealed."""

    __tablename__ = "accounts"
    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    medium: Mapped[str] = mapped_column(String(20))
    url: Mapped[str] = mapped_column(String(2000))
    sealed_settings: Mapped[bytes] = mapped_column(LargeBinary)
    messages_per_min: Mapped[int]
    changed_at: Mapped[datetime]


class PresenceRow(Base):
    """What one device of a person last said of itself."""

    __tablename__ = "presences"
    recipient_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    device: Mapped[str] = mapped_column(String(10), primary_key=True)
    is_online: Mapped[bool]
    seen_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(index=True)


class RateBucketRow(Base):
    """How many messages may go to one limited place at once, over all replicas."""

    __tablename__ = "rate_buckets"
    bucket: Mapped[str] = mapped_column(String(140), primary_key=True)
    tokens: Mapped[float]
    refilled_at: Mapped[datetime]
    __table_args__ = (BUSY,)


class KindHealthRow(Base):
    """Whether a kind's health was low at the last look, so that an alarm is raised once."""

    __tablename__ = "kind_health"
    kind_name: Mapped[str] = mapped_column(String(60), primary_key=True)
    low: Mapped[str] = mapped_column(String(60))
    checked_at: Mapped[datetime]
