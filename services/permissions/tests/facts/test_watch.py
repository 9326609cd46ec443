"""Replicas: a snapshot, then every change in order; whoever falls behind or follows another log is told so."""

import asyncio
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from accesskit.changes import Change, FactPut, NetworkPut
from accesskit.engine import Engine
from accesskit.facts import Fact
from accesskit.wire import change_from_pb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import facts_service_pb2 as pb
from permissions.queries.facts import confirmations
from permissions.queries.following import STEPS_KEPT_MAX, FellBehind, watch
from servicekit.database import Database
from servicekit.testing.waiting import eventually

from .conftest import Door, opened


def state_of(engine: Engine) -> list[str]:
    """All of an engine's state, comparable."""
    return sorted(map(repr, engine.snapshot()))


async def follow(door: Door, engine: Engine, *, until: int) -> None:
    """Applies what a watch gives until a revision is reached."""
    call = door.watch(engine.revision)
    try:
        async for step in call:
            if step.revision > engine.revision:
                assert step.previous_revision == engine.revision
                changes = [change_from_pb(change) for change in step.changes]
                engine.apply(changes, revision=step.revision)
            if engine.revision >= until:
                return
    finally:
        call.cancel()


async def test_a_snapshot_comes_in_parts_of_one_revision(door: Door) -> None:
    await door.write(*[f"lead:l-{number}#viewer@user:bo" for number in range(1000)])

    parts = await door.snapshot()

    assert len(parts) > 2
    assert all(len(part.changes) <= 500 for part in parts)
    assert len({(part.revision, part.log_id) for part in parts}) == 1
    assert [part.is_last for part in parts] == [False] * (len(parts) - 1) + [True]


async def test_a_replica_made_of_a_snapshot_is_like_the_original(door: Door) -> None:
    await door.write("lead:l-1#viewer@user:bo")
    await door.live.catch_up()

    assert state_of(await door.replica()) == state_of(door.live.engine)


async def test_a_watch_begins_with_what_was_missed_and_goes_on(door: Door) -> None:
    replica = await door.replica()
    missed = await door.write("lead:l-1#viewer@user:bo")
    await door.write(remove=["role:salesperson#member@user:bo"])
    following = asyncio.ensure_future(follow(door, replica, until=missed.seq + 2))

    last = await door.write("lead:l-2#viewer@user:bo")

    async with asyncio.timeout(10):
        await following
    assert replica.revision == last.seq
    assert state_of(replica) == state_of(door.live.engine)


async def test_a_quiet_watch_gives_a_sign_of_life(door: Door) -> None:
    revision = door.live.engine.revision
    call = door.watch(revision)

    async with asyncio.timeout(5):
        signs = [await call.read() for _ in range(3)]

    call.cancel()
    assert {(sign.previous_revision, sign.revision) for sign in signs} == {(revision, revision)}
    assert not any(sign.changes for sign in signs)
    assert {sign.log_id for sign in signs} == {door.live.log_id}


async def test_a_watch_goes_on_after_a_restart(
    database: Database, door: Door, signing_key: dict[str, Any], jwks: Path
) -> None:
    replica = await door.replica()
    await door.write("lead:l-1#viewer@user:bo")

    async with opened(database, signing_key, jwks) as restarted:
        answer = await restarted.write("lead:l-2#viewer@user:bo")
        await follow(restarted, replica, until=answer.seq)

        assert state_of(replica) == state_of(await restarted.replica())


async def test_whoever_follows_another_log_is_sent_away(door: Door) -> None:
    call = door.watch(door.live.engine.revision + 1)

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call.read()

    assert refusal.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_slow_follower_is_told_to_begin_anew(door: Door) -> None:
    def happens(revision: int, changes: list[Change]) -> None:
        for tell in door.live.on_changes:
            tell(revision - 1, revision, changes)

    async with aclosing(
        watch(door.database, door.live, after_revision=door.live.engine.revision)
    ) as steps:
        await anext(steps)
        for number in range(STEPS_KEPT_MAX + 1):
            happens(number, [NetworkPut("10.0.0.0/8", "office")])

        with pytest.raises(FellBehind):
            await anext(steps)

    assert not door.live.on_changes


