# ruff: noqa: ARG002 - every step is tried in the same way
"""Whatever people and time do to a lease, it stands where a simple model says, and so do the rights of everybody."""

import math
from dataclasses import dataclass, replace

import pytest
from accesskit.facts import Entity
from accesskit.leases import LeaseState
from accesskit.policy import FollowUp
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from permissions.commands import claims, follow_ups, lease_clocks
from permissions.commands.claims import Claims, HandOver
from permissions.commands.lease_clocks import Ask
from permissions.domain.follow_ups import Touch
from permissions.queries.leases import terms_of
from permissions.store import lease_states
from permissions.store import leases as store
from permissions.store.lease_states import Wanted
from servicekit.errors import ServiceError
from servicekit.events import new_id
from servicekit.testing.thoroughness import rounds

REPS = ("rep-ana", "rep-bo", "rep-cai")
DAY_S = 86_400
WORKING = {LeaseState.ACTIVE, LeaseState.NOTICE, LeaseState.PROTECTED, LeaseState.EXEMPT}

# What happens, and how many days pass before it: sums that often hit a deadline exactly.
STEPS = st.tuples(
    st.sampled_from([0, 1, 6, 7, 8, 15, 23, 30]),
    st.sampled_from(
        ["touch", "claim", "hand_over", "release", "unlock", "protect", "exempt", "end", "sweep"]
    ),
    st.sampled_from(REPS),
)

EVERY_STEP = [
    (1, "touch", "rep-ana"), (0, "hand_over", "rep-bo"), (23, "touch", "rep-bo"), (30, "unlock", "rep-bo"),
    (0, "protect", "rep-bo"), (1, "exempt", "rep-bo"), (8, "end", "rep-bo"), (30, "sweep", "rep-bo"),
    (30, "touch", "rep-bo"), (30, "sweep", "rep-bo"), (15, "claim", "rep-cai"), (0, "release", "rep-cai"),
    (6, "claim", "rep-cai"), (1, "claim", "rep-cai"),
]  # fmt: skip


@dataclass(frozen=True)
class Model:
    """A lease, told in days since the start: infinite or empty where there is none."""

    owner: str
    clock: float = 0
    touched: float = 0
    protected: float = -math.inf
    is_exempt: bool = False
    former: str = ""
    cool: float = -math.inf

    def state(self, day: float) -> LeaseState:
        """Where the lease stands."""
        age = day - self.clock
        if not self.owner or (age >= 37 and not self.is_exempt):
            return LeaseState.POOL
        if self.is_exempt:
            return LeaseState.EXEMPT
        if day < self.protected:
            return LeaseState.PROTECTED
        if age >= 30:
            return LeaseState.READONLY
        return LeaseState.NOTICE if age >= 23 else LeaseState.ACTIVE

    def passed_to(self, owner: str, day: float, *, cool: float = -math.inf) -> "Model":
        """Somebody else's, or nobody's, from a day on."""
        former = self.owner or self.former
        return Model(owner, day, day, is_exempt=self.is_exempt, former=former, cool=cool)

    def after(self, step: str, rep: str, day: float) -> "Model":
        """The lease after what was tried; itself when it was refused."""
        return getattr(self, f"_{step}")(rep, day, self.state(day))

    def _touch(self, rep, day, state):
        if rep != self.owner or state not in WORKING or day <= self.touched:
            return self
        return replace(self, touched=day, clock=max(day, self.clock))

    def _claim(self, rep, day, state):
        former, cool = (self.owner, self.clock + 44) if self.owner else (self.former, self.cool)
        if state is not LeaseState.POOL or (rep == former and day < cool):
            return self
        return self.passed_to(rep, day)

    def _hand_over(self, rep, day, state):
        is_theirs = state is LeaseState.POOL or rep == self.owner
        return self if is_theirs else self.passed_to(rep, day)

    def _release(self, rep, day, state):
        return self if state is LeaseState.POOL else self.passed_to("", day, cool=day + 7)

    def _unlock(self, rep, day, state):
        return replace(self, touched=day, clock=day) if state is LeaseState.READONLY else self

    def _protect(self, rep, day, state):
        if state not in WORKING - {LeaseState.EXEMPT} or day + 60 > self.touched + 90:
            return self
        until = max(day + 60, self.protected)
        return replace(self, protected=until, clock=max(self.touched, until))

    def _exempt(self, rep, day, state):
        return self if state is LeaseState.POOL else replace(self, is_exempt=True)

    def _end(self, rep, day, state):
        if not self.is_exempt:
            return self
        until = max(day, self.protected)
        return replace(self, is_exempt=False, protected=until, clock=max(self.touched, until))

    def _sweep(self, rep, day, state):
        if not self.owner or state is not LeaseState.POOL:
            return self
        return self.passed_to("", day, cool=self.clock + 44)


