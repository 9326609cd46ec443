"""The long form of the kill test: every process and both servers, round after round, under load.

`CHAOS_ROUNDS` says how many rounds (default 5, about two minutes each).
"""

import asyncio
import os
import random
import signal

import pytest
from leadctl.clients import NotAnswered
from leadctl.demo.checks import answer_problems
from leadctl.ledger import current_ledger
from servicekit.testing.waiting import eventually

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "5"))
VICTIMS = (
    "lead-intake", "identity", "assignment", "permissions", "engagement", "notification", "reporting",
    "nats", "postgres",
)  # fmt: skip
DELIVERIES = 1500
BEGUN_COUNT = 20

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(ROUNDS * 600)]


@pytest.mark.parametrize("round_no", range(ROUNDS))
async def test_no_lead_is_lost_whatever_is_killed(round_no, stack, known, make_plan, play):
    before = await current_ledger(known)
    planned = make_plan(DELIVERIES, seed=1000 + round_no)
    async with asyncio.TaskGroup() as tasks:
        performance = tasks.create_task(play(planned, rate_per_s=25.0))
        begun = before.total.accepted_count + BEGUN_COUNT
        tasks.create_task(kill_all_in_some_order(stack, known, seed=round_no, begun=begun))
    outcome = performance.result()

    after, expected = outcome.books.ledger.total, planned.expected()
    assert answer_problems(planned, outcome.receipts) == []
    assert [str(lead) for lead in outcome.books.ledger.missing] == []
    assert after.missing_count == 0
    assert after.accepted_count - before.total.accepted_count == expected.accepted
    # Somebody of an earlier round may have asked again, and is merged instead of assigned.
    assert owned(after) - owned(before.total) == expected.assigned + expected.merged


def owned(line):
    """Leads that were given to somebody: one whose owners all did not act lies in the public pool."""
    return line.assigned_count + line.pooled_count + line.merged_count


async def kill_all_in_some_order(stack, known, *, seed, begun):
    """Kills one after the other once the ledger has come to `begun` leads: accounts and people are there by then."""
    await eventually(lambda: _has_accepted(known, begun), deadline_s=60, what="the deliveries")
    for name in random.Random(seed).sample(VICTIMS, len(VICTIMS)):
        await asyncio.to_thread(stack.kill, name, signal.SIGKILL)
        await stack.start(name)
        await eventually(lambda: _answers(known), deadline_s=60, what=f"the chain after {name}")


async def _has_accepted(known, count):
    return (await current_ledger(known)).total.accepted_count >= count


async def _answers(known):
    try:
        return not (await current_ledger(known)).unreachable
    except NotAnswered:
        return False