async def test_too_large_a_step_is_refused_and_a_snapshot_is_not(door: Door) -> None:
    call = door.watch(door.live.engine.revision)
    await call.read()
    large = [
        FactPut(Fact("lead", f"{number:0200}", "viewer", "user", "x" * 200))
        for number in range(10_000)
    ]

    for tell in door.live.on_changes:
        tell(door.live.engine.revision, door.live.engine.revision + 1, large)

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await read_on(call)
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await door.snapshot()


async def test_a_cancelled_watch_leaves_nothing_behind(door: Door) -> None:
    call = door.watch(0)
    await call.read()

    call.cancel()

    await eventually(lambda: not door.live.on_changes, what="the end of listening")


async def read_on(call: Any) -> None:
    """Reads to the end."""
    while await call.read():
        pass


async def confirm(door: Door, revision: int, *, by: str = "reporting", instance: str = "a") -> None:
    request = pb.ConfirmRevisionRequest(instance_id=instance, revision=revision)
    request.applied_at.FromDatetime(datetime.now(UTC))
    await door.call("ConfirmRevision", request, by=by)


async def test_it_is_known_which_process_has_applied_a_revision_and_when(door: Door) -> None:
    first = door.live.engine.revision
    await confirm(door, first)
    await confirm(door, first, by="assignment")
    second = (await door.write("lead:l-1#viewer@user:bo")).seq
    await confirm(door, second)
    [told] = [
        each for each in await confirmations(door.database, second) if each.confirmation is not None
    ]
    third = (await door.write("lead:l-2#viewer@user:bo")).seq
    await confirm(door, third)

    states = {each.service: each for each in await confirmations(door.database, second)}

    assert states["assignment"].confirmation is None
    assert states["reporting"] == told
    assert told.confirmation is not None
    assert told.confirmation.revision == second


async def test_a_revision_that_does_not_exist_yet_is_not_confirmed(door: Door) -> None:
    for revision in (door.live.engine.revision + 1, 2**64 - 1):
        request = pb.ConfirmRevisionRequest(instance_id="a", revision=revision)

        code, _ = await door.refusal("ConfirmRevision", request, by="reporting")

        assert code == "FAILED_PRECONDITION"


people = st.sampled_from(["ana", "bo", "cyn", "dee"])
step = st.one_of(
    st.tuples(st.just("share"), st.integers(1, 3), people),
    st.tuples(st.just("unshare"), st.integers(1, 3), people),
    st.tuples(st.just("manager"), people, people),
    st.tuples(st.just("no manager"), people, people),
    st.tuples(st.just("principal"), people, st.sampled_from(["active", "suspended", "departed"])),
    st.tuples(st.just("look"), st.integers(0, 2), st.none()),
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(course=st.lists(step, min_size=4, max_size=14))
async def test_whatever_happens_a_replica_that_looks_is_like_the_original(
    door: Door, course: list[tuple[str, Any, Any]]
) -> None:
    replicas = [await door.replica() for _ in range(3)]

    for what, one, other in course:
        if what == "look":
            await door.live.catch_up()
            await follow(door, replicas[one], until=door.live.engine.revision)
        else:
            await happen(door, what, one, other)

    await door.live.catch_up()
    for replica in replicas:
        await follow(door, replica, until=door.live.engine.revision)
    states = [state_of(engine) for engine in (*replicas, await door.replica(), door.live.engine)]
    assert all(state == states[0] for state in states)


async def happen(door: Door, what: str, one: Any, other: Any) -> None:
    """One step; what the rules refuse changes nothing."""
    fact = (
        f"user:{one}#manager@user:{other}"
        if "manager" in what
        else f"lead:l-{one}#viewer@user:{other}"
    )
    with suppress(grpc.aio.AioRpcError):
        if what == "principal":
            put = changes_pb2.Principal(id=one, type="user", status=other)
            await door.call("PutPrincipals", pb.PutPrincipalsRequest(principals=[put]))
        elif what in {"share", "manager"}:
            await door.write(fact)
        else:
            await door.write(remove=[fact])
