"""Arbitration between systems: whoever lost is told what stands, in the transaction in which it came to stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from servicekit.events import new_id

from identity.domain.arbitration import Said, Survivor, corrections
from identity.domain.write_backs import WriteBackState, is_outdated, still_to_tell
from identity.store import golden, write_backs
from identity.store.write_backs import PlannedWrite

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from servicekit.database import UnitOfWork

    from identity.commands.system_rows import Desk
    from identity.domain.arbitration import Correction
    from identity.domain.golden import GoldenRecord
    from identity.domain.statements import Regrouped
    from identity.domain.write_backs import KnownWrite
    from identity.store.golden_values import GoldenSeals
    from identity.store.write_backs import CurrentSource


class Arbitration:
    """Plans what systems are told; `told` are those that there is a connector for.

    `follow` is a follower of the resolver, behind that of the golden records; `arbitrate` listens to these, so
    that a steward's word is told too.
    """

    def __init__(self, desk: Desk, golden_seals: GoldenSeals, *, told: Collection[str]) -> None:
        self._desk = desk
        self._golden_seals = golden_seals
        writable = {system: desk.systems.writable(system) for system in told}
        self._writable = {system: fields for system, fields in writable.items() if fields}

    async def follow(self, uow: UnitOfWork, regrouped: Regrouped) -> None:
        """Plans for everybody whom a transaction touched."""
        await self.arbitrate(uow, regrouped.touched)

    async def arbitrate(self, uow: UnitOfWork, customer_ids: Collection[int]) -> int:
        """Plans what the systems of these customers have to be told; returns how many writes are new.

        What waits already stays, if it is still right, and is superseded otherwise. What was given up is tried
        anew, and what a system refused only with other values.
        """
        if not (self._writable and customer_ids):
            return 0
        sources = await write_backs.current_sources(uow.raw, customer_ids, list(self._writable))
        if not sources:
            return 0
        wanted = await self._wanted(uow, sources)
        ids = [each.source_id for each in sources]
        known = await write_backs.known_writes(uow.raw, ids)
        plans = [
            self._plan(each, wanted.get(each.source_id), known.get(each.source_id, ()))
            for each in sources
        ]
        outdated = [number for plan in plans for number in plan.outdated]
        planned = [plan.write for plan in plans if plan.write]
        if outdated or planned:
            await write_backs.replace_plans(uow.raw, outdated, planned, now=uow.now)
        return len(planned)

    async def _wanted(
        self, uow: UnitOfWork, sources: Sequence[CurrentSource]
    ) -> Mapping[int, Correction]:
        records = await golden.hold(
            uow.raw, self._golden_seals, {each.customer_id for each in sources}
        )
        said: dict[int, list[Said]] = {}
        for each in sources:
            if each.system in self._writable:
                fields = self._desk.seals.open_fields(each.key_digest, each.sealed_fields)
                said.setdefault(each.customer_id, []).append(
                    Said(each.source_id, each.system, fields)
                )
        return {
            correction.source_id: correction
            for customer_id, sayings in said.items()
            if customer_id in records
            for correction in corrections(
                sayings, survivors(records[customer_id].record), self._writable
            )
        }

    def _plan(
        self, source: CurrentSource, correction: Correction | None, known: Iterable[KnownWrite]
    ) -> _Plan:
        digests = {
            name: self._desk.field_digest(name, value)
            for name, value in (correction.fields if correction else {}).items()
        }
        left = still_to_tell(digests, known)
        wanted = {name: digests[name] for name in sorted(left)}
        right = {
            each.write_back_id
            for each in known
            if each.state is WriteBackState.WAITING and each.digests == wanted
        }
        outdated = [
            each.write_back_id
            for each in known
            if each.write_back_id not in right and is_outdated(each, digests)
        ]
        is_new = bool(wanted) and not right
        write = self._planned(source, correction, wanted) if correction and is_new else None
        return _Plan(outdated, write)

    def _planned(
        self, source: CurrentSource, correction: Correction, digests: Mapping[str, bytes]
    ) -> PlannedWrite:
        """The write of some of a correction's fields."""
        fields = {name: correction.fields[name] for name in digests}
        return PlannedWrite(
            source.source_id,
            source.system,
            source.key_digest,
            list(digests),
            list(digests.values()),
            [correction.winners[name] for name in digests],
            self._desk.seals.seal_fields(source.key_digest, fields),
            UUID(new_id()),
        )


class _Plan(NamedTuple):
    outdated: Sequence[int]
    write: PlannedWrite | None


def survivors(record: GoldenRecord) -> Mapping[str, Survivor]:
    """The values of a golden record that systems can be told: those that are any."""
    return {
        name: Survivor(value.text, value.system)
        for name, value in record.values.items()
        if value.text
    }
