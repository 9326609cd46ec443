"""A lease's state follows from the last effective follow-up, the terms and the moment of the question."""

import math

import pytest
from accesskit.changes import LeasePut
from accesskit.leases import LeaseState, is_cooling_down, view
from accesskit.policy import DAY_S, LeaseTerms
from hypothesis import given
from hypothesis import strategies as st

TERMS = LeaseTerms(on=frozenset({"lead"}))
START_S = 1_790_000_000.0


def a_lease(owner_id="rep-ana", **given_):
    return LeasePut("lead", "l1", owner_id, START_S, version=1, **given_)


def state(lease, *, days):
    return view(lease, TERMS, now_s=START_S + days * DAY_S).state


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, LeaseState.ACTIVE),
        (23 - 1 / DAY_S, LeaseState.ACTIVE),
        (23, LeaseState.NOTICE),
        (30 - 1 / DAY_S, LeaseState.NOTICE),
        (30, LeaseState.READONLY),
        (37 - 1 / DAY_S, LeaseState.READONLY),
        (37, LeaseState.POOL),
        (3700, LeaseState.POOL),
    ],
)
def test_the_state_changes_at_the_exact_second(days, expected):
    assert state(a_lease(), days=days) is expected


def test_a_protected_lease_keeps_its_clock_stopped_and_starts_afresh_afterwards():
    lease = a_lease(suspended_until_s=START_S + 60 * DAY_S)

    assert state(lease, days=59) is LeaseState.PROTECTED
    assert state(lease, days=61) is LeaseState.ACTIVE
    assert state(lease, days=90) is LeaseState.READONLY


def test_an_exempt_lease_never_lapses():
    seen = view(a_lease(is_exempt=True), TERMS, now_s=START_S + 9999 * DAY_S)

    assert seen.state is LeaseState.EXEMPT
    assert seen.readonly_at_s == math.inf


def test_without_an_owner_it_is_in_the_pool_at_once():
    assert state(a_lease(""), days=0) is LeaseState.POOL


def test_a_type_without_leases_never_lapses():
    lease = LeasePut("deal", "d1", "rep-ana", START_S, version=1)

    assert state(lease, days=9999) is LeaseState.ACTIVE


def test_a_former_owner_cools_down():
    lease = a_lease("", former_owner_id="rep-ana", cool_until_s=START_S + 7 * DAY_S)

    assert is_cooling_down(lease, TERMS, "rep-ana", now_s=START_S)
    assert not is_cooling_down(lease, TERMS, "rep-ana", now_s=START_S + 7 * DAY_S)
    assert not is_cooling_down(lease, TERMS, "rep-bo", now_s=START_S)


def test_an_owner_whom_the_sweeper_has_yet_to_relieve_cools_down_too():
    lease = a_lease()

    assert is_cooling_down(lease, TERMS, "rep-ana", now_s=START_S + 38 * DAY_S)
    assert not is_cooling_down(lease, TERMS, "rep-ana", now_s=START_S + 44 * DAY_S)


@given(st.floats(0, 50), st.floats(0, 50))
def test_time_alone_never_gives_rights_back(earlier, later):
    order = [LeaseState.ACTIVE, LeaseState.NOTICE, LeaseState.READONLY, LeaseState.POOL]
    first, second = sorted((earlier, later))

    assert order.index(state(a_lease(), days=first)) <= order.index(state(a_lease(), days=second))
