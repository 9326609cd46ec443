"""Why records are of one customer, why not, and how a customer came to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from matchkit.scoring import Outcome, bits_of

from identity.domain.evidence import merge_tree, must_edges, strongest_path
from identity.domain.judgements import Verdict, pair_of
from identity.queries.naming import faces, records_named
from identity.store import judgements, members, regroupings
from identity.store.customers import customer_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from servicekit.database import Database

    from identity.domain.customers import Customer
    from identity.domain.evidence import Step
    from identity.domain.judgements import Judgement
    from identity.domain.references import Reference
    from identity.queries.comparing import Comparer, Comparison
    from identity.queries.naming import Face
    from identity.seals import Digests, Seals
    from identity.store.members import StoredRecord
    from identity.store.regroupings import Regrouping

REGROUPINGS_SHOWN_MAX = 100


class Obstacle(IntEnum):
    """What keeps two records apart; the numbers are those of the contract."""

    NONE = 0
    NO_SHARED_KEY = 1
    SCORE = 2
    VETO = 3
    JUDGEMENT = 4
    CUSTOMERS_CONTRADICT = 5


@dataclass(frozen=True, slots=True)
class Why:
    """Two records, compared directly, and the way of evidence between them."""

    a: Face
    b: Face
    direct: Comparison | None
    path: tuple[Comparison, ...]
    judgements: tuple[Judgement, ...]

    @property
    def is_one_customer(self) -> bool:
        """Whether they are of one customer."""
        return self.a.record.customer_id == self.b.record.customer_id


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Two records, and what keeps them apart."""

    a: Face
    b: Face
    obstacle: Obstacle
    bits_short: float
    direct: Comparison | None
    a_rules: tuple[str, ...]
    b_rules: tuple[str, ...]
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True)
class How:
    """How a customer came to be."""

    customer: Customer
    records: tuple[Face, ...]
    steps: tuple[Step, ...]
    regroupings: tuple[Regrouping, ...]
    judgements: tuple[Judgement, ...]


class Explainer:
    """Answers from the database as it is."""

    def __init__(
        self, database: Database, comparer: Comparer, seals: Seals, digests: Digests
    ) -> None:
        self._database = database
        self._comparer = comparer
        self._seals = seals
        self._digests = digests

    async def why(self, a: Reference, b: Reference) -> Why:
        """Why two records are of one customer; raises `RecordNotFound`, `CustomerNotFound`."""
        async with self._database.raw() as raw:
            one, other = await self._pair(raw, a, b)
            if one is other:
                return Why(one, other, None, (), ())
            path, said = await self._path(raw, one.record, other.record)
            direct = await self._compared(raw, one.record, other.record)
            return Why(one, other, direct, path, said)

    async def why_not(self, a: Reference, b: Reference) -> WhyNot:
        """What keeps two records apart; raises `RecordNotFound`, `CustomerNotFound`."""
        async with self._database.raw() as raw:
            one, other = await self._pair(raw, a, b)
            a_rules, b_rules = map(self._comparer.key_rules, (one.record, other.record))
            if one.record.customer_id == other.record.customer_id:
                return WhyNot(one, other, Obstacle.NONE, 0.0, None, a_rules, b_rules, ())
            direct = await self._compared(raw, one.record, other.record)
            said = await self._said_between(raw, one.record, other.record)
            bits = direct.explanation.assessment.bits
            short = max(0.0, bits_of(self._comparer.model.accept) - bits)
            what = _obstacle(direct, said)
            return WhyNot(one, other, what, short, direct, a_rules, b_rules, tuple(said))

    async def how(self, customer_id: str) -> How:
        """How a customer came to be; raises `CustomerNotFound`."""
        async with self._database.raw() as raw:
            customer = await customer_named(raw, customer_id)
            record_ids = await members.of_customer(raw, customer.customer_id)
            shown = await faces(raw, record_ids, self._seals)
            said = await judgements.standing(raw, record_ids)
            edges = [*await members.accepted_among(raw, record_ids), *must_edges(said, shown)]
            log = await regroupings.page(
                raw,
                record_ids,
                customer=customer.customer_id,
                before_id=regroupings.NEWEST,
                limit=REGROUPINGS_SHOWN_MAX,
            )
        steps = tuple(merge_tree(edges))
        return How(customer, tuple(shown.values()), steps, tuple(log), tuple(said))

    async def _pair(self, raw: asyncpg.Connection, a: Reference, b: Reference) -> tuple[Face, Face]:
        ones = await records_named(raw, a, self._digests)
        others = await records_named(raw, b, self._digests)
        one, other = await self._comparer.best_pair(raw, ones, others)
        shown = await faces(raw, {one, other}, self._seals)
        return shown[one], shown[other]

    async def _compared(
        self, raw: asyncpg.Connection, one: StoredRecord, other: StoredRecord
    ) -> Comparison:
        pair = pair_of(one.record_id, other.record_id)
        return await self._comparer.compare(raw, one, other, await members.link(raw, *pair))

    async def _path(
        self, raw: asyncpg.Connection, one: StoredRecord, other: StoredRecord
    ) -> tuple[tuple[Comparison, ...], tuple[Judgement, ...]]:
        """Each step of the way between two records of one customer, and what was said of its records."""
        if one.customer_id != other.customer_id:
            return (), tuple(await self._said_between(raw, one, other))
        around = await members.of_customer(raw, one.customer_id)
        said = await judgements.standing(raw, around)
        edges = [*await members.accepted_among(raw, around), *must_edges(said, around)]
        way = strongest_path(edges, one.record_id, other.record_id)
        stored = await members.stored(raw, {end for edge in way for end in (edge.a, edge.b)})
        path = [
            await self._comparer.compare(raw, stored[edge.a], stored[edge.b], edge) for edge in way
        ]
        return tuple(path), tuple(each for each in said if each.a in stored or each.b in stored)

    async def _said_between(
        self, raw: asyncpg.Connection, one: StoredRecord, other: StoredRecord
    ) -> list[Judgement]:
        """The standing judgements that keep the customers of two records apart."""
        ours = set(await members.of_customer(raw, one.customer_id))
        theirs = set(await members.of_customer(raw, other.customer_id))
        said = await judgements.standing(raw, ours)
        return [each for each in said if _is_between(each, ours, theirs)]


def _obstacle(direct: Comparison, said: Sequence[Judgement]) -> Obstacle:
    outcome = direct.explanation.assessment.outcome
    if any(each.pair == (direct.a, direct.b) for each in said):
        return Obstacle.JUDGEMENT
    if outcome is Outcome.VETO:
        return Obstacle.VETO
    if all(key.is_generic for key in direct.shared):
        return Obstacle.NO_SHARED_KEY
    if outcome is not Outcome.ACCEPT:
        return Obstacle.SCORE
    return Obstacle.JUDGEMENT if said else Obstacle.CUSTOMERS_CONTRADICT


def _is_between(judgement: Judgement, ours: set[int], theirs: set[int]) -> bool:
    a, b = judgement.pair
    crosses = (a in ours and b in theirs) or (a in theirs and b in ours)
    return crosses and judgement.verdict is Verdict.NEVER
