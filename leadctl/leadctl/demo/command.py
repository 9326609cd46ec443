"""`leadctl demo`: the whole chain on this machine, from webhooks to the ledger; fails unless all is accounted for."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from leadctl.demo.deliveries import DELIVERIES_MIN
from leadctl.presentation import complain, screen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rich.console import Console

    from leadctl.demo.deliveries import Plan
    from leadctl.demo.performance import Outcome
    from leadctl.stack.stack import Stack

STOPPED_BY_SIGNAL = 130
LEADS_MAX = 200_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be shown: how many deliveries, how fast, of which people, and whether the stack stays up."""

    leads: int
    rate_per_s: float
    seed: int
    keep: bool


def demo(
    leads: Annotated[
        int, typer.Option(min=DELIVERIES_MIN, max=LEADS_MAX, help="How many deliveries to send.")
    ] = 1000,
    rate: Annotated[float, typer.Option(min=1, help="Deliveries begun in a second.")] = 250.0,
    seed: Annotated[int, typer.Option(min=0, help="Which made-up people.")] = 1,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Only stop what --keep left.")] = False,
) -> None:
    """Start a fresh stack, deliver leads by both channels, let reps work, and check every book.

    Exits 0 only if every delivery is accounted for and no personal data are in logs or spans.
    """
    from leadctl.stack.stack import StackIsBusy

    wish = Wish(leads, rate, seed, keep)
    try:
        ended_well = asyncio.run(_stopped(screen()) if stop else _demo(wish, screen()))
    except StackIsBusy as problem:
        complain(str(problem))
        raise typer.Exit(1) from None
    except (asyncio.CancelledError, KeyboardInterrupt):
        complain("stopped; the stack is down")
        raise typer.Exit(STOPPED_BY_SIGNAL) from None
    if not ended_well:
        raise typer.Exit(1)


async def _stopped(console: Console) -> bool:
    """True, once nothing of an earlier demonstration runs any more; its data stay."""
    from leadctl.demo.environment import demo_stack

    await demo_stack().down()
    console.print("the stack is down")
    return True


async def _demo(wish: Wish, console: Console) -> bool:
    """Whether all went well; says what did not, and ends with the ledger in one line."""
    from leadctl.demo.deliveries import plan
    from leadctl.demo.environment import demo_stack
    from leadctl.ledger import ledger_line

    planned = plan(wish.leads, seed=wish.seed, at=datetime.now(UTC))
    # What an earlier run left; its folders go with it, so the new run gets a `Stack` of its own.
    await demo_stack().down(purge=True)
    stack = demo_stack()
    outcome = await _performed_or_none(stack, wish, console, planned)
    if outcome is None:
        return False
    problems = [*outcome.problems, *await asyncio.to_thread(_leaked, stack, planned)]
    for problem in problems:
        complain(problem)
    if not problems:
        console.print("every delivery is accounted for; no personal data in logs or spans")
    console.print(ledger_line(outcome.books.ledger.total), soft_wrap=True)
    return not problems


async def _performed_or_none(
    stack: Stack, wish: Wish, console: Console, planned: Plan
) -> Outcome | None:
    """The outcome; None when something did not start or answer, after one line that says what."""
    import aiohttp
    from servicekit.local.processes import DidNotStart

    from leadctl.clients import NotAnswered

    try:
        return await _performed(stack, wish, console, planned)
    except (NotAnswered, DidNotStart, OSError, aiohttp.ClientError, ExceptionGroup) as failure:
        cause = _innermost(failure)
        if isinstance(cause, NotAnswered | DidNotStart | OSError | aiohttp.ClientError):
            complain(str(cause) or type(cause).__name__)
            return None
        raise


async def _performed(stack: Stack, wish: Wish, console: Console, planned: Plan) -> Outcome:
    from leadctl.clients import Services
    from leadctl.demo.performance import perform
    from leadctl.demo.progress import watching
    from leadctl.demo.report import print_report

    async with AsyncExitStack() as cleanup:
        await cleanup.enter_async_context(_taken_down(stack, console, keep=wish.keep))
        with watching(console) as watcher:
            await stack.up(watcher.step)
            targets = {name: target.grpc for name, target in stack.targets().items()}
            known = Services(targets, stack.operator_token_file())
            await cleanup.enter_async_context(known)
            outcome = await perform(known, stack, planned, watcher, rate_per_s=wish.rate_per_s)
        await print_report(console, known, stack.directory / "spans", planned, outcome)
    return outcome


@asynccontextmanager
async def _taken_down(stack: Stack, console: Console, *, keep: bool) -> AsyncIterator[None]:
    """The stack goes down at the end, and after a failure or a signal whatever `keep` says."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    except BaseException:
        await stack.down()
        raise
    console.print()
    if keep:
        where = f"LEADCHAIN_STACK_DIR={stack.directory}"
        console.print(f"the stack stays up until `leadctl demo --stop`: {where}", soft_wrap=True)
        return
    await stack.down()
    console.print("the stack is down")


def _leaked(stack: Stack, planned: Plan) -> list[str]:
    """Personal data of the plan's people in what the programs wrote, by place."""
    from leadctl.demo.personal_data import Samples, leaks

    folders = [stack.directory / name for name in ("logs", "spans")]
    found = leaks(Samples(planned.people), folders)
    shown = [f"{leak.file}:{leak.line} holds a {leak.what}" for leak in found[:10]]
    return shown + ([f"and {len(found) - 10} more such lines"] if len(found) > 10 else [])


def _innermost(failure: BaseException) -> BaseException:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
