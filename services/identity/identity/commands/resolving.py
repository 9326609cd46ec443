"""Resolves statements: whose each one is, decided and written in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matchkit.families import Judgement, Verdict
from servicekit.errors import TooLarge

from identity.commands import announcing
from identity.commands.reading import Reader, with_id
from identity.commands.recognising import bases
from identity.commands.regrouping import Cause, Regrouping, Work
from identity.commands.stating import Stating, changing, key_of, new_sources
from identity.commands.surroundings import Loader
from identity.domain.statements import Resolved
from identity.store.numbers import Numbers

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from matchkit.model import Model
    from servicekit.database import UnitOfWork

    from identity.commands.regrouping import Follower, Settled
    from identity.commands.stating import Outcome, Said, Source
    from identity.commands.surroundings import Surroundings
    from identity.domain.customers import Customer, MatchBasis
    from identity.domain.golden_ids import GoldenIdKeys
    from identity.domain.statements import Statement
    from identity.seals import Digests, Seals

STATEMENTS_MAX = 2_000
STATED = Cause()


class Resolver:
    """Decides whose statements are, with the same few round trips for any number of them.

    `followers` keep something about customers; each is called in the transaction that changes them, after everything
    is written and before it is published. `loader` and `regrouping` are for whoever changes customers otherwise.
    """

    def __init__(
        self,
        model: Model,
        seals: Seals,
        digests: Digests,
        keys: GoldenIdKeys,
        followers: Iterable[Follower] = (),
    ) -> None:
        self.model = model
        self.seals = seals
        self.digests = digests
        self.keys = keys
        self.followers = list(followers)
        self.reader = Reader(model, digests, keys)
        self.loader = Loader(model, self.reader, seals, digests)
        self.regrouping = Regrouping(model, seals, keys, self.followers)
        self._source_ids = Numbers("source_ids", step=1_000)
        self._record_ids = Numbers("record_ids", step=1_000)

    async def resolve(
        self, uow: UnitOfWork, statements: Sequence[Statement], cause: Cause = STATED
    ) -> list[Resolved]:
        """The customer of each statement, in their order; all is written when the transaction commits.

        Raises `TooLarge` for more than 2,000 statements, and `Unavailable` when others kept changing the same
        customers meanwhile: the same call may succeed at once.
        """
        if not statements:
            return []
        around, stating, outcomes, work = await self._state(uow, statements)
        recognised = bases(around, outcomes)
        settled = await self.regrouping.settle(uow, around, cause, work)
        self.loader.keep(
            with_id(record, at, is_current=True) for at, record in stating.new_records.items()
        )
        announcing.publish(uow, settled)
        return _resolved(around, outcomes, settled, recognised)

    async def preview(self, uow: UnitOfWork, statements: Sequence[Statement]) -> list[Resolved]:
        """What `resolve` would answer; writes nothing. A customer who would be new has no master id yet."""
        if not statements:
            return []
        around, _, outcomes, work = await self._state(uow, statements)
        recognised = bases(around, outcomes)
        plan = await self.regrouping.plan(uow, around, STATED, work)
        return _resolved(around, outcomes, plan.settled, recognised)

    async def _state(
        self, uow: UnitOfWork, statements: Sequence[Statement]
    ) -> tuple[Surroundings, Stating, list[Outcome], Work]:
        """Reads the statements, loads what is around them, and applies them."""
        if len(statements) > STATEMENTS_MAX:
            raise TooLarge(f"{len(statements)} statements, {STATEMENTS_MAX} are resolved at once")
        readings = [self.reader.read(statement) for statement in statements]
        source_ids = await self._source_ids.draw(uow.raw, len(statements))
        record_ids = await self._record_ids.draw(uow.raw, len(statements))
        around = await self.loader.around(uow.raw, readings, changing(readings, self.seals))
        source_ids.reverse()
        record_ids.reverse()
        stating = Stating(around, self.seals, source_ids, record_ids)
        outcomes = [stating.state(reading) for reading in readings]
        self._source_ids.put_back(source_ids[::-1])
        self._record_ids.put_back(record_ids[::-1])
        return around, stating, outcomes, self._work(around, stating, outcomes)

    def _work(self, around: Surroundings, stating: Stating, outcomes: Sequence[Outcome]) -> Work:
        work = Work(chains=stating.new_chains, supported=dict(stating.supported))
        for outcome in outcomes:
            # An older word than the last tells since when a value has been said, which decides what stands.
            if outcome.change is not outcome.change.UNCHANGED:
                work.touched.add(outcome.record_id)
        hold(around, stating, work)
        self._rows(stating, work)
        return work

    def _rows(self, stating: Stating, work: Work) -> None:
        difference = work.difference
        difference.closed += stating.closed
        for source in stating.sources:
            if source.is_new:
                difference.named.append(self._source_row(source))
            elif source.is_changed:
                difference.restated.append(_restated(source))
            if source.deleted_at is not None and not source.is_new:
                difference.released.append(source.source_id)
        for said, source in stating.said:
            difference.said.append(self._said_row(said, source))
        work.sources = new_sources(stating)

    def _source_row(self, source: Source) -> tuple[object, ...]:
        return (
            source.source_id,
            source.statement.system,
            source.key_digest,
            key_of(source, self.seals),
            source.record_id,
            source.statement.lead_id,
            source.first_seen_at,
            source.modified_at,
            source.received_at,
            source.deleted_at,
        )

    def _said_row(self, said: Said, source: Source) -> tuple[object, ...]:
        statement = said.statement
        return (
            source.source_id,
            0 if source.deleted_at is not None else said.record_id,
            statement.modified_at,
            statement.received_at,
            self.seals.seal_text(source.key_digest, said.text),
            statement.actor,
            said.is_current,
        )


def hold(around: Surroundings, stating: Stating, work: Work) -> None:
    """Tells the linker which records came, went, or are only history now, and what one source stated in turn."""
    linker = around.linker
    again: dict[int, bool] = {}
    # Of a record that is placed it must be known by then what is said of it.
    chained = list(_chained(around, stating.new_chains, _there(around, stating)))
    for record_id, is_current, is_held in stating.holding.states():
        new = stating.new_records.get(record_id)
        if new is not None and is_held:
            work.current[record_id] = is_current
            linker.place(with_id(new, record_id, is_current=is_current))
        elif new is None and not is_held:
            linker.remove(record_id)
        elif new is None and is_current != around.known[record_id].is_current:
            again[record_id] = work.current[record_id] = is_current
    for record_id in chained:
        again.setdefault(record_id, work.current.get(record_id, _is_current(around, record_id)))
    for record_id, is_current in again.items():
        linker.remove(record_id)
        linker.place(with_id(around.known[record_id].record, record_id, is_current=is_current))


def _there(around: Surroundings, stating: Stating) -> set[int]:
    """The records that there will be."""
    found = around.linker.neighbourhood.records.keys() | stating.new_records.keys()
    return found.difference(at for at, _, is_held in stating.holding.states() if not is_held)


def _chained(
    around: Surroundings, pairs: Iterable[tuple[int, int]], there: Container[int]
) -> Iterator[int]:
    """Ties records that one source stated in turn; gives those on record that must be placed anew for it."""
    loaded = around.linker.neighbourhood
    for a, b in pairs:
        if a in there and b in there and loaded.judgement(a, b) is None:
            loaded.put_judgement(Judgement(a, b, Verdict.MUST))
            if a in around.known and b in around.known:
                yield a


def _is_current(around: Surroundings, record_id: int) -> bool:
    return around.known[record_id].is_current


def _restated(source: Source) -> tuple[object, ...]:
    return (
        source.source_id,
        source.record_id,
        source.first_seen_at,
        source.modified_at,
        source.received_at,
        source.deleted_at,
    )


def _resolved(
    around: Surroundings,
    outcomes: Sequence[Outcome],
    settled: Settled,
    recognised: Sequence[MatchBasis],
) -> list[Resolved]:
    found = []
    for outcome, basis in zip(outcomes, recognised, strict=True):
        record_id = outcome.record_id
        customer = settled.customer_of.get(record_id) or _former(around, settled, record_id)
        found.append(
            Resolved(
                statement=outcome.reading.statement,
                source_id=outcome.source.source_id,
                record_id=record_id if record_id in settled.customer_of else 0,
                customer_id=customer.customer_id if customer else 0,
                golden_id=customer.golden_id if customer else "",
                master_id=customer.master_id if customer else "",
                change=outcome.change,
                basis=basis,
            )
        )
    return found


def _former(around: Surroundings, settled: Settled, record_id: int) -> Customer | None:
    """The customer of a record that is held no more; None when there never was one."""
    belonging = around.belongings.get(record_id)
    number = belonging.customer_id if belonging else 0
    number = settled.regrouped.merged.get(number, number)
    return settled.now.get(number) or settled.before.get(number)
