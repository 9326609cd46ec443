"""What a change of owner means, decided without servers; and that there is one way to make one."""

import ast
import re
from dataclasses import replace
from pathlib import Path

import permissions
import pytest
from accesskit.changes import LeasePut
from accesskit.facts import Entity
from accesskit.leases import LeaseState
from accesskit.policy import DAY_S, EffectiveFollowUp, FollowUp, LeaseTerms
from hypothesis import given
from hypothesis import strategies as st
from permissions.domain.follow_ups import Touch, ineffective
from permissions.domain.lease_rules import claim_day, due_notice, lapse, release
from permissions.domain.leases import (
    Cause,
    Lease,
    OwnerChange,
    WrongState,
    change_owner,
    restarted,
    unowned,
)

CUSTOMER = Entity("customer", "c-1")
TERMS = LeaseTerms(on=frozenset({"customer"}))
SOURCES = Path(permissions.__file__).parent


def a_lease(*, owner: str = "rep-ana", touched_at_s: float = 0.0) -> Lease:
    return Lease(LeasePut("customer", "c-1", owner, touched_at_s, 1), episode=1)


def test_a_new_owner_starts_with_a_clock_of_their_own_and_no_protection() -> None:
    protected = restarted(a_lease(), seq=2, suspended_until_s=90 * DAY_S)

    lease = change_owner(
        OwnerChange(protected, "rep-bo", Cause.HANDED_OVER), now_s=5 * DAY_S, seq=3
    )

    assert lease.put == LeasePut(
        "customer", "c-1", "rep-bo", 5 * DAY_S, 3, former_owner_id="rep-ana", seq=3
    )
    assert (lease.granted_at_s, lease.noticed, lease.episode) == (5 * DAY_S, "", 3)


def test_a_signed_contract_stays_signed_whoever_owns_the_customer() -> None:
    exempt = restarted(a_lease(), seq=2, is_exempt=True)

    lease = change_owner(OwnerChange(exempt, "rep-bo", Cause.HANDED_OVER), now_s=1.0, seq=3)

    assert lease.at(TERMS, 400 * DAY_S).state is LeaseState.EXEMPT


def test_who_owned_it_last_is_remembered_while_nobody_does() -> None:
    released = change_owner(
        OwnerChange(a_lease(), "", Cause.RELEASED, cool_until_s=9.0), now_s=2.0, seq=2
    )

    claimed = change_owner(OwnerChange(released, "rep-bo", Cause.CLAIMED), now_s=3.0, seq=3)

    assert (released.put.former_owner_id, released.put.cool_until_s) == ("rep-ana", 9.0)
    assert (claimed.put.former_owner_id, claimed.put.cool_until_s) == ("rep-ana", 0.0)


def test_a_resource_that_nobody_has_owned_has_nobody_before_its_first_owner() -> None:
    lease = change_owner(OwnerChange(unowned(CUSTOMER), "rep-ana", Cause.ASSIGNED), now_s=1, seq=1)

    assert (lease.put.former_owner_id, lease.put.version) == ("", 1)


@given(days=st.floats(0, 60, allow_nan=False))
def test_a_notice_is_due_once_in_each_state(days: float) -> None:
    lease, now_s = a_lease(), days * DAY_S

    state = due_notice(lease, TERMS, now_s=now_s)

    expected = None if not 23 <= days < 37 else LeaseState.NOTICE
    assert state is (LeaseState.READONLY if expected and days >= 30 else expected)
    if state is not None:
        assert due_notice(replace(lease, noticed=state.value), TERMS, now_s=now_s) is None


def test_a_lease_lapses_at_its_second_and_the_owner_cools_down_from_there() -> None:
    before = lapse(a_lease(), TERMS, now_s=37 * DAY_S - 1)
    late = lapse(a_lease(), TERMS, now_s=40 * DAY_S)

    assert before is None
    assert late is not None
    assert (late.owner_id, late.cool_until_s) == ("", 44 * DAY_S)
    assert lapse(a_lease(owner=""), TERMS, now_s=40 * DAY_S) is None


def test_what_is_in_the_pool_is_not_released_again() -> None:
    with pytest.raises(WrongState, match="pool"):
        release(a_lease(), TERMS, now_s=37 * DAY_S)


@given(
    given_follow_up=st.builds(
        FollowUp,
        call_s=st.floats(0, 200),
        forms=st.integers(0, 2),
        attachments=st.integers(0, 2),
        customer_messages=st.integers(0, 5),
        has_geofenced_visit=st.booleans(),
    )
)
def test_a_follow_up_counts_with_any_two_signals_and_otherwise_says_what_it_lacks(
    given_follow_up: FollowUp,
) -> None:
    result = ineffective(Touch(CUSTOMER, "rep-ana", 0.0, given_follow_up), EffectiveFollowUp())

    met_count = (
        (given_follow_up.call_s >= 90)
        + (given_follow_up.forms >= 1)
        + (given_follow_up.attachments >= 1)
        + (given_follow_up.customer_messages >= 3)
        + given_follow_up.has_geofenced_visit
    )
    assert (result is None) is (met_count >= 2)
    if result is not None:
        assert len(result.lacking) == 5 - met_count
        assert result.lacking_count == 2 - met_count


def test_a_claim_counts_to_the_day_in_china() -> None:
    last_second = 1_770_479_999.0  # 2026-02-07 23:59:59 in China

    days = [claim_day(last_second).isoformat(), claim_day(last_second + 1).isoformat()]

    assert days == ["2026-02-07", "2026-02-08"]


def test_one_function_and_one_statement_change_an_owner() -> None:
    writers, statements = set(), set()

    for path in SOURCES.rglob("*.py"):
        source = path.read_text("utf-8")
        name = path.relative_to(SOURCES).as_posix()
        writers |= {(name, function) for function in _owner_writers(ast.parse(source))}
        if re.search(r"(insert into|update|delete from) leases\b", source):
            statements.add(name)

    assert writers == {("domain/leases.py", "change_owner"), ("domain/leases.py", "unowned")}
    assert statements == {"store/leases.py", "migrations/versions/0003_add_leases.py"}


def _owner_writers(tree: ast.Module) -> set[str]:
    """Functions that make a lease or copy one with another owner."""
    return {
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and _sets_an_owner(call)
    }


def _sets_an_owner(call: ast.Call) -> bool:
    called = ast.unparse(call.func)
    copies = called.split(".")[-1] == "replace"
    names_owner = any(keyword.arg == "owner_id" for keyword in call.keywords)
    return (copies and names_owner) or (called == "LeasePut" and not _is_a_row(call))


def _is_a_row(call: ast.Call) -> bool:
    """Whether a lease is made of what is on record."""
    return any(isinstance(argument, ast.Starred) for argument in call.args)
