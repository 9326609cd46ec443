"""What a connection learns of PostgreSQL's own types serves all others of the process."""

from datetime import UTC, datetime
from uuid import UUID

from servicekit.database import Database

ARRAYS = """
select $1::uuid[] as ids, $2::timestamptz[] as times, $3::bytea[] as keys, $4::float8[] as shares, $5::int4range[]
"""
VALUES = ([UUID(int=1)], [datetime(2026, 1, 1, tzinfo=UTC)], [b"\x00"], [0.5], [])


async def test_only_the_first_connection_asks_for_types(database):
    async with database.raw() as raw:
        first = await raw.fetchrow(ARRAYS, *VALUES)

    queries = []
    async with database.raw() as one, database.raw() as another:
        for raw in (one, another):
            with raw.query_logger(lambda record: queries.append(record.query)):
                assert await raw.fetchrow(ARRAYS, *VALUES) == first
                prepared = await raw.prepare(ARRAYS)
                assert await prepared.fetchrow(*VALUES) == first

    assert queries
    assert not [query for query in queries if "typeinfo" in query]


async def test_a_type_of_the_database_may_change(database, database_url):
    async with database.raw() as raw:
        await raw.execute("create type pair as (a int4, b uuid[])")
        assert await raw.fetchval("select (1, '{}')::pair") == (1, [])
        await raw.execute("alter type pair add attribute c text")

    later = Database(database_url, service="kit")
    async with later.raw() as raw:
        assert await raw.fetchval("select (1, '{}', 'c')::pair") == (1, [], "c")
        assert await raw.fetchval("select array[(1, '{}', 'c')]::pair[]") == [(1, [], "c")]
    await later.stop()
