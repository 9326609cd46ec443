"""Keeps golden records: when customers change, what stands about them is made anew in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from servicekit.erasures import Erased

from identity.domain.golden import GoldenRecord, survive
from identity.domain.golden_changes import (
    CLOSING,
    Cause,
    FieldChange,
    differences,
    is_pinned,
    without,
)
from identity.domain.regroupings import AUTOMATIC
from identity.store import golden, golden_history, golden_pins
from identity.store.golden import LoggedChange, Standing
from identity.wire import golden as wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork

    from identity.domain.golden import Pin, Source
    from identity.domain.statements import Regrouped
    from identity.domain.survivorship import SurvivorshipPolicy
    from identity.store.golden_archive import Archive

    Told = tuple[str, Sequence[Source]]
    Listener = Callable[[UnitOfWork, Collection[int]], Awaitable[object]]

ERASURE = "erasure"
"""The reason of a regrouping that forgets somebody."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """Why records are made anew, by customer if not all alike, and who did it when no source says.

    `parted` left other customers. `looks_for_pins` wants stewards' texts to be looked for, whatever the records say.
    """

    cause: Cause
    actor: str
    causes: Mapping[int, Cause] = field(default_factory=dict)
    parted: Collection[int] = ()
    looks_for_pins: bool = False

    def of(self, customer_id: int) -> Cause:
        """The cause for one customer."""
        return self.causes.get(customer_id, self.cause)


class _Made(NamedTuple):
    """A record as it is now, and as it was; no `before` for a customer who had none."""

    standing: Standing
    before: Standing | None
    changes: tuple[FieldChange, ...]
    is_of_leads: bool


class GoldenRecords:
    """Makes golden records. `follow` is a follower of the resolver.

    `listeners` are called with the numbers of customers whose record was made anew for another reason than statements,
    in the same transaction: a steward's act, another policy.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.listeners: list[Listener] = []

    async def follow(self, uow: UnitOfWork, regrouped: Regrouped) -> None:
        """Makes anew what stands about everybody whom a transaction touched; closes the records of who is gone.

        Whoever was parted from a customer has no text of a steward's, unless that one's record says there are such.
        """
        is_erasure = regrouped.reason == ERASURE
        renewal = Renewal(
            Cause.ERASED if is_erasure else Cause.NEW_STATEMENT,
            regrouped.actor,
            _causes(regrouped),
            regrouped.parted,
        )
        newcomers = {
            number: each
            for number, each in regrouped.newcomers.items()
            if len(each.sources) <= golden.SOURCES_MAX
        }
        await self._renew(
            uow,
            regrouped.touched,
            renewal,
            created=regrouped.created,
            gone=regrouped.merged,
            newcomers=newcomers,
        )

    async def renew(
        self, uow: UnitOfWork, customer_ids: Collection[int], renewal: Renewal
    ) -> dict[int, Standing]:
        """Makes the records of living customers anew, and says what changed; returns them by the customer's number."""
        made = await self._renew(uow, customer_ids, renewal)
        for listen in self.listeners:
            await listen(uow, made)
        return made

    async def forget(
        self, uow: UnitOfWork, source_ids: Collection[int], customer_ids: Collection[int]
    ) -> int:
        """Takes values of these sources out of the records and the history, and stewards' texts about the customers.

        `customer_ids` are those whose sources they were. To be called before the records are made anew without the
        sources. Returns how many changes lost a value.
        """
        erased, raw, seals = frozenset(source_ids), uow.raw, self.archive.golden_seals
        held = await golden.hold(raw, seals, customer_ids)
        await golden_pins.forget(raw, customer_ids, at=uow.now)
        lost = [each for each in (_lost(at, erased) for at in held.values()) if each[1]]
        await golden.reseal(raw, seals, {each.customer_id: each.record for each, _ in lost})
        count = await golden_history.forget(raw, seals, erased, customer_ids, at=uow.now)
        await golden.keep(
            raw, seals, [], [at for each in lost for at in _erased(*each)], at=uow.now
        )
        self._publish(uow, lost, AUTOMATIC)
        return count

    async def forget_leads(self, uow: UnitOfWork, lead_ids: Sequence[UUID]) -> Erased:
        """Forgets what these leads said, before they are taken from their customers."""
        source_ids, customer_ids = await golden_history.behind_leads(uow.raw, lead_ids)
        return Erased(await self.forget(uow, source_ids, customer_ids), ())

    async def kept_about(self, uow: UnitOfWork, lead_ids: Sequence[UUID]) -> list[dict[str, Any]]:
        """What is kept of the golden records of these leads' customers: how much and since when, never values."""
        _, customer_ids = await golden_history.behind_leads(uow.raw, lead_ids)
        rows = await golden_history.kept_about(uow.raw, customer_ids)
        return [wire.kept(row) for row in rows]

    async def _renew(
        self,
        uow: UnitOfWork,
        customer_ids: Collection[int],
        renewal: Renewal,
        *,
        created: Collection[int] = (),
        gone: Collection[int] = (),
        newcomers: Mapping[int, Told] | None = None,
    ) -> dict[int, Standing]:
        """`created` have no record yet. Customers who are `gone` have their records closed, and kept as they were.

        Of `newcomers` nothing needs to be read; with them, if only none, nobody else may be changing anybody's sources.
        """
        raw, seals = uow.raw, self.archive.golden_seals
        on_record = {*customer_ids, *gone}.difference(created)
        if newcomers is None:
            held = await golden.hold(raw, seals, on_record)
            told = await golden.sources_of(raw, self.archive.seals, customer_ids)
        else:
            asked = [number for number in customer_ids if number not in newcomers]
            both = (seals, self.archive.seals)
            held, told = await golden.hold_with_sources(raw, both, on_record, asked)
        sources: dict[int, Told] = {**(newcomers or {}), **told}
        policy = await self.archive.policies.current(raw)
        pins: Mapping[int, Sequence[Pin]] = {}
        if renewal.looks_for_pins or any(each.has_pins for each in held.values()):
            pins = await golden_pins.standing(raw, seals, customer_ids)
        made = [
            _made(number, found, policy, pins.get(number, ()), held.get(number))
            for number, found in sources.items()
        ]
        closed = [held[number] for number in gone if number in held]
        await self._keep(uow, [each for each in made if _is_new(each)], renewal, closed, created)
        return {each.standing.customer_id: each.standing for each in made}

    async def _keep(
        self,
        uow: UnitOfWork,
        made: Sequence[_Made],
        renewal: Renewal,
        gone: Collection[Standing],
        created: Collection[int],
    ) -> None:
        changes = [_closed(each, renewal) for each in gone]
        for each in made:
            changes += _logged(each, renewal)
        standings = [each.standing for each in made]
        await golden.keep(
            uow.raw, self.archive.golden_seals, standings, changes, at=uow.now, created=created
        )
        told = [(each.standing, _told(each, renewal)) for each in made]
        self._publish(uow, told, renewal.actor)

    def _publish(
        self,
        uow: UnitOfWork,
        told: Sequence[tuple[Standing, Sequence[FieldChange]]],
        actor: str,
    ) -> None:
        for standing, changes in told:
            if changes:
                event = wire.customer_changed(standing, changes, actor=actor, at=uow.now)
                uow.publish(event, key=event.golden_id)


