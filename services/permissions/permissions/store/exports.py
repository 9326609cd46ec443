"""Exports, as they were opened and as they stand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from permissions.domain.exports import Export, ExportScope, ExportStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

_OPENED = (
    "export_id, request_id, subject_id, epoch, opened_by, resource_type, resource_id, scope, filter_hash, filter_text,"
    " params_hash, fields, masked_fields, row_estimate, approval_id, continued_by, decision_id, opened_at_s"
)
_MOVING = "status, next_cursor, delivered_rows, has_last_page, ended_at_s, end_reason"
_COLUMNS = f"{_OPENED}, {_MOVING}"
_ADD = f"""
insert into exports ({_COLUMNS}, is_stated)
values ({", ".join(f"${number}" for number in range(1, 25))}, true)
"""
_BY_ID = f"select {_COLUMNS} from exports where export_id = $1"
_BY_REQUEST = f"select {_COLUMNS} from exports where request_id = $1"
_OPEN_OF = f"""
select {_COLUMNS} from exports where subject_id = $1 and status = 'open' order by export_id
"""
_PAGE = f"""
select {_COLUMNS} from exports
where ($1 = '' or subject_id = $1) and ($2 = '' or export_id < $2) order by export_id desc limit $3
"""
_MOVE = """
update exports set status = $2, next_cursor = $3, delivered_rows = $4, has_last_page = $5, ended_at_s = $6,
  end_reason = $7, continued_by = $8
where export_id = $1
"""
_FORGOTTEN = f"""
select {_COLUMNS} from exports
where is_stated and status <> 'open' and opened_at_s <= $1 order by opened_at_s limit $2
"""
_UNSTATE = "update exports set is_stated = false where export_id = any($1::text[])"


async def add(raw: asyncpg.Connection, export: Export) -> None:
    """Keeps a new export."""
    await raw.execute(
        _ADD,
        export.export_id,
        export.request_id,
        export.subject_id,
        export.epoch,
        export.opened_by,
        export.resource_type,
        export.resource_id,
        export.scope.value,
        export.filter_hash,
        export.filter_text,
        export.params_hash,
        json.dumps(export.fields),
        json.dumps(export.masked_fields),
        export.row_estimate,
        export.approval_id,
        export.continued_by,
        export.decision_id,
        export.opened_at_s,
        export.status.value,
        export.next_cursor,
        export.delivered_rows,
        export.has_last_page,
        export.ended_at_s,
        export.end_reason,
    )


async def move(raw: asyncpg.Connection, export: Export) -> None:
    """Writes where an export stands now."""
    await raw.execute(
        _MOVE,
        export.export_id,
        export.status.value,
        export.next_cursor,
        export.delivered_rows,
        export.has_last_page,
        export.ended_at_s,
        export.end_reason,
        export.continued_by,
    )


async def get(raw: asyncpg.Connection, export_id: str) -> Export | None:
    """The export with this id."""
    row = await raw.fetchrow(_BY_ID, export_id)
    return _export(row) if row else None


async def of_request(raw: asyncpg.Connection, request_id: str) -> Export | None:
    """The export that was opened with this request id."""
    row = await raw.fetchrow(_BY_REQUEST, request_id)
    return _export(row) if row else None


async def open_of(raw: asyncpg.Connection, subject_id: str) -> list[Export]:
    """A person's exports that still take pages."""
    return [_export(row) for row in await raw.fetch(_OPEN_OF, subject_id)]


async def page(
    raw: asyncpg.Connection, *, subject_id: str, before_id: str, limit: int
) -> list[Export]:
    """Exports of a person, or of everybody for an empty id, newest first."""
    return [_export(row) for row in await raw.fetch(_PAGE, subject_id, before_id, limit)]


async def to_forget(raw: asyncpg.Connection, opened_until_s: float, *, limit: int) -> list[Export]:
    """Ended exports of long ago whose subject a fact still names."""
    return [_export(row) for row in await raw.fetch(_FORGOTTEN, opened_until_s, limit)]


async def forget(raw: asyncpg.Connection, export_ids: Sequence[str]) -> None:
    """Notes that no fact names their subjects any more."""
    await raw.execute(_UNSTATE, list(export_ids))


def _export(row: asyncpg.Record) -> Export:
    values = dict(row)
    values["scope"] = ExportScope(values["scope"])
    values["status"] = ExportStatus(values["status"])
    values["fields"] = tuple(json.loads(values["fields"]))
    values["masked_fields"] = tuple(json.loads(values["masked_fields"]))
    return Export(**values)
