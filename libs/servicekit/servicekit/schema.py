"""The kit's own tables, and the conventions of every service's tables."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    func,
    text,
)

TYPES = {datetime: DateTime(timezone=True), UUID: Uuid(), bytes: LargeBinary(), str: Text()}
"""Column types of mapped attributes: every time has a zone, every id is a UUID."""

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def kit_metadata() -> MetaData:
    """Fresh metadata with the naming convention and the kit's tables; a service adds its own."""
    metadata = MetaData(naming_convention=NAMES)
    _outbox(metadata)
    _inbox(metadata)
    _delivery_failures(metadata)
    _dead_letters(metadata)
    return metadata


def _outbox(metadata: MetaData) -> None:
    """Events to publish, and those published, kept for the replay window."""
    outbox = Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", Uuid, nullable=False),
        Column("event_type", String(200), nullable=False),
        Column("key", String(200), nullable=False),
        Column("payload", LargeBinary, nullable=False),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("traceparent", String(64)),
        Column("published_at", DateTime(timezone=True)),
        postgresql_with={"autovacuum_vacuum_scale_factor": "0.01", "fillfactor": "80"},
    )
    unpublished = text("published_at IS NULL")
    Index("ix_outbox_unpublished", outbox.c.id, postgresql_where=unpublished)
    Index("ix_outbox_occurred_at", outbox.c.occurred_at, postgresql_using="brin")


def _inbox(metadata: MetaData) -> None:
    """Which consumer has handled which event: the reason that a handler may be run twice."""
    inbox = Table(
        "inbox",
        metadata,
        Column("consumer", String(100), primary_key=True),
        Column("event_id", Uuid, primary_key=True),
        Column("handled_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )
    Index("ix_inbox_handled_at", inbox.c.handled_at, postgresql_using="brin")


def _delivery_failures(metadata: MetaData) -> None:
    """Messages that failed and will be tried again."""
    Table(
        "delivery_failures",
        metadata,
        Column("consumer", String(100), primary_key=True),
        Column("event_id", String(64), primary_key=True),
        Column("attempt_count", Integer, nullable=False),
        Column("first_failed_at", DateTime(timezone=True), nullable=False),
        Column("error", Text, nullable=False),
    )


def _dead_letters(metadata: MetaData) -> None:
    """Messages that were given up: kept until somebody replays or discards them."""
    letters = Table(
        "dead_letters",
        metadata,
        Column("consumer", String(100), primary_key=True),
        Column("event_id", String(64), primary_key=True),
        Column("event_type", String(200), nullable=False),
        Column("payload", LargeBinary, nullable=False),
        Column("error", Text, nullable=False),
        Column("attempt_count", Integer, nullable=False),
        Column("first_failed_at", DateTime(timezone=True), nullable=False),
        Column("quarantined_at", DateTime(timezone=True), nullable=False),
        Column("traceparent", String(64)),
    )
    Index("ix_dead_letters_quarantined_at", letters.c.quarantined_at)