def _causes(regrouped: Regrouped) -> dict[int, Cause]:
    parted = dict.fromkeys((*regrouped.parted, *regrouped.parted.values()), Cause.SPLIT)
    return parted | dict.fromkeys(regrouped.merged.values(), Cause.MERGED)


def _made(
    customer_id: int,
    found: Told,
    policy: SurvivorshipPolicy,
    pins: Sequence[Pin],
    before: Standing | None,
) -> _Made:
    golden_id, sources = found
    record = survive(sources, policy, pins)
    changes = tuple(differences(before.record if before else GoldenRecord(), record))
    version = (before.version if before else 0) + bool(changes or before is None)
    standing = Standing(customer_id, golden_id, record, version, bool(pins))
    return _Made(standing, before, changes, all(each.is_lead for each in sources))


def _is_new(made: _Made) -> bool:
    """Whether anything has to be written."""
    return made.standing != made.before


def _logged(made: _Made, renewal: Renewal) -> list[LoggedChange]:
    """What the history keeps: a first record is no change, for it tells its own story."""
    if made.before is None:
        return []
    number, golden_id = made.standing.customer_id, made.standing.golden_id
    cause = renewal.of(number)
    return [
        LoggedChange(number, golden_id, cause, _actor(change, cause, renewal), change)
        for change in made.changes
    ]


def _actor(change: FieldChange, cause: Cause, renewal: Renewal) -> str:
    """Who changed the value: whoever the source names, unless it came to stand by somebody's decision."""
    if cause is Cause.NEW_STATEMENT and change.new is not None and not is_pinned(change.new):
        return change.new.actor
    return renewal.actor


def _lost(standing: Standing, source_ids: frozenset[int]) -> tuple[Standing, Sequence[FieldChange]]:
    """What is left of a record without these sources, and what is not."""
    left = without(standing.record, source_ids)
    kept = replace(standing, record=left, version=standing.version + 1, has_pins=False)
    return kept, differences(standing.record, left)


def _erased(standing: Standing, changes: Sequence[FieldChange]) -> list[LoggedChange]:
    """That values went, without them."""
    return [
        LoggedChange(
            standing.customer_id,
            standing.golden_id,
            Cause.ERASED,
            AUTOMATIC,
            FieldChange(change.field, None, None),
        )
        for change in changes
    ]


def _closed(standing: Standing, renewal: Renewal) -> LoggedChange:
    nothing = FieldChange(CLOSING, None, None)
    return LoggedChange(
        standing.customer_id,
        standing.golden_id,
        Cause.MERGED,
        renewal.actor,
        nothing,
        standing.record,
    )


def _told(made: _Made, renewal: Renewal) -> tuple[FieldChange, ...]:
    """What the bus is told: of a first record only what no lead has told."""
    if made.before is not None or made.standing.customer_id in renewal.parted:
        return made.changes
    return () if made.is_of_leads else made.changes
