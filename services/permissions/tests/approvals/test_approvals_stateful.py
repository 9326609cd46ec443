"""Random courses of requests, votes, departures, time and use, beside a small model of what should come of them."""

from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from accesskit.changes import PrincipalPut
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from leadchain.permissions.v1 import approvals_service_pb2 as pb
from servicekit.events import new_id
from servicekit.testing.thoroughness import rounds

from .conftest import APPROVE, DENY, Office, a_deed, a_request, a_use, people

GROUP_OF = {"boss": "line", "sue": "line", "sec": "security", "sid": "security"}
STAFF = ("ana", "boss", "sue", "sec", "sid", "bo")

votes_so_far = st.sampled_from(
    [
        [],
        [("vote", "boss", APPROVE)],
        [("vote", "boss", APPROVE), ("vote", "sec", APPROVE)],
        [("vote", "sue", APPROVE), ("vote", "sid", APPROVE), ("use", "k1", True)],
    ]
)
step = st.one_of(
    st.tuples(st.just("vote"), st.sampled_from(STAFF), st.sampled_from([APPROVE] * 4 + [DENY])),
    st.tuples(st.just("use"), st.sampled_from(["k1", "k2"]), st.sampled_from([True] * 3 + [False])),
    st.tuples(st.just("wait"), st.sampled_from([1, 6, 14, 16, 60 * 23])),
    st.tuples(st.just("leave"), st.sampled_from(STAFF)),
    st.tuples(st.just("return"), st.sampled_from(STAFF)),
    st.tuples(st.just("cancel")),
)
courses = st.tuples(votes_so_far, st.lists(step, min_size=2, max_size=12)).map(
    lambda parts: [*parts[0], *parts[1]]
)

every_step = [
    ("vote", "boss", APPROVE), ("leave", "boss"), ("return", "boss"), ("vote", "boss", APPROVE), ("use", "k1", True),
    ("vote", "sec", APPROVE), ("wait", 1), ("use", "k1", False), ("use", "k1", True), ("use", "k2", True),
    ("cancel",), ("vote", "sid", DENY),
]  # fmt: skip


@dataclass
class Model:
    """What should be so, kept in the simplest way; times in minutes."""

    minute: float = 0
    status: str = "pending"
    approved_at: float = 0
    key: str = ""
    votes: dict[str, tuple[int, int]] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STAFF, 1))
    away: set[str] = field(default_factory=set)

    def is_lapsed(self) -> bool:
        """Whether time has ended it."""
        if self.status == "pending":
            return self.minute >= 24 * 60
        return self.status == "approved" and self.minute >= self.approved_at + 15

    def counted(self) -> set[str]:
        """Groups with an approval that counts."""
        return {
            GROUP_OF[who]
            for who, (verdict, epoch) in self.votes.items()
            if who not in self.away and self.epochs[who] == epoch and verdict == APPROVE
        }

    def vote(self, who: str, verdict: int) -> str:
        """What a vote leads to."""
        mine = self.votes.get(who)
        is_counted = mine is not None and mine[1] == self.epochs[who] and who not in self.away
        if is_counted and mine is not None and mine[0] == verdict:
            return "ok"
        if self.status != "pending" or self.is_lapsed():
            return "FAILED_PRECONDITION"
        if who in self.away or who not in GROUP_OF or is_counted:
            return "PERMISSION_DENIED"
        self.votes[who] = (verdict, self.epochs[who])
        if verdict == DENY:
            self.status = "denied"
        elif self.counted() == {"line", "security"}:
            self.status, self.approved_at = "approved", self.minute
        return "ok"

    def use(self, key: str, *, as_asked: bool) -> str:
        """What a use leads to."""
        if self.status == "used" and as_asked and key == self.key:
            return "ok"
        if not as_asked:
            return "out_of_scope"
        if self.status == "used" or self.is_lapsed():
            return "approval_expired"
        if self.status == "pending":
            return "grant_pending"
        is_sound = self.epochs["ana"] == 1 and self.counted() == {"line", "security"}
        if self.status != "approved" or not is_sound:
            return "policy_denied"
        self.status, self.key = "used", key
        return "ok"

    def cancel(self) -> str:
        """What a withdrawal leads to; a lapsed one may still be withdrawn, which changes nothing that counts."""
        if self.status in {"pending", "approved", "cancelled"}:
            self.status = "cancelled"
            return "ok"
        return "FAILED_PRECONDITION"

    def leave(self, who: str) -> None:
        """Somebody leaves; whatever they had is void."""
        if who not in self.away:
            self.away.add(who)
            self.epochs[who] += 1


@dataclass
class Course:
    """One request among people of its own, driven through the door."""

    office: Office
    suffix: str
    request_id: str = field(default_factory=new_id)

    def deed(self, params: str = "{}") -> pb.Deed:
        """Ana's deed."""
        return a_deed(subject=f"ana{self.suffix}", customer=f"c-1{self.suffix}", params=params)

    async def begin(self) -> None:
        """People and request."""
        await self.office.state(*people(suffix=self.suffix))
        request = a_request(request_id=self.request_id, deed=self.deed())
        await self.office.call("RequestAccess", request, by=f"ana{self.suffix}")

    async def take(self, step: tuple[Any, ...], model: Model) -> tuple[str, str]:
        """Takes a step in both worlds; what came of it, and what should have."""
        match step:
            case ("vote", who, verdict):
                ballot = pb.VoteRequest(request_id=self.request_id, verdict=verdict)
                return await self.code("Vote", ballot, who), model.vote(who, verdict)
            case ("use", key, as_asked):
                deed = self.deed("{}" if as_asked else '{"more":1}')
                use = a_use(self.request_id, key=key, deed=deed)
                return await self.text("UseApproval", use), model.use(key, as_asked=as_asked)
            case ("cancel",):
                withdrawal = pb.CancelRequestRequest(request_id=self.request_id)
                return await self.code("CancelRequest", withdrawal, "ana"), model.cancel()
            case ("wait", minutes):
                model.minute += minutes
                self.office.now_s += minutes * 60
            case (moved, who):
                await self.move(moved, who, model)
        return "", ""

    async def move(self, moved: str, who: str, model: Model) -> None:
        """Somebody leaves or comes back."""
        if moved == "leave":
            model.leave(who)
        else:
            model.away.discard(who)
        status = "departed" if who in model.away else "active"
        put = PrincipalPut(f"{who}{self.suffix}", "user", status, model.epochs[who])
        await self.office.state(put)

    async def code(self, rpc: str, request: Any, who: str) -> str:
        """ok, or the code of the refusal."""
        try:
            await self.office.call(rpc, request, by=f"{who}{self.suffix}")
        except grpc.aio.AioRpcError as refused:
            return refused.code().name
        return "ok"

    async def text(self, rpc: str, request: Any) -> str:
        """ok, or the text of the refusal."""
        try:
            await self.office.call(rpc, request, by=f"ana{self.suffix}")
        except grpc.aio.AioRpcError as refused:
            return refused.details() or ""
        return "ok"


@pytest.mark.soak
@settings(
    max_examples=rounds(12, long=300),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(course=courses)
@example(course=every_step)
async def test_whatever_happens_an_approval_does_what_the_model_says(
    office: Office, course: list[tuple[Any, ...]]
) -> None:
    model, driven = Model(), Course(office, f"-{new_id()}")
    await driven.begin()

    for step in course:
        happened, expected = await driven.take(step, model)

        assert happened == expected, step
