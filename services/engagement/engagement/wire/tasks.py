"""Tasks as people read and answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.engagement.v1 import tasks_service_pb2 as pb

from engagement.domain.tasks import UnusableAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engagement.domain.tasks import Task, TaskPolicy


def answers(told: Iterable[pb.TaskAnswer]) -> dict[str, str]:
    """Answers by what they answer; raises `UnusableAnswer` for two to the same."""
    found: dict[str, str] = {}
    for each in told:
        if each.need in found:
            raise UnusableAnswer(f"{each.need!r} is answered twice")
        found[each.need] = each.text
    return found


def task(known: Task, policy: TaskPolicy) -> pb.Task:
    """One task."""
    kind, about = policy.kinds.get(known.kind), known.about
    told = pb.Task(
        task_id=str(known.task_id),
        kind=known.kind,
        name_zh=kind.zh if kind else "",
        name_en=kind.en if kind else "",
        state=known.state.name.lower(),
        lead_id=str(about.lead_id or ""),
        golden_id=about.golden_id,
        owner_id=about.owner_id,
        assignee_id=known.assignee_id,
        approver_id=known.approver_id,
        needs_approval=known.needs_approval,
        needs=known.needs,
        answers=_answers(known),
        return_reason=known.return_reason,
        answered_by=known.answered_by,
    )
    _set_times(told, known)
    return told


def tasks(known: Iterable[Task], policy: TaskPolicy) -> pb.ListTasksResponse:
    """Tasks in their order."""
    return pb.ListTasksResponse(tasks=[task(each, policy) for each in known])


def _answers(known: Task) -> list[pb.TaskAnswer]:
    answered = zip(known.needs, known.answers, strict=False)
    return [pb.TaskAnswer(need=need, text=text) for need, text in answered]


def _set_times(told: pb.Task, known: Task) -> None:
    told.opened_at.FromDatetime(known.opened_at)
    told.due_at.FromDatetime(known.due_at)
    if known.answered_at is not None:
        told.answered_at.FromDatetime(known.answered_at)
    if known.closed_at is not None:
        told.closed_at.FromDatetime(known.closed_at)
