"""Locks that make replicas decide about the same people one after the other.

A transaction takes them in one order everywhere: the gate, then stripes of keys, then families, each kind sorted; so
transactions cannot wait for each other in a ring. They are advisory, live as long as the transaction, and use
PostgreSQL's two-number form, which nothing else here does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import asyncpg

STRIPES_MAX = 1_000
"""Locks of one transaction; above, it has the gate to itself. The server has room for some 6,400 locks in all."""

STRIPE_COUNT = 2**20
FAMILY_COUNT = 2**31
GATE, STRIPE, FAMILY = 1, 2, 3

KEPT_PLANS = (
    "(set_config('plan_cache_mode', 'force_generic_plan', true)"
    " || set_config('enable_seqscan', 'off', true))"
)
"""Lets the further statements of a transaction keep their plans, made for any number of rows and look-ups by index.

Left to itself, the server plans the largest of them anew for each small batch, at several times the work of its rows;
or keeps a plan that reads whole tables, since they were small when it was made.
"""

# Numbers go as one text: the driver looks at each one of an array.
_WITH_GATE = f"""
select count(pg_advisory_xact_lock_shared({GATE}, 0)) + count({KEPT_PLANS})
union all
select count(pg_advisory_xact_lock({STRIPE}, stripe)) from unnest((select $1::text::int[])) as stripe
"""
_GATE_ALONE = f"select pg_advisory_xact_lock({GATE}, 0), {KEPT_PLANS}"
_FAMILIES = f"""
select count(pg_advisory_xact_lock({FAMILY}, family)) from unnest((select $1::text::int[])) as family
"""
_TRY_STRIPES = f"""
select coalesce(bool_and(pg_try_advisory_xact_lock({STRIPE}, stripe)), true)
from unnest((select $1::text::int[])) as stripe
"""
_TRY_FAMILIES = f"""
select coalesce(bool_and(pg_try_advisory_xact_lock({FAMILY}, family)), true)
from unnest((select $1::text::int[])) as family
"""


async def lock_keys(raw: asyncpg.Connection, tokens: Iterable[int]) -> bool:
    """Waits until no other transaction decides by one of these 64-bit tokens; says whether all others are shut out.

    Nothing is read in the same statement: it would show what was there before the wait.
    """
    stripes = sorted({token % STRIPE_COUNT for token in tokens})
    if len(stripes) > STRIPES_MAX:
        await raw.execute(_GATE_ALONE)
        return True
    await raw.fetch(_WITH_GATE, _array(stripes))
    return False


async def try_lock_keys(raw: asyncpg.Connection, tokens: Iterable[int]) -> bool:
    """Locks further tokens if none of them is locked by others; out of order, waiting could be for ever."""
    stripes = sorted({token % STRIPE_COUNT for token in tokens})
    return len(stripes) <= STRIPES_MAX and bool(await raw.fetchval(_TRY_STRIPES, _array(stripes)))


async def lock_families(raw: asyncpg.Connection, families: Iterable[int]) -> None:
    """Waits until no other transaction changes these families."""
    await raw.fetch(_FAMILIES, _numbers(families))


async def try_lock_families(raw: asyncpg.Connection, families: Iterable[int]) -> bool:
    """Locks further families if none of them is locked by others; out of order, waiting could be for ever."""
    return bool(await raw.fetchval(_TRY_FAMILIES, _numbers(families)))


def _numbers(families: Iterable[int]) -> str:
    return _array(sorted({family % FAMILY_COUNT for family in families}))


def _array(numbers: Sequence[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
