"""Canaries of forms are promoted or taken back: by command, or by their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from servicekit.errors import Conflict, NotFound

from lead_intake.domain.canaries import Step, next_step
from lead_intake.domain.form_documents import read_document
from lead_intake.domain.forms import Stage
from lead_intake.store import form_canaries
from lead_intake.store import forms as store
from lead_intake.wire import forms as wire

if TYPE_CHECKING:
    from servicekit.database import Database, UnitOfWork

    from lead_intake.domain.forms import FormId
    from lead_intake.store.form_canaries import Canary

IDLE_S: Final = 5.0
BY_COMMAND: Final = "by_command"
NO_WORSE: Final = "no_worse"
WORSE: Final = "worse"


class Canaries:
    """Settles canaries in steps that a worker runs; several replicas may."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def step(self) -> bool:
        """Promotes or takes back what is due; says that there is no more."""
        async with self._database.raw() as raw:
            running = await form_canaries.running(raw)
        for canary in running:
            async with self._database.unit_of_work() as uow:
                await _settle(uow, canary.form)
        return False


async def promote(uow: UnitOfWork, form: str, version: int) -> int:
    """Lets a canary judge everything; returns the version in force. Repeating it changes nothing.

    Raises `NotFound`, and `Conflict` when the version is neither on trial nor in force.
    """
    _, canary, live = await _found(uow, form)
    if live == version:
        return live
    if canary is None or canary.version != version:
        raise Conflict(f"version {version} is not on trial")
    await _promote(uow, canary, live, reason=BY_COMMAND)
    return version


async def roll_back(uow: UnitOfWork, form: str, version: int) -> int:
    """Takes a canary back; returns the version in force. Repeating it changes nothing.

    Raises `NotFound`, and `Conflict` when the version was never on trial or is in force.
    """
    form_id, canary, live = await _found(uow, form)
    if canary is not None and canary.version == version:
        await _roll_back(uow, canary, live, reason=BY_COMMAND)
    elif await store.stage_of(uow.raw, form_id, version) is not Stage.ROLLED_BACK:
        raise Conflict(f"version {version} is not on trial")
    return live


async def _settle(uow: UnitOfWork, form: str) -> None:
    _, canary, live = await _found(uow, form)
    if canary is None:
        return
    match next_step(canary.numbers, ends_at=canary.ends_at, now=uow.now):
        case Step.PROMOTE:
            await _promote(uow, canary, live, reason=NO_WORSE)
        case Step.ROLL_BACK:
            await _roll_back(uow, canary, live, reason=WORSE)
        case Step.WAIT:
            pass


async def _found(uow: UnitOfWork, form: str) -> tuple[FormId, Canary | None, int]:
    """The form, its running canary and the version in force, for this transaction alone."""
    locked = await store.lock(uow.raw, form)
    if locked is None:
        raise NotFound("no such form")
    live = await store.standing(uow.raw, locked.form_id, Stage.LIVE)
    canary = await form_canaries.running_of(uow.raw, locked.form_id)
    return locked.form_id, canary, live[0] if live else 0


async def _promote(uow: UnitOfWork, canary: Canary, live: int, *, reason: str) -> None:
    await form_canaries.end(uow.raw, canary, at=uow.now, outcome=f"promoted: {reason}")
    await store.move(uow.raw, canary.form_id, live, Stage.REPLACED)
    await store.move(uow.raw, canary.form_id, canary.version, Stage.LIVE)
    text = await store.document_of(uow.raw, canary.form_id, canary.version)
    oldest = min(read_document(text).oldest_supported, canary.version)
    await store.touch(uow.raw, canary.form_id, oldest_supported=oldest)
    uow.publish(wire.promoted(canary, replaced=live, reason=reason), key=canary.form)


async def _roll_back(uow: UnitOfWork, canary: Canary, live: int, *, reason: str) -> None:
    await form_canaries.end(uow.raw, canary, at=uow.now, outcome=f"rolled back: {reason}")
    await store.move(uow.raw, canary.form_id, canary.version, Stage.ROLLED_BACK)
    await store.touch(uow.raw, canary.form_id)
    uow.publish(wire.rolled_back(canary, kept=live, reason=reason), key=canary.form)