class Real:
    """The lease on record, and the commands that change it."""

    def __init__(self, office) -> None:
        self.office = office
        self.terms = replace_claims(terms_of(office.live))
        self.claims = Claims(office.database)
        self.resource = Entity("customer", new_id())

    async def lease(self):
        """What is on record."""
        async with self.office.database.raw() as raw:
            return (await store.of_resources(raw, [self.resource]))[self.resource]

    async def try_(self, step: str, rep: str) -> None:
        """Has somebody try something; a refusal is an answer."""
        lease = await self.lease()
        ask = Ask(self.resource, rep, self.terms, lease.put.version, "test")
        try:
            await getattr(self, f"_{step}")(ask, lease.put.owner_id)
        except ServiceError:
            return

    async def _touch(self, ask, owner):
        effective = FollowUp(call_s=100, forms=1)
        touch = Touch(self.resource, ask.actor, self.office.clock.now_s, effective)
        await follow_ups.report_touches(self.office.database, [touch], self.terms, actor="test")

    async def _claim(self, ask, owner):
        await self.claims.claim(ask)

    async def _hand_over(self, ask, owner):
        wanted = HandOver([self.resource], owner, ask.actor, "boss-deng", "test")
        await claims.hand_over(self.office.database, wanted, self.terms)

    async def _release(self, ask, owner):
        await claims.release(self.office.database, ask)

    async def _unlock(self, ask, owner):
        await lease_clocks.unlock(self.office.database, self.office.live, ask)

    async def _protect(self, ask, owner):
        await lease_clocks.protect(self.office.database, ask, days=60)

    async def _exempt(self, ask, owner):
        await lease_clocks.exempt(self.office.database, ask)

    async def _end(self, ask, owner):
        await lease_clocks.end_exemption(self.office.database, ask)

    async def _sweep(self, ask, owner):
        await self.office.sweep()


def replace_claims(terms):
    """Terms under which nobody runs out of claims or protection; those limits have tests of their own."""
    return type(terms)(on=terms.on, claims_per_day=10**6, protected_count_max=10**6)


@pytest.mark.soak
@settings(
    max_examples=rounds(12, long=150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=15, max_size=rounds(20, long=40)))
@example(steps=EVERY_STEP)
async def test_a_lease_stands_where_the_model_says_whatever_happens_to_it(office, steps) -> None:
    real, model, began_at_s = Real(office), Model("rep-ana"), office.clock.now_s
    resource = office.customer(real.resource.id)
    await office.give("rep-ana", resource)

    for days, step, rep in steps:
        office.clock.wait(days=days)
        day = (office.clock.now_s - began_at_s) / DAY_S
        before = await real.lease()
        await real.try_(step, rep)
        model = model.after(step, rep, day)

        lease = await real.lease()
        state = lease.at(real.terms, office.clock.now_s).state
        assert (lease.put.owner_id, state) == (model.owner, model.state(day))
        assert lease.put.version >= before.put.version
        assert await listed_state(real, office) is state
        for each in REPS:
            allowed = each == model.owner and model.state(day) in WORKING
            assert await office.may_edit(each, resource) is allowed


async def listed_state(real: Real, office) -> LeaseState:
    """The state under which the lease is listed."""
    here = Entity(real.resource.type, real.resource.id[:-1])
    found = []
    async with office.database.raw() as raw:
        for state in LeaseState:
            wanted = Wanted("", state.value, here, 1000)
            leases = await lease_states.listed(raw, wanted, real.terms, now_s=office.clock.now_s)
            found += [state for lease in leases if lease.resource == real.resource]
    [state] = found
    return state
