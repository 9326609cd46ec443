"""Whose leads make somebody a customer: who may read one of a customer's leads may read the customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.facts import Fact

from permissions.commands import recording
from permissions.commands.admission import not_admitted
from permissions.commands.facts import write_facts
from permissions.commands.policies import live_policy
from permissions.domain.facts import FactsToWrite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servicekit.database import UnitOfWork

    from permissions.commands.recording import Log

IDENTITY = "identity"


async def relate_leads(
    uow: UnitOfWork, log: Log, asked: Iterable[tuple[str, str]], *, actor: str
) -> None:
    """States that leads are of customers, (Golden ID, lead id) each; a live model without "asked" is told nothing."""
    await _write(uow, log, asked, (), actor=actor)


async def move_leads(
    uow: UnitOfWork, *, now: Iterable[tuple[str, str]], before: Iterable[tuple[str, str]] = ()
) -> None:
    """States whose leads are after customers merged or parted, and that they are not whose they were before.

    A customer who is merged away keeps their facts: they may still be named by the id of then.
    """
    log = await recording.begin(uow)
    if await _write(uow, log, now, before, actor=IDENTITY):
        await log.finish()


async def _write(
    uow: UnitOfWork,
    log: Log,
    puts: Iterable[tuple[str, str]],
    removals: Iterable[tuple[str, str]],
    *,
    actor: str,
) -> int:
    wanted = {_fact(*pair).key: _fact(*pair) for pair in puts}
    unwanted = [_fact(*pair) for pair in removals if _fact(*pair).key not in wanted]
    sample = [*wanted.values(), *unwanted][:1]
    if not sample or not_admitted(await live_policy(uow.raw), sample):
        return 0
    return await write_facts(uow, log, FactsToWrite(list(wanted.values()), unwanted), actor=actor)


def _fact(golden_id: str, lead_id: str) -> Fact:
    return Fact("customer", golden_id, "asked", "lead", lead_id)
