"""Arbitration between systems: whoever lost is told what stands, in the transaction in which it came to stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from servicekit.events import new_id

from identity.domain.arbitration import Said, Survivor, corrections
from identity.domain.write_backs import WriteBackState, still_to_tell
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

    `follow` is a follower of the resolver, behind that of the golden records.
    """

    def __init__(self, desk: Desk, golden_seals: GoldenSeals, *, told: Collection[str]) -> None:
        self._desk = desk
        self._golden_seals = golden_seals
        self._told = [system for system in told if desk.systems.writable(system)]

    async def follow(self, uow: UnitOfWork, regrouped: Regrouped) -> None:
        """Plans for everybody whom a transaction touched."""
        await self.arbitrate(uow, regrouped.touched)

    async def arbitrate(self, uow: UnitOfWork, customer_ids: Collection[int]) -> int:
        """Plans what the systems of these customers have to be told; returns how many writes are new.

        What waits already stays, if it is still right, and is superseded otherwise. What a system refused, or was given
        up, is not tried again with the same values.
        """
        if not (self._told and customer_ids):
            return 0
        sources = await write_backs.current_sources(uow.raw, customer_ids, self._told)
        if not sources:
            return 0
        wanted = await self._wanted(uow, sources)
        ids = [each.source_id for each in sources]
        known = await write_backs.known_writes(uow.raw, ids)
        outdated: list[int] = []
        planned: list[PlannedWrite] = []
        for source in sources:
            plan = self._plan(source, wanted.get(source.source_id), known.get(source.source_id, ()))
            outdated += [source.source_id] if plan.is_outdated else []
            planned += [plan.write] if plan.write else []
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
            if each.system in self._told:
                fields = self._desk.seals.open_fields(each.key_digest, each.sealed_fields)
                said.setdefault(each.customer_id, []).append(
                    Said(each.source_id, each.system, fields)
                )
        return {
            correction.source_id: correction
            for customer_id, sayings in said.items()
            if customer_id in records
            for correction in corrections(
                sayings, survivors(records[customer_id].record), self._desk.systems
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
        waiting = [each for each in known if each.state is WriteBackState.WAITING]
        if any(each.digests == wanted for each in waiting):
            return _Plan(is_outdated=False, write=None)
        write = self.planned(source, correction, wanted) if correction and wanted else None
        return _Plan(is_outdated=bool(waiting), write=write)

    def planned(
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
    is_outdated: bool
    write: PlannedWrite | None


def survivors(record: GoldenRecord) -> Mapping[str, Survivor]:
    """The values of a golden record that systems can be told: those that are any."""
    return {
        name: Survivor(value.text, value.system)
        for name, value in record.values.items()
        if value.text
    }
