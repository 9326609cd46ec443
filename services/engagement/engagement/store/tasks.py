"""Tasks, what was answered, and when they are due."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from engagement.domain.tasks import About, Task, TaskState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from engagement.domain.tasks import Whose
    from engagement.seals import Seals

LISTED_MAX = 200

_COLUMNS = """
  task_id, kind, subject, stretch, golden_id, lead_id, owner_id, assignee_id, approver_id, needs, needs_approval,
  opened_at, due_at, due_in_s, policy_version, state, sealed_answers, answered_at, answered_by, closed_at, closed_by
"""
_ADD = f"""
insert into tasks ({_COLUMNS})
values ($1, $2, $3, $4, coalesce((select into_golden_id from golden_aliases where golden_id = $5), $5),
  $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, '', null, '', null, '')
on conflict do nothing returning task_id
"""
_LOCK = f"select {_COLUMNS} from tasks where task_id = $1 for update"
_PUT = """
update tasks set state = $2, sealed_answers = $3, answered_at = $4, answered_by = $5, closed_at = $6, closed_by = $7,
  due_at = $8, is_overdue_told = is_overdue_told and due_at = $8, assignee_id = $9
where task_id = $1
"""
_PEOPLE = f"""
select distinct person from tasks cross join lateral (values (owner_id), (assignee_id), (answered_by)) as t (person)
where (state = {TaskState.CLOSED:d}) = $1 and person <> ''
"""
# An answer is approved by who is named, or else by whoever leads who answered.
_MINE = f"""
select {_COLUMNS} from tasks
where (state = {TaskState.CLOSED:d}) = $1 and (
  assignee_id = $2 or assignee_id = any($4::text[]) or answered_by = $2
  or (assignee_id = '' and owner_id = any($3::text[]))
  or (state > {TaskState.OPEN:d} and needs_approval and (
    approver_id = $2 or (approver_id = '' and answered_by = any($3::text[]))
  ))
)
"""
_TEAM = f"""
select {_COLUMNS} from tasks
where (state = {TaskState.CLOSED:d}) = $1 and (owner_id = any($2::text[]) or assignee_id = any($2::text[]))
"""
_URGENT_FIRST = f"order by due_at, task_id limit {LISTED_MAX}"
_NEWEST_FIRST = f"order by closed_at desc, task_id limit {LISTED_MAX}"
_TAKE_OVERDUE = f"""
update tasks set is_overdue_told = true
where task_id in (
  select task_id from tasks where state = {TaskState.OPEN:d} and not is_overdue_told and due_at <= $1
  order by due_at limit $2 for update skip locked
)
returning {_COLUMNS}
"""


async def add(raw: asyncpg.Connection, task: Task) -> bool:
    """Keeps a new task; False when there is one of its kind about the same subject and stretch."""
    about = task.about
    added = await raw.fetchval(
        _ADD,
        task.task_id,
        task.kind,
        about.subject,
        about.stretch,
        about.golden_id,
        about.lead_id,
        about.owner_id,
        task.assignee_id,
        task.approver_id,
        list(task.needs),
        task.needs_approval,
        task.opened_at,
        task.due_at,
        int(task.due_in.total_seconds()),
        task.policy_version,
        task.state,
    )
    return added is not None


async def lock(raw: asyncpg.Connection, task_id: UUID, seals: Seals) -> Task | None:
    """One task, which nobody else changes until the transaction ends."""
    row = await raw.fetchrow(_LOCK, task_id)
    return None if row is None else _task(row, seals)


async def put(raw: asyncpg.Connection, task: Task, seals: Seals) -> None:
    """Keeps how a task stands; another time at which it is due is told again when it passes."""
    await raw.execute(
        _PUT,
        task.task_id,
        task.state,
        seals.seal_answers(task.task_id, task.answers, task.return_reason),
        task.answered_at,
        task.answered_by,
        task.closed_at,
        task.closed_by,
        task.due_at,
        task.assignee_id,
    )


async def people(raw: asyncpg.Connection, *, is_closed: bool) -> list[str]:
    """Everybody who has to do with tasks that are closed, or with those that are not."""
    return [row[0] for row in await raw.fetch(_PEOPLE, is_closed)]


async def of_person(
    raw: asyncpg.Connection, whose: Whose, seals: Seals, *, is_closed: bool
) -> list[Task]:
    """Somebody's tasks, at most `LISTED_MAX`; of those for nobody by name, what is of people they lead directly."""
    order = _NEWEST_FIRST if is_closed else _URGENT_FIRST
    told = (whose.person_id, whose.led, whose.groups)
    rows = await raw.fetch(f"{_MINE}{order}", is_closed, *told)
    return [_task(row, seals) for row in rows]


async def of_people(
    raw: asyncpg.Connection, people_ids: Sequence[str], seals: Seals, *, is_closed: bool
) -> list[Task]:
    """The tasks about, or given to, people, at most `LISTED_MAX`."""
    order = _NEWEST_FIRST if is_closed else _URGENT_FIRST
    return [_task(row, seals) for row in await raw.fetch(f"{_TEAM}{order}", is_closed, people_ids)]


async def take_overdue(
    raw: asyncpg.Connection, seals: Seals, *, now: datetime, limit: int
) -> list[Task]:
    """Tasks that were not answered in time, each once for each time it was due."""
    return [_task(row, seals) for row in await raw.fetch(_TAKE_OVERDUE, now, limit)]


def _task(row: asyncpg.Record, seals: Seals) -> Task:
    told = dict(row)
    about = ("subject", "stretch", "golden_id", "lead_id", "owner_id")
    answers, reason = seals.open_answers(row["task_id"], told.pop("sealed_answers"))
    return Task(
        about=About(**{name: told.pop(name) for name in about}),
        state=TaskState(told.pop("state")),
        needs=tuple(told.pop("needs")),
        due_in=timedelta(seconds=told.pop("due_in_s")),
        answers=answers,
        return_reason=reason,
        **told,
    )
