"""The tables, for the migrations; what serves speaks SQL and imports none of this."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from servicekit.erasures import erasures_table
from servicekit.schema import TYPES, kit_metadata
from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from assignment.store.states import (
    STATE_ASSIGNED,
    STATE_MERGED,
    STATE_POOLED,
    STATE_WAITING,
    STATE_WITHDRAWN,
)

_HOT_ROWS = {"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.01"}


class Base(DeclarativeBase):
    """Assignment's tables, and the kit's."""

    metadata = kit_metadata()
    type_annotation_map = TYPES


erasures_table(Base.metadata)


class LeadRow(Base):
    """One lead: who must act on it, by when, and what is needed to route it again."""

    __tablename__ = "leads"
    __table_args__ = (
        CheckConstraint(
            f"(state = {STATE_ASSIGNED}) = (assignee_id is not null and contact_due_at is not null"
            " and first_assigned_at is not null and assignment_no > 0)",
            name="assigned",
        ),
        CheckConstraint(
            f"state = {STATE_WITHDRAWN} or (state = {STATE_MERGED}) = (into_lead_id is not null)",
            name="merged",
        ),
        CheckConstraint(
            f"(state = {STATE_WITHDRAWN}) = (withdrawn_import_id is not null)", name="withdrawn"
        ),
        CheckConstraint(
            f"(state = {STATE_POOLED}) = (pooled_at is not null)"
            " and (pooled_at is null) = (pooled_from is null)",
            name="pooled",
        ),
        CheckConstraint(f"state between {STATE_ASSIGNED} and {STATE_POOLED}", name="state"),
        Index(
            "uq_leads_open_golden_id",
            "golden_id",
            unique=True,
            postgresql_where=text(f"state < {STATE_MERGED}"),
        ),
        Index(
            "ix_leads_former_golden_id",
            "golden_id",
            postgresql_where=text(f"state >= {STATE_MERGED}"),
        ),
        Index(
            "ix_leads_into_lead_id",
            "into_lead_id",
            postgresql_where=text("into_lead_id is not null"),
        ),
        Index(
            "ix_leads_waiting",
            "tried_openings",
            "received_at",
            postgresql_where=text(f"state = {STATE_WAITING}"),
        ),
        Index("ix_leads_pooled", "pooled_at", postgresql_where=text(f"state = {STATE_POOLED}")),
        Index("ix_leads_received_at", "received_at", postgresql_using="brin"),
    )

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    golden_id: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime]
    state: Mapped[int] = mapped_column(SmallInteger)
    assignee_id: Mapped[str | None] = mapped_column(String(64))
    assignment_no: Mapped[int] = mapped_column(default=0)
    contact_due_at: Mapped[datetime | None]
    first_assigned_at: Mapped[datetime | None]
    contacted_at: Mapped[datetime | None]
    into_lead_id: Mapped[UUID | None]
    withdrawn_import_id: Mapped[UUID | None]
    province: Mapped[str] = mapped_column(String(64))
    city: Mapped[str] = mapped_column(String(64))
    region_precision: Mapped[int] = mapped_column(SmallInteger)
    industry: Mapped[str] = mapped_column(String(64))
    source_kind: Mapped[str] = mapped_column(String(64))
    first_action: Mapped[str] = mapped_column(String(64))
    phone_display: Mapped[str] = mapped_column(String(64))
    traceparent: Mapped[str | None] = mapped_column(String(64))
    decision_count: Mapped[int]
    tried_openings: Mapped[int] = mapped_column(BigInteger)
    product: Mapped[str] = mapped_column(String(200), server_default="")
    budget: Mapped[float | None]
    attributes: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))
    score: Mapped[float] = mapped_column(server_default=text("0"))
    accepted_at: Mapped[datetime | None]
    effective_at: Mapped[datetime | None]
    pooled_at: Mapped[datetime | None]
    pooled_from: Mapped[str | None] = mapped_column(String(64))


class GoldenAliasRow(Base):
    """A Golden ID that stands for another customer since theirs was merged."""

    __tablename__ = "golden_aliases"

    golden_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    into_golden_id: Mapped[str] = mapped_column(String(64), index=True)


class WithdrawalRow(Base):
    """A lead that shall be withdrawn and is not: it has not come yet, or others have joined it."""

    __tablename__ = "withdrawals"

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    import_id: Mapped[UUID]


class DecisionRow(Base):
    """One decision about a lead, with its grounds in packed form; see `assignment.domain.routing.Grounds`."""

    __tablename__ = "decisions"

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    decision_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    decided_at: Mapped[datetime]
    outcome: Mapped[int] = mapped_column(SmallInteger)
    cause: Mapped[int] = mapped_column(SmallInteger)
    assignee_id: Mapped[str | None] = mapped_column(String(64))
    rule_id: Mapped[str | None] = mapped_column(String(64))
    rules_version: Mapped[int | None]
    roster_version: Mapped[int | None] = mapped_column(BigInteger)
    source_weight: Mapped[float | None]
    verdicts: Mapped[bytes | None]
    counts: Mapped[bytes | None]
    score: Mapped[float | None]
    tie_breaker: Mapped[int | None] = mapped_column(SmallInteger)
    pool_id: Mapped[str | None] = mapped_column(String(64))


class DecisionStepRow(Base):
    """A pool that a decision fell back to, with its grounds as in `DecisionRow`."""

    __tablename__ = "decision_steps"

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    decision_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    step_no: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    rule_id: Mapped[str] = mapped_column(String(64))
    verdicts: Mapped[bytes]
    counts: Mapped[bytes]


class TimerRow(Base):
    """A clock about one assignment of a lead; kept after it has fired.

    It was counted by `calendar` as that was at `roster_version`; by the clock on the wall where that is empty.
    """

    __tablename__ = "timers"
    __table_args__ = (
        Index("ix_timers_kind_due_at", "kind", "due_at", postgresql_where=text("fired_at is null")),
    )

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    assignment_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    due_at: Mapped[datetime]
    fired_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    calendar: Mapped[str] = mapped_column(String(64), server_default="")
    roster_version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class RepRow(Base):
    """A rep as they were from one version of the roster until another; without an end they are so now."""

    __tablename__ = "reps"
    __table_args__ = (
        Index(
            "uq_reps_current",
            "rep_id",
            unique=True,
            postgresql_where=text("until_version is null"),
        ),
    )

    rep_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    since_version: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    until_version: Mapped[int | None] = mapped_column(BigInteger)
    manager_id: Mapped[str] = mapped_column(String(64))
    provinces: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    cities: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    industries: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    capacity: Mapped[int]
    weight: Mapped[int]
    active: Mapped[bool]
    skills: Mapped[list[str]] = mapped_column(ARRAY(String(64)), server_default=text("'{}'"))
    calendar: Mapped[str] = mapped_column(String(64), server_default="")
    shifts: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    absences: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    inactive_because: Mapped[str] = mapped_column(String(16), server_default="")


class CalendarRow(Base):
    """A team's calendar as it was from one version of the roster until another."""

    __tablename__ = "calendars"
    __table_args__ = (
        Index(
            "uq_calendars_current",
            "name",
            unique=True,
            postgresql_where=text("until_version is null"),
        ),
    )

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    since_version: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    until_version: Mapped[int | None] = mapped_column(BigInteger)
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)


