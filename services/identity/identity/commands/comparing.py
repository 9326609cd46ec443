"""The nightly comparison: where the systems of one customer still say different things, and whom to tell (ID-10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

from identity.commands.arbitration import survivors
from identity.domain.arbitration import COMPARED_FIELDS, Said, differences, is_same
from identity.domain.statements import LEADS
from identity.store import comparisons, customers, golden, systems, write_backs
from identity.store.comparisons import Night
from identity.store.write_backs import CurrentSource
from identity.wire import systems as wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from servicekit.database import UnitOfWork

    from identity.commands.arbitration import Arbitration
    from identity.commands.system_rows import Desk
    from identity.domain.arbitration import Difference, Survivor
    from identity.store.golden_values import GoldenSeals

BEGINS_AT = time(2)
"""When the night's comparison begins, local time."""

ENDS_AT = time(8)
"""A comparison that did not begin by then is left to the next night."""

CUSTOMERS_AT_ONCE = 200
NIGHTS_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Comparing:
    """Compares customers page by page; the nights are those of `zone`."""

    desk: Desk
    golden_seals: GoldenSeals
    arbitration: Arbitration
    zone: ZoneInfo

    async def step(self, uow: UnitOfWork) -> bool:
        """Compares the next customers if it is time; says whether there may be more at once.

        Whatever replica comes first goes on where the last one stopped. Values that no one was told yet, such as a
        steward's, are planned to be told.
        """
        night = night_at(uow.now, self.zone)
        if night is None:
            return False
        await comparisons.begin(uow.raw, night, now=uow.now)
        after = await comparisons.take(uow.raw, night)
        if after is None:
            return False
        numbers = await comparisons.next_customers(uow.raw, after=after, limit=CUSTOMERS_AT_ONCE)
        found = await self._compare(uow, numbers)
        await comparisons.keep(uow.raw, night, found)
        is_over = len(numbers) < CUSTOMERS_AT_ONCE
        await comparisons.advance(
            uow.raw,
            Night(night, len(numbers), len(found), uow.now if is_over else None),
            after=numbers[-1] if numbers else after,
        )
        if is_over:
            await comparisons.forget(uow.raw, before=night - NIGHTS_KEPT)
            await write_backs.forget(uow.raw, before=uow.now - NIGHTS_KEPT)
        return not is_over

    async def _compare(
        self, uow: UnitOfWork, numbers: Sequence[int]
    ) -> list[tuple[str, Difference]]:
        """The differences with the Golden IDs of their customers; who says what stands is verified."""
        said = await self._said(uow, numbers)
        several = {number: each for number, each in said.items() if len(each) > 1}
        records = await golden.hold(uow.raw, self.golden_seals, said)
        await self.arbitration.arbitrate(uow, several)
        standing = {number: survivors(each.record) for number, each in records.items()}
        await self._verify(uow, said, standing)
        called = await customers.customers(uow.raw, several)
        found: list[tuple[str, Difference]] = [
            (called[number].golden_id, difference)
            for number, sayings in several.items()
            if number in called
            for difference in differences(sayings, standing.get(number, {}))
        ]
        self._say(uow, found)
        return found

    async def _said(self, uow: UnitOfWork, numbers: Sequence[int]) -> dict[int, list[Said]]:
        """What the systems say; leads are what people typed once, and are not held to it."""
        said: dict[int, list[Said]] = {}
        for row in await comparisons.sources(uow.raw, numbers):
            each = CurrentSource(*row)
            if each.system != LEADS:
                fields = self.desk.seals.open_fields(each.key_digest, each.sealed_fields)
                said.setdefault(each.customer_id, []).append(
                    Said(each.source_id, each.system, fields)
                )
        return said

    async def _verify(
        self,
        uow: UnitOfWork,
        said: Mapping[int, Sequence[Said]],
        standing: Mapping[int, Mapping[str, Survivor]],
    ) -> None:
        agreeing = [
            each
            for number, sayings in said.items()
            for each in sayings
            if _agrees(each, standing.get(number, {}))
        ]
        await comparisons.verify(uow.raw, [each.source_id for each in agreeing], now=uow.now)
        heard = {each.system for sayings in said.values() for each in sayings}
        await systems.verify(uow.raw, sorted(heard), now=uow.now)

    def _say(self, uow: UnitOfWork, found: Iterable[tuple[str, Difference]]) -> None:
        losing: dict[_Losing, list[str]] = {}
        for golden_id, each in found:
            for system, party in zip(each.systems, each.parties, strict=True):
                if party != each.standing:
                    fields = losing.setdefault(_Losing(golden_id, system), [])
                    fields += [] if each.field in fields else [each.field]
        for (golden_id, system), fields in losing.items():
            event = wire.source_diverged(golden_id, system, sorted(fields), "found_at_night")
            uow.publish(event, key=golden_id)


class _Losing(NamedTuple):
    golden_id: str
    system: str


def night_at(now: datetime, zone: ZoneInfo) -> date | None:
    """The night to compare at a moment, named by the day on which it ends; None by day."""
    local = now.astimezone(zone)
    return local.date() if BEGINS_AT <= local.time() < ENDS_AT else None


def _agrees(said: Said, standing: Mapping[str, Survivor]) -> bool:
    return all(
        is_same(name, said.fields[name], standing[name].value)
        for name in COMPARED_FIELDS
        if said.fields.get(name) and name in standing
    )
