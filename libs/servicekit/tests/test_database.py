"""The unit of work: all or nothing, and an outage that is told from a fault."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest
from servicekit import outbox
from servicekit.database import Database
from servicekit.errors import Unavailable
from servicekit.testing.sample_event import SampleHappened
from servicekit.testing.waiting import eventually

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


async def count(database):
    async with database.raw() as raw:
        return await raw.fetchval("select count(*) from effects")


async def test_statements_and_events_commit_together(database):
    async with database.unit_of_work() as uow:
        await uow.raw.execute("insert into effects values ('one')")
        await uow.raw.execute("insert into effects values ('two')")
        uow.publish(SampleHappened(), key="k")
        assert await count(database) == 0

    assert await count(database) == 2
    async with database.raw() as raw:
        assert await outbox.pending_count(raw) == 1


async def test_nothing_remains_of_a_unit_of_work_that_fails(database):
    async def fail():
        async with database.unit_of_work() as uow:
            await uow.raw.execute("insert into effects values ('one')")
            uow.publish(SampleHappened(), key="k")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert await count(database) == 0
    async with database.raw() as raw:
        assert await outbox.pending_count(raw) == 0


async def test_waking_comes_after_the_commit(database):
    seen: list[int] = []
    database.on_publish.append(lambda: seen.append(1))
    async with database.unit_of_work() as uow:
        uow.publish(SampleHappened(), key="k")
        assert seen == []

    assert seen == [1]


async def test_a_unit_of_work_has_one_time_and_it_is_the_clocks(database_url):
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    database = Database(database_url, service="kit", clock=lambda: noon)
    async with database.unit_of_work() as uow:
        assert uow.now == noon
    await database.stop()


async def test_an_effect_continues_a_stored_trace_and_a_malformed_one_is_dropped(database):
    async with database.unit_of_work() as uow:
        uow.publish(SampleHappened(), key="k", cause=TRACE)
        uow.publish(SampleHappened(), key="k", cause="x" * 500)
        assert [event.traceparent for event in uow.outgoing] == [TRACE, None]


async def test_a_lost_connection_is_an_outage_and_the_next_unit_of_work_gets_another(database):
    async def lose():
        async with database.unit_of_work() as uow:
            await uow.raw.execute("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Unavailable):
        await lose()
    assert database.problem() == "unreachable"

    async with database.unit_of_work() as uow:
        await uow.raw.execute("insert into effects values ('again')")
    assert database.problem() is None


async def test_a_fault_of_a_statement_is_no_outage(database):
    async def fault():
        async with database.unit_of_work() as uow:
            await uow.raw.execute("select 1 / 0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await fault()
    assert database.problem() is None


async def test_a_rows_values_are_not_in_its_error(database):
    async def refuse():
        async with database.unit_of_work() as uow:
            await uow.raw.execute("create unique index on effects (event_id)")
            for _ in range(2):
                await uow.raw.execute("insert into effects values ($1)", "示例公司")

    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await refuse()

    assert "示例公司" not in str(refused.value)


async def test_a_server_that_went_and_came_back_is_seen_both_times(
    own_postgres_server, make_tables
):
    await make_tables(own_postgres_server.url())
    database = Database(own_postgres_server.url(), service="kit", pool_size=2)
    await database.start()
    await asyncio.to_thread(own_postgres_server.kill9)

    with pytest.raises(Unavailable):
        await database.check()
    assert database.problem()
    await asyncio.to_thread(own_postgres_server.restart)
    await eventually(lambda: _is_back(database))

    assert database.problem() is None
    await database.stop()


async def test_no_connection_is_lost_to_units_of_work_that_fail(database_url, make_tables):
    await make_tables(database_url)
    database = Database(database_url, service="kit", pool_size=2)

    async def lose():
        async with database.unit_of_work() as uow:
            await uow.raw.execute("select pg_terminate_backend(pg_backend_pid())")

    for _ in range(5):
        with pytest.raises(Unavailable):
            await lose()
    async with database.unit_of_work(), database.unit_of_work():
        pass
    await database.stop()


async def _is_back(database):
    try:
        await database.check()
    except Unavailable:
        return False
    return True
