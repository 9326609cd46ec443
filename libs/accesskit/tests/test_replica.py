"""The replica and the guard at a service's door: real gRPC, real NATS, a stand-in behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from accesskit.changes import FactPut, FactRemoved, LeasePut, PrincipalPut, SessionRevoked
from accesskit.enforcement import PermissionsChannel
from accesskit.facts import Fact
from accesskit.guard import AccessGuard, Refusal, ReplicaState
from accesskit.replica import Replica
from accesskit.testing.stand_in import LOG_ID, StandIn
from accesskit.tokens import Token
from accesskit.wire import change_to_pb
from leadchain.assignment.v1.assignment_service_pb2 import (
    GetAssignmentRequest,
    MarkContactedRequest,
)
from leadchain.permissions.v1.events_pb2 import FactsChanged
from servicekit.access import needs_of
from servicekit.announcements import Announcements
from servicekit.auth import Caller
from servicekit.errors import Unavailable
from servicekit.testing.waiting import eventually

NEEDS = needs_of("leadchain.assignment.v1.AssignmentService")
ANA = PrincipalPut("ana", "user", "active", 1)
ANA_OWNS = LeasePut("lead", "l-1", "ana", 0.0, 1, is_exempt=True)
SERVICE = Caller("engagement", frozenset(), "t-1")


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


class Settings:
    """What the channel reads of a service's settings."""

    service_token_file = None

    def tls(self) -> None:
        """No certificates."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def following(
    target: str, clock: Clock, **changed: float
) -> AsyncIterator[tuple[Replica, AccessGuard]]:
    settings: Any = Settings()
    channel = PermissionsChannel(settings, target)
    replica = Replica(
        channel, Announcements(_no_bus, source="t"), instance_id="i-1", clock=clock, **changed
    )
    await replica.start()
    try:
        yield replica, AccessGuard("assignment", ReplicaState(replica, channel))
    finally:
        await replica.stop()
        await channel.stop()


def _no_bus() -> Any:
    raise ConnectionError


@pytest.fixture
async def followed(permissions_grpc, clock):
    async with following(permissions_grpc, clock) as (replica, guard):
        await eventually(lambda: replica.is_current, what="a first snapshot")
        yield replica, guard


def announced(before: int, revision: int, *changes: Any) -> FactsChanged:
    return FactsChanged(
        log_id=LOG_ID,
        previous_revision=before,
        revision=revision,
        changes=[change_to_pb(change) for change in changes],
    )


async def permit(guard: AccessGuard, caller: Caller, method: str, request: Any, token: str = ""):
    need = NEEDS[method]
    assert need is not None
    await guard.permit(caller, need, request, consistency_token=token)


async def test_a_replica_begins_with_a_snapshot(followed, permissions: StandIn):
    replica, _ = followed
    assert replica.engine.revision == permissions.engine.revision
    assert replica.token == str(Token(LOG_ID, 1))
    assert replica.problem() is None


async def test_an_announced_change_is_in_force_at_once(followed, permissions: StandIn):
    replica, guard = followed
    revision = await permissions.apply([ANA, ANA_OWNS])
    replica.hear(announced(1, revision, ANA, ANA_OWNS))

    await permit(
        guard, Caller("ana", frozenset(), "t"), "GetAssignment", GetAssignmentRequest(lead_id="l-1")
    )

    assert permissions.checked == []


async def test_a_gap_is_filled_from_the_log(followed, permissions: StandIn):
    replica, _ = followed
    await permissions.apply([ANA])
    last = await permissions.apply([ANA_OWNS])
    replica.hear(announced(2, last, ANA_OWNS))

    assert not replica.is_current
    await eventually(lambda: replica.engine.revision == last, what="what was missed")
    assert replica.engine.principal("ana") == ANA


async def test_a_sign_of_life_shows_a_silent_gap(followed, permissions: StandIn):
    replica, _ = followed
    last = await permissions.apply([ANA])
    replica.hear(announced(last, last))

    await eventually(lambda: replica.engine.revision == last, what="what was missed")


async def test_an_announcement_that_comes_twice_or_late_changes_nothing(followed, permissions):
    replica, _ = followed
    gone = Fact("role", "colleague", "member", "service", "engagement")
    last = await permissions.apply([FactRemoved(gone)])
    replica.hear(announced(1, last, FactRemoved(gone)))
    again = await permissions.apply([FactPut(gone)])
    replica.hear(announced(last, again, FactPut(gone)))
    replica.hear(announced(1, last, FactRemoved(gone)))

    assert replica.engine.revision == again
    assert replica.engine.roles("engagement", now_s=0.0) == {"colleague"}


async def test_what_is_announced_while_a_snapshot_is_taken_is_not_missed(
    permissions_grpc, permissions: StandIn, clock: Clock
):
    last = permissions.engine.revision + 1
    async with following(permissions_grpc, clock) as (replica, _):
        replica.hear(announced(last, last))
        await eventually(lambda: replica.log_id, what="a first snapshot")
        assert not replica.is_current
        await permissions.apply([ANA])
        await eventually(lambda: replica.is_current, what="what was announced")

    assert replica.engine.revision == last


async def test_a_replica_is_known_by_its_first_confirmation(followed, permissions: StandIn):
    await eventually(lambda: ("i-1", 1) in permissions.confirmed, what="the first confirmation")


async def test_a_replica_says_again_and_again_that_it_is_alive(
    permissions_grpc, permissions: StandIn, clock: Clock
):
    async with following(permissions_grpc, clock, heartbeat_s=0.01):
        await eventually(lambda: permissions.confirmed.count(("i-1", 1)) > 2, what="heartbeats")


async def test_another_log_means_a_new_snapshot(followed, permissions: StandIn):
    replica, _ = followed
    await permissions.apply([ANA])
    replica.hear(FactsChanged(log_id="restored", previous_revision=1, revision=1))

    assert not replica.is_current
    await eventually(lambda: replica.is_current, what="a new snapshot")
    assert replica.engine.principal("ana") == ANA


async def test_a_replica_without_a_sign_of_life_answers_nothing(
    followed, clock: Clock, permissions
):
    replica, guard = followed
    clock.now_s += 5.1

    assert not replica.is_current
    await permit(guard, SERVICE, "GetAssignment", GetAssignmentRequest(lead_id="l-1"))
    assert permissions.checked == ["read"]


async def test_an_answer_never_predates_its_token(followed, permissions: StandIn):
    replica, guard = followed
    gone = Fact("role", "colleague", "member", "service", "engagement")
    last = await permissions.apply([FactRemoved(gone)])
    request, token = GetAssignmentRequest(lead_id="l-1"), str(Token(LOG_ID, last))

    await permit(guard, SERVICE, "GetAssignment", request)
    with pytest.raises(Refusal):
        await permit(guard, SERVICE, "GetAssignment", request, token)
    assert replica.engine.revision < last


async def test_a_refusal_is_confirmed_and_says_why(followed, permissions: StandIn):
    _, guard = followed
    await permissions.apply([ANA])

    with pytest.raises(Refusal) as refused:
        await permit(
            guard,
            Caller("ana", frozenset(), "t"),
            "GetAssignment",
            GetAssignmentRequest(lead_id="l-2"),
        )
    assert permissions.checked == ["read"]
    assert str(refused.value).startswith("read: ")


async def test_what_a_replica_does_not_know_yet_is_asked(followed, permissions: StandIn):
    _, guard = followed
    await permissions.apply([ANA, ANA_OWNS])

    await permit(
        guard, Caller("ana", frozenset(), "t"), "GetAssignment", GetAssignmentRequest(lead_id="l-1")
    )

    assert permissions.checked == ["read"]


async def test_a_service_acts_for_a_person_who_may(followed, permissions: StandIn):
    replica, guard = followed
    last = await permissions.apply([ANA, ANA_OWNS])
    replica.hear(announced(1, last, ANA, ANA_OWNS))

    await permit(guard, SERVICE, "MarkContacted", MarkContactedRequest(lead_id="l-1", rep_id="ana"))
    with pytest.raises(Refusal):
        await permit(
            guard, SERVICE, "MarkContacted", MarkContactedRequest(lead_id="l-1", rep_id="bo")
        )


async def test_a_person_acts_for_nobody_else(followed, permissions: StandIn):
    _, guard = followed
    await permissions.apply([ANA, ANA_OWNS, PrincipalPut("bo", "user", "active", 1)])

    with pytest.raises(Refusal, match="act_for"):
        await permit(
            guard,
            Caller("bo", frozenset(), "t"),
            "MarkContacted",
            MarkContactedRequest(lead_id="l-1", rep_id="ana"),
        )


@pytest.mark.parametrize(
    ("change", "caller"),
    [
        (PrincipalPut("ana", "user", "departed", 2), Caller("ana", frozenset(), "t")),
        (PrincipalPut("ana", "user", "active", 2), Caller("ana", frozenset(), "t", epoch=1)),
        (SessionRevoked("s-1", 2e9), Caller("ana", frozenset(), "t", session_id="s-1")),
    ],
)
async def test_a_revoked_token_is_void_once_it_is_confirmed(followed, permissions, change, caller):
    replica, guard = followed
    first = await permissions.apply([ANA])
    replica.hear(announced(1, first, ANA))
    assert not guard.is_revoked(caller)

    last = await permissions.apply([change])
    replica.hear(announced(first, last, change))

    await eventually(lambda: ("i-1", last) in permissions.confirmed, what="the confirmation")
    assert guard.is_revoked(caller)


async def test_a_stale_replica_still_knows_who_has_left(followed, permissions, clock: Clock):
    replica, guard = followed
    gone = PrincipalPut("ana", "user", "departed", 2)
    replica.hear(announced(1, await permissions.apply([gone]), gone))
    clock.now_s += 60

    assert not replica.is_current
    assert guard.is_revoked(Caller("ana", frozenset(), "t"))


async def test_nobody_is_let_in_while_nobody_can_say(clock: Clock, unused_tcp_port: int):
    async with following(f"127.0.0.1:{unused_tcp_port}", clock) as (replica, guard):
        assert replica.problem() == "no snapshot of permissions yet"
        with pytest.raises(Unavailable):
            await permit(guard, SERVICE, "GetAssignment", GetAssignmentRequest(lead_id="l-1"))
        clock.now_s += 10.0
        assert replica.problem() is None
