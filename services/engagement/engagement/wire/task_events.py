"""What engagement states about tasks, and the reviews that assignment asks for."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any
from uuid import UUID

from leadchain.engagement.v1 import task_events_pb2 as pb

from engagement.domain.tasks import About, TaskState, Terms

if TYPE_CHECKING:
    from leadchain.assignment.v1.clock_events_pb2 import ReviewRequired

    from engagement.domain.tasks import Task


def task_opened(task: Task) -> pb.TaskOpened:
    """The fact that somebody is asked to do something."""
    event = pb.TaskOpened(
        **_about(task), assignee_id=task.assignee_id, approver_id=task.approver_id
    )
    event.due_at.FromDatetime(task.due_at)
    return event


def task_answered(task: Task) -> pb.TaskAnswered:
    """The fact that somebody answered."""
    return pb.TaskAnswered(
        **_about(task),
        answered_by=task.answered_by,
        approver_id=task.approver_id,
        needs_approval=task.state is TaskState.ANSWERED,
    )


def task_returned(task: Task, *, by: str) -> pb.TaskReturned:
    """The fact that answers were not good."""
    event = pb.TaskReturned(**_about(task), assignee_id=task.assignee_id, returned_by=by)
    event.due_at.FromDatetime(task.due_at)
    return event


def task_closed(task: Task) -> pb.TaskClosed:
    """The fact that it is done."""
    return pb.TaskClosed(
        **_about(task),
        answered_by=task.answered_by,
        closed_by=task.closed_by,
        is_late=task.is_late,
    )


def task_overdue(task: Task, *, manager_id: str) -> pb.TaskOverdue:
    """The fact that it was not done in time."""
    event = pb.TaskOverdue(**_about(task), assignee_id=task.assignee_id, manager_id=manager_id)
    event.due_at.FromDatetime(task.due_at)
    return event


def review(event: ReviewRequired) -> tuple[About, Terms]:
    """The review that assignment asks for, as a task: the owner answers, their manager approves."""
    due_at = event.review_due_at.ToDatetime(tzinfo=UTC)
    about = About(
        subject=f"lead:{event.lead_id}",
        stretch=str(event.assignment_no),
        golden_id=event.golden_id,
        lead_id=UUID(event.lead_id),
        owner_id=event.owner_id,
    )
    return about, Terms(approver_id=event.manager_id, due_at=due_at)


def _about(task: Task) -> dict[str, Any]:
    """What each of these events says of its task."""
    about = task.about
    return {
        "task_id": str(task.task_id),
        "kind": task.kind,
        "lead_id": str(about.lead_id or ""),
        "golden_id": about.golden_id,
        "owner_id": about.owner_id,
    }
