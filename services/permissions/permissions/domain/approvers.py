"""Who may approve what for whom: distinct people at work, who act neither for the requester nor for one another."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from accesskit.policy import ApprovalStep, ApprovalTemplate
from servicekit.errors import Forbidden

SECOND_FACTORS = frozenset({"mfa", "otp", "hwk", "swk", "sc", "fpt", "face", "iris"})
"""Methods (RFC 8176) that show more than a password does."""

SECOND_FACTOR_AGE_MAX_S = 300.0
CLOCK_SKEW_S = 5.0


Concerned = tuple[str, str]
"""The requester and the subject of a request."""


class Verdict(Enum):
    """What an approver says; one denial is final."""

    APPROVE = "approve"
    DENY = "deny"


class Unfit(Enum):
    """Why somebody may not approve a request."""

    NOT_ACTIVE = "not_active"
    NO_PERSON = "no_person"
    REQUESTER = "is_requester"
    SUBJECT = "is_subject"
    SAME_PARTY = "acts_for_requester"
    SUBORDINATE = "is_subordinate"
    NO_ROLE = "no_role_of_group"
    VOTED = "voted_otherwise"
    VOTER_PARTY = "acts_for_another_voter"


class UnfitApprover(Forbidden):
    """This person may not decide on this request; the text says why, as a code."""

    def __init__(self, unfit: Unfit) -> None:
        super().__init__(unfit.value)
        self.unfit = unfit


class StepUpRequired(Forbidden):
    """No second factor was proven within the last five minutes."""

    def __init__(self) -> None:
        super().__init__("step_up_required")


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """How and when a person proved to be there."""

    amr: frozenset[str] = frozenset()
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the state knows them. `roles` are the unexpired, unconditional ones."""

    id: str
    type: str
    status: str
    epoch: int
    roles: frozenset[str] = frozenset()

    @property
    def is_active(self) -> bool:
        """Whether they are at work."""
        return self.status == "active"


@dataclass(frozen=True, slots=True)
class People:
    """Those whom a request concerns.

    `parties` gives for each id a name shared by all who act for one another (`delegate` facts, followed both ways);
    `superiors` everybody above an id.
    """

    persons: Mapping[str, Person] = field(default_factory=dict)
    parties: Mapping[str, str] = field(default_factory=dict)
    superiors: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def active(self, id_: str) -> Person | None:
        """The person, if they are at work."""
        person = self.persons.get(id_)
        return person if person is not None and person.is_active else None

    def act_for_another(self, one: str, other: str) -> bool:
        """Whether the two count as one human."""
        return self.parties.get(one, one) == self.parties.get(other, other)


@dataclass(frozen=True, slots=True)
class Vote:
    """What an approver said for a group. It counts while the approver's epoch is what it was then."""

    approver_id: str
    group: str
    verdict: Verdict
    voted_at_s: float
    epoch: int


def check_second_factor(proof: SecondFactor, *, now_s: float) -> None:
    """Raises `StepUpRequired` unless a second factor was proven within the last five minutes."""
    if proof.at_s is None or proof.amr.isdisjoint(SECOND_FACTORS):
        raise StepUpRequired
    if not -CLOCK_SKEW_S <= now_s - proof.at_s <= SECOND_FACTOR_AGE_MAX_S:
        raise StepUpRequired


def unfitness(concerned: Concerned, approver_id: str, people: People) -> Unfit | None:
    """Why this person may not decide on such a request, whatever their roles; None when they may."""
    approver = people.active(approver_id)
    if approver is None:
        return Unfit.NOT_ACTIVE
    if approver.type != "user":
        return Unfit.NO_PERSON
    if approver_id in concerned:
        return Unfit.REQUESTER if approver_id == concerned[0] else Unfit.SUBJECT
    if any(people.act_for_another(approver_id, each) for each in concerned):
        return Unfit.SAME_PARTY
    superiors = people.superiors.get(approver_id, frozenset())
    return Unfit.SUBORDINATE if not superiors.isdisjoint(concerned) else None


def standing_votes(
    votes: Sequence[Vote], concerned: Concerned, template: ApprovalTemplate, people: People
) -> list[Vote]:
    """The votes that still count: their voters are fit, hold a role of the group, and none acts for another."""
    counted: list[Vote] = []
    for vote in votes:
        person = people.active(vote.approver_id)
        if person is None or person.epoch != vote.epoch:
            continue
        step = _step(template, vote.group)
        is_fit = unfitness(concerned, vote.approver_id, people) is None
        if step is None or not is_fit or person.roles.isdisjoint(step.roles):
            continue
        if not any(
            people.act_for_another(vote.approver_id, other.approver_id) for other in counted
        ):
            counted.append(vote)
    return counted


def is_satisfied(template: ApprovalTemplate, votes: Sequence[Vote]) -> bool:
    """Whether every group has as many approvals as it needs."""
    return all(_approvals(step, votes) >= step.need for step in template.steps)


def with_role_in(template: ApprovalTemplate, roles: Collection[str]) -> bool:
    """Whether one of the roles makes somebody an approver of the template."""
    return any(not step.roles.isdisjoint(roles) for step in template.steps)


def _step(template: ApprovalTemplate, group: str) -> ApprovalStep | None:
    return next((step for step in template.steps if step.group == group), None)


def placed(
    vote: Vote, template: ApprovalTemplate, approver: Person, standing: Sequence[Vote]
) -> Vote:
    """The vote with its group: the one named, else the first that the approver can fill; raises `UnfitApprover`."""
    mine = [step for step in template.steps if not step.roles.isdisjoint(approver.roles)]
    if vote.group:
        mine = [step for step in mine if step.group == vote.group]
    if not mine:
        raise UnfitApprover(Unfit.NO_ROLE)
    lacking = [step for step in mine if _approvals(step, standing) < step.need]
    return replace(vote, group=(lacking or mine)[0].group)


def check_distinct(cast: Vote, standing: Sequence[Vote], people: People) -> None:
    """Raises `UnfitApprover` when the voter, or somebody who acts for them, has a vote that counts."""
    for other in standing:
        if other.approver_id == cast.approver_id:
            raise UnfitApprover(Unfit.VOTED)
        if people.act_for_another(other.approver_id, cast.approver_id):
            raise UnfitApprover(Unfit.VOTER_PARTY)


def _approvals(step: ApprovalStep, votes: Sequence[Vote]) -> int:
    return sum(vote.group == step.group and vote.verdict is Verdict.APPROVE for vote in votes)
