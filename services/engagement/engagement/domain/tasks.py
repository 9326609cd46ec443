"""Tasks: what somebody is asked to do, until when, with which answers, and who approves them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from servicekit.errors import Conflict, Forbidden, Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from engagement.domain.opportunities import Opportunity

    ManagerOf = Callable[[str], str]
    GroupsOf = Callable[[str], Collection[str]]

TEXT_CHARS_MAX = 2_000
REVIEW = "forced_review"
"""The kind that assignment asks for, which every policy declares (FU-09)."""
_TASKS = UUID("1f6f6d0e-2b0a-5d4f-9a52-7f0a2a6f8c11")


class UnknownTask(NotFound):
    """No such task."""

    def __init__(self, task_id: UUID) -> None:
        super().__init__(f"no task {task_id}")


class NotYours(Forbidden):
    """The task is somebody else's to answer or to approve; the text says which."""


class UnusableAnswer(Invalid):
    """Answers that a task cannot take; the text says why."""


class NotNow(Conflict):
    """What a task is not at: closed tasks are not answered, unanswered ones not approved."""

    def __init__(self, state: TaskState) -> None:
        super().__init__(f"the task is {state.name.lower()}")


class TaskState(IntEnum):
    """How a task stands; the numbers are kept in the database."""

    OPEN = 1
    ANSWERED = 2
    """It waits for approval."""
    CLOSED = 3


@dataclass(frozen=True, slots=True)
class TaskKind:
    """What a kind of task asks for.

    `is_managers` makes it a task of whoever leads the owner, `group` one of everybody who has that role.
    """

    kind: str
    zh: str
    en: str
    due_in: timedelta
    is_managers: bool
    needs: tuple[str, ...]
    needs_approval: bool
    group: str = ""


@dataclass(frozen=True, slots=True)
class TaskPolicy:
    """The kinds of tasks in force."""

    version: int
    kinds: Mapping[str, TaskKind]


@dataclass(frozen=True, slots=True)
class About:
    """What a task is about: `subject` and `stretch` make it one of its kind, `owner_id` is whose work it is about."""

    subject: str
    stretch: str = ""
    golden_id: str = ""
    lead_id: UUID | None = None
    owner_id: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What whoever opens a task may say otherwise than its kind: who approves, and until when."""

    approver_id: str = ""
    due_at: datetime | None = None


BY_KIND = Terms()
"""As the kind says."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task. It keeps what its kind asked for when it was opened; ids of people are empty for nobody.

    `assignee_id` may be a group's name: then it is for everybody in it.
    """

    task_id: UUID
    kind: str
    about: About
    assignee_id: str
    approver_id: str
    needs: tuple[str, ...]
    needs_approval: bool
    opened_at: datetime
    due_at: datetime
    due_in: timedelta
    policy_version: int
    state: TaskState = TaskState.OPEN
    answers: tuple[str, ...] = ()
    """In the order of `needs`; empty before it is answered, and after they were erased."""
    return_reason: str = ""
    answered_at: datetime | None = None
    answered_by: str = ""
    closed_at: datetime | None = None
    closed_by: str = ""

    @property
    def is_late(self) -> bool:
        """Whether it was answered after it was due."""
        return self.answered_at is not None and self.answered_at > self.due_at

    def may_answer(self, person_id: str, manager_of: ManagerOf, groups_of: GroupsOf) -> bool:
        """Whether it is somebody's to answer: who is named, or in the group named, or else who leads the owner now."""
        named = self.assignee_id or (manager_of(self.about.owner_id) if self.about.owner_id else "")
        return bool(named) and (person_id == named or named in groups_of(person_id))

    def may_approve(self, person_id: str, manager_of: ManagerOf) -> bool:
        """Whether the answers are somebody's to approve: who is named, or else whoever leads who answered."""
        named = self.approver_id or (manager_of(self.answered_by) if self.answered_by else "")
        return bool(named) and person_id == named and person_id != self.answered_by

    def ordered(self, answers: Mapping[str, str]) -> tuple[str, ...]:
        """Answers in the order of the needs; raises `UnusableAnswer` with everything that is wrong."""
        faults = [f"{need} is missing" for need in self.needs if not answers.get(need, "").strip()]
        faults += [f"{need!r} is not asked for" for need in answers if need not in self.needs]
        faults += [
            f"{need} is longer than {TEXT_CHARS_MAX} characters"
            for need in self.needs
            if len(answers.get(need, "")) > TEXT_CHARS_MAX
        ]
        if faults:
            raise UnusableAnswer("; ".join(faults))
        return tuple(answers[need].strip() for need in self.needs)


@dataclass(frozen=True, slots=True)
class Whose:
    """Somebody, whom they lead directly, and the groups that they are in."""

    person_id: str
    led: Sequence[str]
    groups: Sequence[str]


def opened(
    kind: TaskKind,
    about: About,
    terms: Terms,
    *,
    now: datetime,
    policy_version: int,
    manager_of: ManagerOf,
) -> Task:
    """A new task. One of a kind about the same subject and stretch has the same id, whoever opens it."""
    manager_id = manager_of(about.owner_id) if about.owner_id else ""
    assignee_id = kind.group or (manager_id if kind.is_managers else about.owner_id)
    approver_id = ""
    if kind.needs_approval:
        approver_id = terms.approver_id or (manager_of(assignee_id) if assignee_id else "")
    return Task(
        task_id=id_of(kind.kind, about),
        kind=kind.kind,
        about=about,
        assignee_id=assignee_id,
        approver_id=approver_id,
        needs=kind.needs,
        needs_approval=kind.needs_approval,
        opened_at=now,
        due_at=terms.due_at or now + kind.due_in,
        due_in=kind.due_in,
        policy_version=policy_version,
    )


def about_sold(
    subject: str, golden_id: str, opportunity: Opportunity | None, *, stretch: str = ""
) -> About:
    """What a task about a customer is about, and whose work that is: whoever sells to them."""
    return About(
        subject=subject,
        stretch=stretch,
        golden_id=golden_id,
        lead_id=opportunity.lead_id if opportunity else None,
        owner_id=(opportunity.owner_id or "") if opportunity else "",
    )


def id_of(kind: str, about: About) -> UUID:
    """The id of the task of a kind about a subject and stretch."""
    return uuid5(_TASKS, f"{kind}|{len(about.subject)}:{about.subject}|{about.stretch}")


def leads(manager_id: str, person_id: str, manager_of: ManagerOf) -> bool:
    """Whether somebody leads a person, or leads who does; a ring of managers ends where it began."""
    seen: set[str] = set()
    above: str = person_id
    while above and above not in seen:
        seen.add(above)
        above = manager_of(above)
        if above == manager_id:
            return True
    return False


def led_by(manager_id: str, people: Sequence[str], manager_of: ManagerOf) -> list[str]:
    """Those of the people whom somebody leads."""
    return [each for each in people if each != manager_id and leads(manager_id, each, manager_of)]