class RuleVersionRow(Base):
    """A document of routing rules that is or was in force."""

    __tablename__ = "rule_versions"
    __table_args__ = (
        Index(
            "uq_rule_versions_approval_id",
            "approval_id",
            unique=True,
            postgresql_where=text("approval_id <> ''"),
        ),
    )

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    document: Mapped[str] = mapped_column(Text)
    sha256: Mapped[bytes]
    published_by: Mapped[str] = mapped_column(String(200))
    approval_id: Mapped[str] = mapped_column(String(200))
    published_at: Mapped[datetime]
    restored_version: Mapped[int | None]


class DeclineRow(Base):
    """A lead that its owner gave back."""

    __tablename__ = "declines"
    __table_args__ = (Index("ix_declines_rep_id_declined_at", "rep_id", "declined_at"),)

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    assignment_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rep_id: Mapped[str] = mapped_column(String(64))
    declined_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(32))


class PoolClaimRow(Base):
    """A lead that somebody took out of the public pool."""

    __tablename__ = "pool_claims"
    __table_args__ = (Index("ix_pool_claims_rep_id_claimed_at", "rep_id", "claimed_at"),)

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    assignment_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rep_id: Mapped[str] = mapped_column(String(64))
    claimed_at: Mapped[datetime]


class RosterRow(Base):
    """The one row that says which roster and which rules are in force.

    `duty_at` is until when comings and goings by the calendars have been noted. `openings` counts what may let a
    waiting lead find an owner: a changed roster, other rules, somebody who comes on duty, a full rep with room again,
    a start. A waiting lead remembers the count at which it was last tried.
    """

    __tablename__ = "roster"
    __table_args__ = (CheckConstraint("id = 1", name="single"), {"postgresql_with": _HOT_ROWS})

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)
    openings: Mapped[int] = mapped_column(BigInteger)
    rules_version: Mapped[int] = mapped_column(server_default=text("1"))
    duty_at: Mapped[datetime] = mapped_column(server_default=text("'1970-01-01 00:00:00+00'"))


class LoadRow(Base):
    """What a rep has to do (open leads, and leads ever given), and whether they are there."""

    __tablename__ = "loads"
    __table_args__ = ({"postgresql_with": _HOT_ROWS},)

    rep_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    open_count: Mapped[int]
    assigned_count: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime | None]
    is_away: Mapped[bool] = mapped_column(server_default=text("false"))
    last_given_at: Mapped[datetime | None]


class RotationRow(Base):
    """How many turns of a rule a rep has had; written only by who holds the lock of the rep's load."""

    __tablename__ = "rotations"
    __table_args__ = ({"postgresql_with": _HOT_ROWS},)

    rule_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    rep_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    served: Mapped[int] = mapped_column(BigInteger)
