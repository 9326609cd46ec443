"""What can be asked about reminders."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from notification.commands.health import WINDOW, measured
from notification.store import receipts, reminders, sends

if TYPE_CHECKING:
    from datetime import timedelta
    from uuid import UUID

    from servicekit.database import Database

    from notification.domain.health import Health
    from notification.domain.kinds import Policy
    from notification.domain.reminders import State


@dataclass(frozen=True, slots=True)
class Told:
    """One reminder, its messages, and what is proved of each."""

    row: Any
    sends: list[Any] = field(default_factory=list)
    receipts: dict[UUID, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many reminders are in each state, and how many of those due are held."""

    by_state: dict[State, int]
    held: int


async def list_reminders(database: Database, lead_id: UUID) -> list[Told]:
    """Every reminder about a lead, oldest first; empty for a lead that nobody was told about."""
    async with database.raw() as raw:
        told = {row["reminder_id"]: Told(row) for row in await reminders.of_lead(raw, lead_id)}
        for row in await sends.of_reminders(raw, list(told)):
            told[row["reminder_id"]].sends.append(row)
        for row in await receipts.of_reminders(raw, list(told)):
            told[row["reminder_id"]].receipts.setdefault(row["send_id"], []).append(row)
    return list(told.values())


async def get_counts(database: Database) -> Counts:
    """How many reminders are in each state (AS-12)."""
    async with database.raw() as raw:
        return Counts(await reminders.counts_by_state(raw), await reminders.held_count(raw))


async def get_health(
    database: Database, policy: Policy, *, window: timedelta | None = None
) -> list[Health]:
    """The rates of each kind over a window, a day by default (AS-12)."""
    async with database.raw() as raw:
        return await measured(raw, policy, now=datetime.now(UTC), window=window or WINDOW)
