"""What the outbox and its relay guarantee: committed events always leave, in order, rolled back ones never."""

import asyncio
import signal
import subprocess
import sys
import time

import asyncpg
import nats
import pytest
from prometheus_client import REGISTRY
from servicekit import outbox
from servicekit.bus import Bus
from servicekit.database import Database
from servicekit.errors import TooLarge
from servicekit.relay import DUPLICATE_IN_BATCH, Relay, publish_batch, publish_singly
from servicekit.testing.sample_event import SampleHappened
from servicekit.testing.waiting import eventually


async def messages(nats_url):
    """Every message of the stream, oldest first, as (event id, number, headers)."""
    client = await nats.connect(nats_url)
    jetstream = client.jetstream()
    state = (await jetstream.stream_info("TESTING")).state
    found = []
    for sequence in range(state.first_seq, state.last_seq + 1):
        message = await jetstream.get_msg("TESTING", sequence)
        event = SampleHappened.FromString(message.data)
        found.append((event.event_id, event.number, message.headers))
    await client.close()
    return found


async def count(nats_url):
    client = await nats.connect(nats_url)
    state = (await client.jetstream().stream_info("TESTING")).state
    await client.close()
    return state.messages


async def publish(database, *numbers, key="k"):
    async with database.unit_of_work() as uow:
        for number in numbers:
            uow.publish(SampleHappened(key=key, number=number), key=key[:10])


async def test_an_event_whose_transaction_rolled_back_never_leaves(
    database, bus, relay, stream_url, running
):
    async with running(bus, relay):
        with pytest.raises(RuntimeError):
            await _publish_and_fail(database)
        await publish(database, 2)

        await eventually(lambda: count(stream_url))
        assert [number for _, number, _ in await messages(stream_url)] == [2]


