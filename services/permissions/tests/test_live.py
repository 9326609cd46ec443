"""The state in memory follows the log: nothing left out, nothing twice, and no answer from a state long unseen."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
import pytest
from accesskit.changes import PrincipalPut
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from permissions.commands import recording
from permissions.domain.audit import Event
from permissions.queries.live import AheadOfLog, Live
from permissions.store import principals
from servicekit.database import Database
from servicekit.errors import Unavailable
from servicekit.testing.waiting import eventually

Write = Callable[[str, int], Awaitable[str]]


@pytest.fixture
async def live(migrated_url: str) -> AsyncIterator[Live]:
    """Follows the log through connections of its own, as another process would."""
    database = Database(migrated_url, service="permissions")
    following = Live(database)
    await following.start()
    yield following
    await following.stop()
    await database.stop()


@pytest.fixture
def write(database: Database) -> Write:
    """Commits a principal with an epoch; returns the token."""
    return functools.partial(put_principal, database)


async def put_principal(database: Database, principal_id: str, epoch: int) -> str:
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        change = PrincipalPut(principal_id, "user", "active", epoch)
        seq = log.append(Event(action="stated", actor="tests", changes=[change]))
        await principals.put(uow.raw, [change], seq=seq)
        return (await log.finish()).token


@pytest.fixture
def clock_s() -> list[float]:
    """One number of seconds, which a test moves."""
    return [0.0]


def epoch_of(live: Live, principal_id: str) -> int:
    known = live.engine.principal(principal_id)
    return known.epoch if known else 0


async def test_a_commit_is_seen_without_any_announcement(live: Live, write: Write) -> None:
    await write("ana", 1)

    assert await eventually(lambda: epoch_of(live, "ana") == 1)


async def test_catching_up_sees_all_that_was_committed_before(live: Live, write: Write) -> None:
    for epoch in range(1, 20):
        await write("ana", epoch)
        await live.catch_up()

        assert epoch_of(live, "ana") == epoch


async def test_those_who_wait_together_all_see_what_was_committed_before(
    live: Live, write: Write
) -> None:
    async def write_and_see(principal_id: str) -> bool:
        for epoch in range(1, 10):
            await write(principal_id, epoch)
            await live.catch_up()
            if epoch_of(live, principal_id) < epoch:
                return False
        return True

    assert all(await asyncio.gather(*(write_and_see(f"rep-{n}") for n in range(8))))


async def test_who_gives_up_waiting_takes_nothing_from_the_others(live: Live, write: Write) -> None:
    await write("ana", 1)

    async with asyncio.TaskGroup() as group:
        patient = group.create_task(live.catch_up())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await live.catch_up()
        impatient = group.create_task(live.catch_up())
        await patient
        await impatient

    assert epoch_of(live, "ana") == 1


async def test_listeners_hear_every_change_once_and_in_order(live: Live, write: Write) -> None:
    heard: list[tuple[int, int, int]] = []

    def listen(before: int, revision: int, changes) -> None:
        heard.extend((before, revision, change.epoch) for change in changes)

    live.on_changes.append(listen)
    for epoch in range(1, 30):
        await write("ana", epoch)
        live.wake()
    await live.catch_up()

    assert [epoch for _, _, epoch in heard] == list(range(1, 30))
    assert all(before < revision for before, revision, _ in heard)


async def test_a_token_is_waited_for_and_one_of_the_future_refused(
    live: Live, write: Write
) -> None:
    token = await write("ana", 1)

    await live.at_least(token)

    assert live.token == token
    with pytest.raises(AheadOfLog):
        await live.at_least(live.token_at(live.engine.revision + 1))


async def test_a_state_long_unseen_answers_nothing_before_it_has_caught_up(
    migrated_url: str, write: Write, clock_s: list[float]
) -> None:
    database = Database(migrated_url, service="permissions")
    live = Live(database, ticks=lambda: clock_s[0])
    await live.start()
    try:
        await live.stop()
        await write("ana", 1)
        live.refuse_stale()
        clock_s[0] += 5.1

        with pytest.raises(Unavailable, match="stale"):
            live.refuse_stale()
        assert live.problem() == "the state is stale"

        await live.at_least("")
        assert epoch_of(live, "ana") == 1
        live.refuse_stale()
    finally:
        await database.stop()


async def test_a_clock_set_back_makes_nothing_earlier_than_what_is_applied_also_after_a_restart(
    migrated_url: str, clock_s: list[float]
) -> None:
    noon_s = 1_770_000_000.0
    database = Database(
        migrated_url, service="permissions", clock=lambda: datetime.fromtimestamp(clock_s[0], UTC)
    )
    live, restarted = [Live(database, clock=lambda: clock_s[0]) for _ in range(2)]
    await live.start()
    try:
        clock_s[0] = noon_s
        await put_principal(database, "ana", 1)
        await live.catch_up()
        clock_s[0] = noon_s - 3600.0
        await put_principal(database, "ana", 2)
        await live.catch_up()
        await restarted.start()

        assert (live.now_s, restarted.now_s) == (noon_s, noon_s)
        clock_s[0] = noon_s + 1.0
        assert (live.now_s, restarted.now_s) == (noon_s + 1.0, noon_s + 1.0)
    finally:
        await live.stop()
        await restarted.stop()
        await database.stop()


async def test_a_stale_state_without_its_log_answers_nothing(
    migrated_url: str, clock_s: list[float]
) -> None:
    database = Database(migrated_url, service="permissions")
    live = Live(database, ticks=lambda: clock_s[0])
    await live.start()
    await live.stop()
    admin = await asyncpg.connect(migrated_url)
    try:
        await admin.execute("alter table audit_entries rename to audit_entries_away")
        clock_s[0] += 5.1

        with pytest.raises((Unavailable, asyncpg.PostgresError)):
            await live.at_least("")
    finally:
        await admin.close()
        await database.stop()


async def test_a_lost_database_is_told_and_found_again(
    migrated_url: str, live: Live, write: Write
) -> None:
    await write("ana", 1)
    admin = await asyncpg.connect(migrated_url)
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    await admin.close()

    async def caught_up() -> bool:
        try:
            await live.catch_up()
        except (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return False
        return epoch_of(live, "ana") == 1

    assert await eventually(caught_up)


async def test_the_state_read_from_tables_is_that_followed_through_the_log(
    migrated_url: str, live: Live, write: Write
) -> None:
    for number in range(20):
        await write(f"rep-{number % 7}", number + 1)
    await live.catch_up()
    database = Database(migrated_url, service="permissions")
    restarted = Live(database)
    await restarted.start()

    try:
        assert restarted.token == live.token
        assert set(restarted.engine.snapshot()) == set(live.engine.snapshot())
    finally:
        await restarted.stop()
        await database.stop()


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.sampled_from(["write", "token", "wake", "restart"]), max_size=25))
async def test_an_answer_never_predates_its_token(
    migrated_url: str, write: Write, steps: list[str]
) -> None:
    """Whatever happens in between: more writes, waking at odd times, another process in its place."""
    database = Database(migrated_url, service="permissions")
    live = Live(database)
    await live.start()
    epoch = epoch_of(live, "ana")
    token = live.token
    try:
        for step in steps:
            match step:
                case "write":
                    epoch += 1
                    token = await write("ana", epoch)
                case "wake":
                    live.wake()
                case "restart":
                    await live.stop()
                    live = Live(database)
                    await live.start()
                case _:
                    await live.at_least(token)
                    assert epoch_of(live, "ana") == epoch
    finally:
        await live.stop()
        await database.stop()
