"""The tables of leases and of requests for access."""

from datetime import date

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from permissions.store.approvals import OPEN
from permissions.store.rows import Base


class LeaseRow(Base):
    """One resource, its owner (empty in the public pool), and when the owner last followed up.

    `version` is 0 for a row that no entry of the log states yet. `noticed_state` is the last state for which a notice
    went out in this `episode`, which is one run of the lease's clock. `channel` and `received_at_s` are a lead's.
    """

    __tablename__ = "leases"
    resource_type: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    resource_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(200, collation="C"))
    touched_at_s: Mapped[float] = mapped_column(Double)
    version: Mapped[int] = mapped_column(BigInteger)
    suspended_until_s: Mapped[float] = mapped_column(Double)
    is_exempt: Mapped[bool]
    former_owner_id: Mapped[str] = mapped_column(String(200, collation="C"))
    cool_until_s: Mapped[float] = mapped_column(Double)
    seq: Mapped[int] = mapped_column(BigInteger)
    assignment_no: Mapped[int] = mapped_column(Integer)
    granted_at_s: Mapped[float] = mapped_column(Double)
    noticed_state: Mapped[str] = mapped_column(String(20))
    episode: Mapped[int] = mapped_column(Integer)
    channel: Mapped[str] = mapped_column(String(100))
    received_at_s: Mapped[float] = mapped_column(Double)
    clock_s: Mapped[float] = mapped_column(
        Double, Computed("GREATEST(touched_at_s, suspended_until_s)", persisted=True)
    )

    __table_args__ = (
        CheckConstraint("version >= 0", name="version_is_not_negative"),
        CheckConstraint("assignment_no >= 0", name="assignment_no_is_not_negative"),
        CheckConstraint(
            "noticed_state in ('', 'notice', 'readonly')", name="noticed_state_is_known"
        ),
        Index("ix_leases_owner", "owner_id", "resource_type", "resource_id"),
        Index(
            "ix_leases_due",
            "noticed_state",
            "clock_s",
            postgresql_where=text("owner_id <> '' and not is_exempt"),
        ),
        Index("ix_leases_unlogged", "resource_id", postgresql_where=text("version = 0")),
    )


class ClaimRow(Base):
    """How many resources somebody took from the pool on a day."""

    __tablename__ = "claims"
    principal_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(Integer)


class LeaseClockRow(Base):
    """The latest time at which leases were looked at: a clock that is set back unlocks nothing."""

    __tablename__ = "lease_clock"
    only_row: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    reached_s: Mapped[float] = mapped_column(Double)

    __table_args__ = (CheckConstraint("only_row = 1", name="there_is_one_row"),)


class AccessRequestRow(Base):
    """A request for one deed; the columns of use and of review are filled in as they happen."""

    __tablename__ = "access_requests"
    request_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    template: Mapped[str] = mapped_column(String(100))
    requester_id: Mapped[str] = mapped_column(String(200, collation="C"))
    requester_epoch: Mapped[int]
    subject_epoch: Mapped[int]
    subject_id: Mapped[str] = mapped_column(String(200, collation="C"))
    action: Mapped[str] = mapped_column(String(200, collation="C"))
    resource_type: Mapped[str] = mapped_column(String(200, collation="C"))
    resource_id: Mapped[str] = mapped_column(String(200, collation="C"))
    params_hash: Mapped[str] = mapped_column(String(64))
    summary: Mapped[str] = mapped_column(String(500))
    requested_at_s: Mapped[float] = mapped_column(Double)
    expires_at_s: Mapped[float] = mapped_column(Double)
    status: Mapped[str] = mapped_column(String(20))
    usable_until_s: Mapped[float | None] = mapped_column(Double)
    used_at_s: Mapped[float | None] = mapped_column(Double)
    use_key: Mapped[str] = mapped_column(String(200))
    used_by: Mapped[str] = mapped_column(String(200, collation="C"))
    notify_ids: Mapped[list[str]] = mapped_column(ARRAY(String(200)))
    review_by_s: Mapped[float | None] = mapped_column(Double)
    reviewed_by: Mapped[str] = mapped_column(String(200, collation="C"))
    reviewed_at_s: Mapped[float | None] = mapped_column(Double)
    review: Mapped[str | None] = mapped_column(String(20))
    is_sanctioned: Mapped[bool]
    requested_seq: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint(
            "status in ('pending', 'approved', 'denied', 'expired', 'cancelled', 'used')",
            name="status_is_known",
        ),
        CheckConstraint("(status = 'used') = (used_at_s is not null)", name="used_once"),
        CheckConstraint(
            "status not in ('approved', 'used') or usable_until_s is not null",
            name="approved_for_a_time",
        ),
        Index("ix_access_requests_requester", "requester_id", "request_id"),
        Index("ix_access_requests_open", "template", "request_id", postgresql_where=text(OPEN)),
        Index(
            "ix_access_requests_to_review",
            "review_by_s",
            postgresql_where=text(
                "review_by_s is not null and review is null and not is_sanctioned"
            ),
        ),
    )


class ApprovalVoteRow(Base):
    """What an approver said of a request; the last word of each."""

    __tablename__ = "approval_votes"
    request_id: Mapped[str] = mapped_column(
        String(200, collation="C"), ForeignKey("access_requests.request_id"), primary_key=True
    )
    approver_id: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    step_group: Mapped[str] = mapped_column(String(100))
    verdict: Mapped[str] = mapped_column(String(20))
    voted_at_s: Mapped[float] = mapped_column(Double)
    epoch: Mapped[int]
    seq: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("verdict in ('approve', 'deny')", name="verdict_is_known"),
        Index("ix_approval_votes_approver", "approver_id"),
    )
