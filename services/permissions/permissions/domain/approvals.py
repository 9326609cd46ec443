"""Approvals of sensitive actions: what they permit, and when one still stands (PM-04, PM-08, PM-11).

An approval is bound to a deed: subject, action, resource and the hash of the arguments. It is judged again whenever it
is shown, by the people, roles and policy of that moment. Times are Unix seconds of this service's own clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from accesskit.policy import ApprovalTemplate
from servicekit.errors import AlreadyExists, Conflict, Forbidden, NotFound

from permissions.domain.approvers import (
    People,
    UnfitApprover,
    Verdict,
    Vote,
    check_distinct,
    is_satisfied,
    placed,
    standing_votes,
    unfitness,
)

EXPIRES_S_MAX = 86_400.0
USABLE_S_MAX = 900.0
"""Whatever a template says: a request waits for a day at most, an approval serves for 15 minutes at most."""


class Status(Enum):
    """Where a request stands; only PENDING and APPROVED can still change."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    USED = "used"


class Denial(Enum):
    """Why an approval does not permit a deed: the codes of AuthZEN's access-request profile."""

    EXPIRED = "approval_expired"
    OUT_OF_SCOPE = "out_of_scope"
    PENDING = "grant_pending"
    POLICY = "policy_denied"
    UNVERIFIABLE = "approval_unverifiable"


class ApprovalRefused(Forbidden):
    """The approval does not permit this deed now; the text is the code."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.value)
        self.denial = denial


class NotRequestable(Forbidden):
    """The policy does not let the subject do this even with an approval; the text is its reason code."""


class NoApprovalNeeded(Conflict):
    """The policy allows the deed as it is, or knows no approval of this name for it."""


class OtherQuestion(Conflict):
    """The binding token is of another question than the one that is asked for."""

    def __init__(self) -> None:
        super().__init__("the binding token is of another question")


class Undecidable(Conflict):
    """The request is no longer open; the text is its status."""

    def __init__(self, status: Status) -> None:
        super().__init__(f"the request is {status.value}")
        self.status = status


class RequestIdTaken(AlreadyExists):
    """Another request has this id."""

    def __init__(self) -> None:
        super().__init__("another request has this id")


class NoSuchRequest(NotFound):
    """No request has this id, or the caller has nothing to do with it."""

    def __init__(self) -> None:
        super().__init__("no such request")


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be done; `params_hash` is SHA-256 (hex) of the canonical arguments."""

    subject_id: str
    action: str
    resource_type: str
    resource_id: str
    params_hash: str


@dataclass(frozen=True, slots=True)
class Emergency:
    """What breaking the glass adds to a request: who is told, and the review that must follow."""

    notify_ids: tuple[str, ...]
    review_by_s: float
    reviewed_by: str = ""
    reviewed_at_s: float | None = None
    review: Verdict | None = None


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A request, and the approval that it may become. `use_key` and `used_by` name the one use."""

    id: str
    template: str
    requester_id: str
    requester_epoch: int
    subject_epoch: int
    deed: Deed
    summary: str
    requested_at_s: float
    expires_at_s: float
    status: Status = Status.PENDING
    usable_until_s: float | None = None
    used_at_s: float | None = None
    use_key: str = ""
    used_by: str = ""
    emergency: Emergency | None = None

    @property
    def concerned(self) -> tuple[str, str]:
        """Requester and subject, who approve nothing of it."""
        return self.requester_id, self.deed.subject_id

    @property
    def is_open(self) -> bool:
        """Whether something can still become of it."""
        return self.status in {Status.PENDING, Status.APPROVED}

    def status_at(self, now_s: float) -> Status:
        """Where it stands now, whether or not its expiry has been written down."""
        ends_s = self.expires_at_s if self.status is Status.PENDING else self.usable_until_s
        return Status.EXPIRED if self.is_open and now_s >= (ends_s or 0.0) else self.status

    def is_same_as(self, other: "AccessRequest") -> bool:
        """Whether the other is this request asked for again."""
        mine = (self.id, self.template, self.requester_id, self.deed, bool(self.emergency))
        return mine == (
            other.id,
            other.template,
            other.requester_id,
            other.deed,
            bool(other.emergency),
        )


def cast_vote(
    request: AccessRequest,
    vote: Vote,
    votes: Sequence[Vote],
    *,
    template: ApprovalTemplate,
    people: People,
) -> tuple[AccessRequest, Vote]:
    """The request after the vote, and the vote with the group that it counts for.

    `votes` are those before. Raises `Undecidable` and `UnfitApprover`; an approver whose first vote still counts
    has no second.
    """
    if request.status_at(vote.voted_at_s) is not Status.PENDING:
        raise Undecidable(request.status_at(vote.voted_at_s))
    unfit = unfitness(request.concerned, vote.approver_id, people)
    if unfit is not None:
        raise UnfitApprover(unfit)
    standing = standing_votes(votes, request.concerned, template, people)
    cast = placed(vote, template, people.persons[vote.approver_id], standing)
    check_distinct(cast, standing, people)
    return _after(request, cast, [*standing, cast], template), cast


def denial(
    request: AccessRequest | None,
    votes: Sequence[Vote],
    deed: Deed,
    *,
    template: ApprovalTemplate | None,
    people: People,
    now_s: float,
) -> Denial | None:
    """Why the approval does not permit this deed now; None when it does, as far as people and templates go."""
    if request is None:
        return Denial.UNVERIFIABLE
    if request.deed != deed:
        return Denial.OUT_OF_SCOPE
    closed = _CLOSED.get(request.status_at(now_s))
    if closed is not None:
        return closed
    if template is None or template.id != request.template or not _are_as_then(request, people):
        return Denial.POLICY
    if request.emergency is not None:
        return None if template.has_break_glass else Denial.POLICY
    counted = standing_votes(votes, request.concerned, template, people)
    return None if is_satisfied(template, counted) else Denial.POLICY


def is_replay(request: AccessRequest, deed: Deed, *, key: str, used_by: str) -> bool:
    """Whether this is the one use again: same deed, same key, same executor."""
    one_use = (request.status, request.deed, request.use_key, request.used_by)
    return one_use == (Status.USED, deed, key, used_by)


def cancelled(request: AccessRequest) -> AccessRequest:
    """The request withdrawn; raises `Undecidable` when it is over. Twice is once."""
    if request.status is Status.CANCELLED:
        return request
    if not request.is_open:
        raise Undecidable(request.status)
    return replace(request, status=Status.CANCELLED)


_CLOSED = {
    Status.PENDING: Denial.PENDING,
    Status.DENIED: Denial.POLICY,
    Status.CANCELLED: Denial.POLICY,
    Status.EXPIRED: Denial.EXPIRED,
    Status.USED: Denial.EXPIRED,
}


def _are_as_then(request: AccessRequest, people: People) -> bool:
    then = (
        (request.requester_id, request.requester_epoch),
        (request.deed.subject_id, request.subject_epoch),
    )
    return all(
        (person := people.active(id_)) is not None and person.epoch == epoch for id_, epoch in then
    )


def _after(
    request: AccessRequest, cast: Vote, votes: Sequence[Vote], template: ApprovalTemplate
) -> AccessRequest:
    if cast.verdict is Verdict.DENY:
        return replace(request, status=Status.DENIED)
    if not is_satisfied(template, votes):
        return request
    usable_s = min(USABLE_S_MAX, template.usable_min * 60)
    return replace(request, status=Status.APPROVED, usable_until_s=cast.voted_at_s + usable_s)