async def test_an_event_leaves_within_50_ms_of_its_commit_when_idle(
    database, bus, relay, stream_url, running
):
    arrived = asyncio.Event()
    client = await nats.connect(stream_url)

    async def note(_message):
        arrived.set()

    async with running(bus, relay):
        await client.subscribe("servicekit.testing.v1.>", cb=note)
        await publish(database, 0)
        async with asyncio.timeout(5):
            await arrived.wait()
        waits = []
        for number in range(1, 12):
            arrived.clear()
            started = time.monotonic()
            await publish(database, number)
            async with asyncio.timeout(5):
                await arrived.wait()
            waits.append(time.monotonic() - started)
    await client.close()

    assert sorted(waits)[len(waits) // 2] < 0.05


async def test_headers_carry_cloudevents_and_the_deduplication_id(
    database, bus, relay, stream_url, running
):
    async with running(bus, relay):
        await publish(database, 7, key="lead-1")
        await eventually(lambda: count(stream_url))

    [(event_id, _, headers)] = await messages(stream_url)
    assert headers["Nats-Msg-Id"] == headers["ce-id"] == event_id
    assert headers["ce-type"] == "servicekit.testing.v1.SampleHappened"
    assert headers["ce-subject"] == "lead-1"
    assert headers["ce-specversion"] == "1.0"


async def test_events_committed_while_nats_is_down_leave_when_it_is_back(
    database, own_nats_server, running, make_stream
):
    await make_stream(own_nats_server.url)
    bus = Bus(own_nats_server.url, database=database)
    relay = Relay(database, bus.client)
    async with running(bus, relay):
        await publish(database, 1)
        await eventually(lambda: count(own_nats_server.url))
        await asyncio.to_thread(own_nats_server.kill9)

        await publish(database, 2)
        await publish(database, 3)
        await eventually(lambda: not bus.client().is_connected, deadline_s=20)
        assert bus.problem() is None
        await asyncio.to_thread(own_nats_server.restart)

        await eventually(lambda: _count_is(own_nats_server.url, 3), deadline_s=30)
    assert [number for _, number, _ in await messages(own_nats_server.url)] == [1, 2, 3]


KILLED = """
import asyncio, os, signal, sys
from servicekit.database import Database
from servicekit.errors import TooLarge
from servicekit.testing.sample_event import SampleHappened

async def main():
    database = Database(sys.argv[1], service="kit")
    async with database.unit_of_work() as uow:
        uow.publish(SampleHappened(number=9), key="k")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_an_event_leaves_though_its_process_was_killed_between_commit_and_publish(
    database, bus, relay, stream_url, running
):
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", KILLED, database.url], check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL

    async with running(bus, relay):
        await eventually(lambda: count(stream_url))
        assert [number for _, number, _ in await messages(stream_url)] == [9]


async def test_rows_published_but_not_marked_are_dropped_by_the_server_the_second_time(
    database, bus, relay, stream_url, running
):
    async with running(bus, relay):
        await publish(database, 1, 2, 3)
        await eventually(lambda: count(stream_url))
        await eventually(lambda: _pending_is(database, 0))
        async with database.raw() as raw:
            await raw.execute("update outbox set published_at = null")
        await publish(database, 4)

        await eventually(lambda: _count_is(stream_url, 4))
        await eventually(lambda: _pending_is(database, 0))
    assert [number for _, number, _ in await messages(stream_url)] == [1, 2, 3, 4]


async def test_a_big_backlog_leaves_in_order_and_in_batches(
    database, bus, relay, stream_url, running
):
    for start in range(0, 2500, 500):
        await publish(database, *range(start, start + 500))

    async with running(bus, relay):
        await eventually(lambda: _count_is(stream_url, 2500), deadline_s=30)

    found = await messages(stream_url)
    assert [number for _, number, _ in found] == list(range(2500))
    assert "Nats-Batch-Id" not in (found[0][2] or {}) or found[0][2]["Nats-Batch-Id"]


async def test_events_of_one_key_leave_in_the_order_in_which_writers_held_its_row(
    database, bus, relay, stream_url, running
):
    async with database.raw() as raw:
        await raw.execute("create table counters (key text primary key, version bigint)")
        await raw.execute("insert into counters values ('a', 0), ('b', 0)")

    async def write(key):
        for _ in range(30):
            async with database.unit_of_work() as uow:
                version = await uow.raw.fetchval(
                    "update counters set version = version + 1 where key = $1 returning version",
                    key,
                )
                uow.publish(SampleHappened(key=key, number=version), key=key)

    async with running(bus, relay):
        await asyncio.gather(*(write(key) for key in "abababab"))
        await eventually(lambda: _count_is(stream_url, 240), deadline_s=20)

    order = {"a": [], "b": []}
    for _, number, headers in await messages(stream_url):
        order[headers["ce-subject"]].append(number)
    assert order["a"] == order["b"] == list(range(1, 121))


async def test_of_two_relays_one_publishes_and_the_other_takes_over(
    database, database_url, stream_url, running
):
    second_database = Database(database_url, service="kit")
    first_bus, second_bus = (Bus(stream_url, database=d) for d in (database, second_database))
    first, second = Relay(database, first_bus.client), Relay(second_database, second_bus.client)
    async with running(second_database, first_bus, second_bus, first, second):
        await publish(database, *range(20))
        await eventually(lambda: _count_is(stream_url, 20))
        await first.stop()
        await publish(database, 20)
        await eventually(lambda: _count_is(stream_url, 21))


async def test_what_another_replica_commits_leaves_without_waiting_for_the_next_look(
    database, database_url, stream_url, running
):
    second_database = Database(database_url, service="kit")
    bus = Bus(stream_url, database=database)
    first = Relay(database, bus.client, idle_s=3600)
    second = Relay(second_database, bus.client, idle_s=3600)
    async with running(second_database, bus, first):
        await publish(database, 0)
        await eventually(lambda: _count_is(stream_url, 1))
        async with running(second):
            for number in range(1, 4):
                await publish(second_database, number)
                await eventually(lambda number=number: _count_is(stream_url, number + 1))


async def test_replaying_the_outbox_rebuilds_a_lost_stream(
    database, bus, relay, stream_url, running, make_stream
):
    async with running(bus, relay):
        await publish(database, 1, 2)
        await eventually(lambda: _count_is(stream_url, 2))
        await eventually(lambda: _pending_is(database, 0))
        client = await nats.connect(stream_url)
        await client.jetstream().delete_stream("TESTING")
        await client.close()
        await make_stream(stream_url)

        async with database.unit_of_work() as uow:
            replayed = await outbox.replay(uow.raw, since=uow.now.replace(year=2020), until=None)
        database.published()

        assert replayed == 2
        await eventually(lambda: _count_is(stream_url, 2))


async def test_pruning_keeps_what_was_not_published(database):
    await publish(database, 1, 2)
    async with database.raw() as raw:
        await raw.execute("update outbox set published_at = now() where id = 1")
        far = (await raw.fetchval("select now()")).replace(year=2100)
        assert await outbox.prune(raw, before=far) == 1
        assert await outbox.pending_count(raw) == 1


async def test_an_event_that_the_bus_cannot_carry_is_refused_before_the_commit(
    database, bus, relay, stream_url, running
):
    with pytest.raises(TooLarge):
        await publish(database, 1, key="k" * 1_000_001)

    async with running(bus, relay):
        await publish(database, 2)
        await eventually(lambda: count(stream_url))
    assert [number for _, number, _ in await messages(stream_url)] == [2]


async def test_large_events_leave_in_batches_of_bounded_size(
    database, bus, relay, stream_url, running
):
    async with database.unit_of_work() as uow:
        for number in range(20):
            uow.publish(SampleHappened(key="k" * 990_000, number=number), key="k")
    async with database.raw() as raw:
        row_ids, _ = await outbox.unpublished(raw, limit=1000, bytes_max=8_000_000)
    assert len(row_ids) == 9

    async with running(bus, relay):
        await eventually(lambda: _count_is(stream_url, 20), deadline_s=30)
    assert [number for _, number, _ in await messages(stream_url)] == list(range(20))


async def test_the_relay_works_on_when_the_connection_with_its_lock_is_lost(
    database, bus, relay, stream_url, running
):
    async with running(bus, relay):
        await publish(database, 1)
        await eventually(lambda: _count_is(stream_url, 1))
        async with database.raw() as raw:
            await raw.execute(
                "select pg_terminate_backend(pid) from pg_locks"
                " where locktype = 'advisory' and pid <> pg_backend_pid()"
            )
        await publish(database, 2)

        await eventually(lambda: _count_is(stream_url, 2))


async def test_a_relay_that_cannot_publish_leaves_its_lock_to_another(
    database, bus, stream_url, running
):
    without_bus = Relay(database, Bus(stream_url, database=database).client)
    async with running(without_bus):
        await publish(database, 1)
        await eventually(_relay_has_failed)
        async with running(bus, Relay(database, bus.client)):
            await eventually(lambda: _count_is(stream_url, 1))


async def test_two_relays_that_publish_the_same_events_at_once_keep_the_order(
    database, bus, stream_url, running
):
    await publish(database, *range(200))
    async with running(bus), database.raw() as raw:
        _, events = await outbox.unpublished(raw, limit=1000, bytes_max=8_000_000)
        client = bus.client()
        await publish_batch(client, events[:20], source="kit")
        await asyncio.gather(
            publish_singly(client, events[:150], source="kit"),
            publish_singly(client, events, source="kit"),
        )
        assert await publish_batch(client, events, source="kit") == DUPLICATE_IN_BATCH

    assert [number for _, number, _ in await messages(stream_url)] == list(range(200))


async def test_what_a_lost_answer_hid_is_not_published_twice_and_the_rest_follows_in_order(
    database, bus, relay, stream_url, running
):
    await publish(database, 1, 2, 3)
    async with running(bus):
        async with database.raw() as raw:
            _, events = await outbox.unpublished(raw, limit=1000, bytes_max=8_000_000)
        await publish_batch(bus.client(), events[1:], source="kit")
        await publish(database, 4, 5)

        async with running(relay):
            await eventually(lambda: _pending_is(database, 0))
    assert sorted(number for _, number, _ in await messages(stream_url)) == [1, 2, 3, 4, 5]


def _relay_has_failed():
    labels = {"worker": "relay", "error_type": "ConnectionError"}
    return REGISTRY.get_sample_value("leadchain_worker_step_errors_total", labels)


async def _publish_and_fail(database):
    async with database.unit_of_work() as uow:
        uow.publish(SampleHappened(number=1), key="k")
        raise RuntimeError("changed my mind")


async def _count_is(nats_url, expected):
    return await count(nats_url) == expected


async def _pending_is(database, expected):
    raw = await asyncpg.connect(database.url)
    try:
        return await outbox.pending_count(raw) == expected
    finally:
        await raw.close()
