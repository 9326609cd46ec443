"""Assignments and effective follow-ups as rows; a whole batch in one statement, in any order and more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from reporting.domain.assignments import EffectiveFollowUp, Stretch

_STATED: dict[str, tuple[tuple[str, str, str], ...]] = {
    "LeadAssigned": (
        ("due_24_at", "greatest", "due_us"),
        ("due_48_at", "greatest", "due_48_us"),
        ("due_72_at", "greatest", "due_72_us"),
    ),
    "FollowUpBecameYellow": (("due_48_at", "greatest", "due_us"),),
    "FollowUpOverdue": (("due_72_at", "greatest", "due_us"),),
    "LeadDeclined": (("declined_at", "least", "occurred_us"),),
    "LeadPooled": (("pooled_at", "greatest", "occurred_us"),),
}
"""For each event: its own columns beside those that all share, how each is joined, and what it is made of."""
_GATHER = {"least": "min", "greatest": "max"}


def _statement(own: Sequence[tuple[str, str, str]]) -> str:
    columns = "".join(f", {name}" for name, _, _ in own)
    values = "".join(
        f", to_timestamp(nullif({_GATHER[keep]}({source}), 0) / 1e6)" for _, keep, source in own
    )
    joins = "".join(f", {name} = {keep}(a.{name}, excluded.{name})" for name, keep, _ in own)
    return f"""
insert into assignments as a (lead_id, number, channel, rep_id, newest_at, assigned_at{columns})
select lead_id, number, min(channel), max(rep_id), to_timestamp(max(occurred_us) / 1e6),
       to_timestamp(nullif(min(assigned_us), 0) / 1e6){values}
from unnest($1::uuid[], $2::int4[], $3::text[], $4::text[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], $9::int8[])
  as t(lead_id, number, channel, rep_id, occurred_us, assigned_us, due_us, due_48_us, due_72_us)
group by lead_id, number order by lead_id, number
on conflict (lead_id, number) do update
set rep_id = greatest(a.rep_id, excluded.rep_id), newest_at = greatest(a.newest_at, excluded.newest_at),
    assigned_at = least(a.assigned_at, excluded.assigned_at){joins}
"""


_RECORD = {event: _statement(own) for event, own in _STATED.items()}
_RECORD_EFFECTIVE = """
insert into effective_follow_ups as e (lead_id, follow_up_id, author_id, recorded_at, told_at)
select lead_id, follow_up_id, min(author_id), to_timestamp(min(recorded_us) / 1e6), to_timestamp(min(told_us) / 1e6)
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int8[], $5::int8[])
  as t(lead_id, follow_up_id, author_id, recorded_us, told_us)
group by lead_id, follow_up_id order by lead_id, follow_up_id
on conflict do nothing
"""


async def record(raw: asyncpg.Connection, event: str, stretches: Sequence[Stretch]) -> None:
    """Writes what one kind of event stated about assignments."""
    await raw.execute(_RECORD[event], *zip(*stretches, strict=True))


async def record_effective(raw: asyncpg.Connection, done: Sequence[EffectiveFollowUp]) -> None:
    """Writes follow-ups that count."""
    await raw.execute(_RECORD_EFFECTIVE, *zip(*done, strict=True))
