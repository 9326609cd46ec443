"""Who can be a subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.changes import PrincipalPut

if TYPE_CHECKING:
    from collections.abc import Collection

    import asyncpg
    from accesskit.changes import Change

_COLUMNS = "principal_id, type, status, epoch, is_test"
_ALL = f"select {_COLUMNS} from principals order by principal_id"
_OF_IDS = f"select {_COLUMNS} from principals where principal_id = any($1::text[])"
_PUT = f"""
insert into principals ({_COLUMNS}, seq)
select *, $6::bigint from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::boolean[])
on conflict (principal_id) do update set
  type = excluded.type, status = excluded.status, epoch = excluded.epoch, is_test = excluded.is_test,
  seq = excluded.seq
"""


async def load(raw: asyncpg.Connection) -> list[Change]:
    """All of them, as the changes that state them."""
    return [PrincipalPut(*row) for row in await raw.fetch(_ALL)]


async def of_ids(raw: asyncpg.Connection, ids: Collection[str]) -> dict[str, PrincipalPut]:
    """Those of the ids that are known."""
    rows = await raw.fetch(_OF_IDS, list(ids))
    return {row[0]: PrincipalPut(*row) for row in rows}


async def put(raw: asyncpg.Connection, principals: Collection[PrincipalPut], *, seq: int) -> None:
    """States principals as entry `seq` does."""
    await raw.execute(
        _PUT,
        [principal.principal_id for principal in principals],
        [principal.type for principal in principals],
        [principal.status for principal in principals],
        [principal.epoch for principal in principals],
        [principal.is_test for principal in principals],
        seq,
    )
