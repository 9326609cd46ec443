"""What a loop promises: it outlives its steps, can be woken, and ends when it is told to."""

import asyncio
import time

from servicekit.polling import Poller
from servicekit.testing.waiting import eventually


async def test_a_loop_goes_on_at_once_while_there_is_more(running):
    left = [1, 2, 3]

    async def step():
        left.pop()
        return bool(left)

    async with running(Poller("poller", step, idle_s=60)):
        await eventually(lambda: not left, deadline_s=1)


async def test_an_idle_loop_can_be_woken(running):
    steps: list[float] = []

    async def step():
        steps.append(time.monotonic())
        return False

    poller = Poller("poller", step, idle_s=60)
    async with running(poller):
        await eventually(lambda: steps)
        poller.wake()
        await eventually(lambda: len(steps) == 2, deadline_s=1)


async def test_a_wake_during_a_step_is_not_lost(running):
    steps: list[int] = []

    async def step():
        steps.append(1)
        if len(steps) == 1:
            poller.wake()
        return False

    poller = Poller("poller", step, idle_s=60)
    async with running(poller):
        await eventually(lambda: len(steps) == 2, deadline_s=1)


async def test_a_failing_step_backs_off_whoever_wakes_it_and_goes_on_when_it_is_healed(running):
    steps: list[float] = []
    broken = True

    async def step():
        steps.append(time.monotonic())
        if broken:
            raise ConnectionError("away")
        return False

    poller = Poller("poller", step)
    async with running(poller):
        await eventually(lambda: len(steps) == 3 or poller.wake())
        assert steps[1] - steps[0] >= 0.1
        assert steps[2] - steps[1] >= 0.5

        await eventually(poller.problem)
        broken = False
        await eventually(lambda: not poller.problem())


async def test_a_step_that_is_cancelled_from_within_does_not_end_the_loop(running):
    steps: list[int] = []

    async def step():
        steps.append(1)
        if len(steps) == 1:
            raise asyncio.CancelledError
        return False

    poller = Poller("poller", step)
    async with running(poller):
        await eventually(lambda: len(steps) > 1)
        assert poller.problem() is None


async def test_stopping_lets_the_running_step_end():
    done: list[str] = []
    working, may_end = asyncio.Event(), asyncio.Event()

    async def step():
        working.set()
        await may_end.wait()
        done.append("done")
        return True

    poller = Poller("poller", step)
    await poller.start()
    async with asyncio.timeout(5):
        await working.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(poller.stop())
            may_end.set()

    assert done
    assert poller.problem() == "not running"


async def test_a_step_that_does_not_end_is_cancelled_after_the_stop_timeout():
    working = asyncio.Event()

    async def step():
        working.set()
        await asyncio.Event().wait()
        return True

    poller = Poller("poller", step, stop_timeout_s=0.1)
    await poller.start()
    async with asyncio.timeout(5):
        await working.wait()
        await poller.stop()

    assert poller.problem() == "not running"
