"""What a steward decides: customers made one or parted, pairs judged, and the way back to an earlier state.

A decision is carried out once for a key, and wholly or not at all. Nothing is moved by hand: judgements are written,
and customers follow from them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
from matchkit.errors import Unreadable

from identity.commands.granting import apply_plan, evidence_of, holds, settle
from identity.commands.hubs import clear_hub, declare_hub
from identity.commands.regrouping import Cause
from identity.domain.customers import CustomerNotFound
from identity.domain.judgements import (
    AlreadyRevoked,
    JudgementNotFound,
    Said,
    Verdict,
    pair_of,
)
from identity.domain.references import RecordNotFound
from identity.domain.regroupings import RegroupingKind
from identity.domain.stewardship import (
    CannotHold,
    KeyReused,
    Named,
    NotWaiting,
    Outcome,
    Plan,
    UnknownField,
    plan_firmly,
    plan_grouping,
    plan_merge,
    plan_split,
    without_said,
)
from identity.queries.naming import all_named, records_named
from identity.queries.restoring import earlier_parts
from identity.store import acts, cases, judgements, reviews
from identity.store.judgements import Words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from servicekit.database import Database, UnitOfWork

    from identity.commands.regrouping import Settled
    from identity.commands.resolving import Resolver
    from identity.commands.surroundings import Surroundings
    from identity.domain.judgements import Judgement, Pair
    from identity.domain.references import Reference
    from identity.domain.stewardship import Act
    from identity.store.regroupings import Earlier

    Wish = Callable[[UnitOfWork, Said], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Case:
    """What is known around the records in question, and what people said of them."""

    around: Surroundings
    standing: Sequence[Judgement]


class Stewardship:
    """Carries out what stewards decide."""

    def __init__(self, database: Database, resolver: Resolver) -> None:
        self.database = database
        self._resolver = resolver

    async def merge(self, act: Act, customer_ids: Sequence[str]) -> Outcome:
        """Makes customers one; raises `CustomerNotFound`, `NothingToMerge`, `Contradicted`, `CannotHold`."""

        async def wish(uow: UnitOfWork, said: Said) -> Outcome:
            found = await cases.find(uow.raw, customer_ids)
            oldest = [_oldest(members) for members in found.members]
            case = await self._locked_case(uow, found.families)
            plan = plan_merge([case.around.linker.part(at) for at in oldest])
            return await self._grant(uow, said, case, plan)

        return await self._once(act, wish)

    async def split(self, act: Act, customer_id: str, leaving: Sequence[Reference]) -> Outcome:
        """Parts records from a customer.

        Raises `CustomerNotFound`, `RecordNotFound`, `ForeignRecord`, `NothingToSplit`, `Contradicted`, `CannotHold`.
        """

        async def wish(uow: UnitOfWork, said: Said) -> Outcome:
            left = await all_named(uow.raw, leaving, self._resolver.digests)
            found = await cases.find(uow.raw, [customer_id], left)
            oldest = _oldest(found.members[0])
            if not left <= found.families.keys():
                raise RecordNotFound("id")
            case = await self._locked_case(uow, found.families)
            ours = case.around.linker.part(oldest)
            plan = plan_split(ours, left, evidence_of(case.around), case.standing)
            return await self._grant(uow, said, case, plan)

        return await self._once(act, wish)

    async def mark(self, act: Act, a: Reference, b: Reference, verdict: Verdict) -> Outcome:
        """Judges two records; a customer stands for its oldest.

        Raises `RecordNotFound`, `CustomerNotFound`, `OneRecordOnly`, `Contradicted`, `CannotHold`.
        """

        async def wish(uow: UnitOfWork, said: Said) -> Outcome:
            return await self._judge(uow, said, await self._pair(uow, a, b), verdict)

        return await self._once(act, wish)

    async def decide(self, act: Act, a: Reference, b: Reference, verdict: Verdict) -> Outcome:
        """Answers a pair that waits; raises `NotWaiting` and what `mark` raises."""

        async def wish(uow: UnitOfWork, said: Said) -> Outcome:
            pair = await self._pair(uow, a, b)
            if not await reviews.waits(uow.raw, pair):
                raise NotWaiting
            return await self._judge(uow, said, pair, verdict)

        return await self._once(act, wish)

    async def revoke(self, act: Act, judgement_id: int) -> Outcome:
        """Takes a judgement back; raises `JudgementNotFound`, `AlreadyRevoked`."""

        async def wish(uow: UnitOfWork, said: Said) -> Outcome:
            found = await judgements.judgement(uow.raw, judgement_id)
            if found is None:
                raise JudgementNotFound(judgement_id)
            case = await self._case(uow, found.pair)
            standing = await judgements.standing(uow.raw, found.pair)
            if judgement_id not in {each.judgement_id for each in standing}:
                raise AlreadyRevoked(judgement_id)
            touched = frozenset(found.pair).intersection(case.around.known)
            plan = Plan(revoked=frozenset((judgement_id,)), touched=touched)
            return await self._grant(uow, said, Case(case.around, standing), plan)

        return await self._once(act, wish)

    async def restore(
        self, act: Act, customer_id: str, regrouping_id: int, *, is_before: bool
    ) -> Outcome:
        """Groups records as they were right before a regrouping, or right after it.

        Raises `CustomerNotFound`, `ForeignRegrouping`, `CannotHold`.
        """

        async def wish(uow: UnitOfWork, said: Said) -> Outcome:
            then = await earlier_parts(uow.raw, customer_id, regrouping_id, is_before=is_before)
            return await self._regroup(uow, said, then)

        return await self._once(act, wish)

    def key_of(self, field: str, value: str) -> int:
        """The key of an identifier's value; raises `UnknownField` where there is none, or the value is unreadable."""
        try:
            features = self._resolver.model.read({field: value})
        except Unreadable:
            raise UnknownField from None
        keys = self._resolver.model.identifiers(features, self._resolver.digests.hasher)
        if len(keys) != 1:
            raise UnknownField
        return keys[0]

    async def set_generic(self, act: Act, key: int, *, is_generic: bool) -> Outcome:
        """Declares a key worthless, or takes that back; raises what `declare_hub` and `clear_hub` raise."""

        async def wish(uow: UnitOfWork, said: Said) -> Outcome:
            change = declare_hub if is_generic else clear_hub
            return _outcome((), await change(uow, self._resolver, key, said))

        return await self._once(act, wish)

    async def _once(self, act: Act, wish: Wish) -> Outcome:
        """What came of a request when it was first made; else carries it out. Raises `KeyReused`."""
        async with self.database.unit_of_work() as uow:
            former = await acts.claim(uow.raw, act.actor, act.key, digest=act.digest, at=uow.now)
            if former is not None:
                digest, outcome = former
                if digest != act.digest:
                    raise KeyReused
                return replace(msgspec.msgpack.decode(outcome, type=Outcome), is_repeated=True)
            done = await wish(uow, Said(act.actor, act.reason, uow.now))
            outcome = msgspec.msgpack.encode(done)
            await acts.finish(uow.raw, act.actor, act.key, outcome=outcome)
            return done

    async def _pair(self, uow: UnitOfWork, a: Reference, b: Reference) -> Pair:
        digests = self._resolver.digests
        one, other = [(await records_named(uow.raw, each, digests))[0] for each in (a, b)]
        return pair_of(one, other)

    async def _case(self, uow: UnitOfWork, record_ids: Collection[int]) -> Case:
        """What is known around records, locked; those that went meanwhile are not there."""
        found = await cases.find(uow.raw, (), record_ids)
        return await self._locked_case(uow, found.families)

    async def _locked_case(self, uow: UnitOfWork, families: dict[int, int]) -> Case:
        """The same for records whose families are locked already."""
        around = await self._resolver.loader.around_locked(uow.raw, families)
        return Case(around, judgements.in_order(around.words))

    async def _judge(self, uow: UnitOfWork, said: Said, pair: Pair, verdict: Verdict) -> Outcome:
        case = await self._case(uow, pair)
        if not case.around.known.keys() >= set(pair):
            raise RecordNotFound("id")
        pairs, touched = frozenset((pair,)), frozenset(pair)
        plan = Plan(apart=pairs, touched=touched)
        if verdict is Verdict.MUST:
            both = touched.union(*(case.around.linker.part(at) for at in pair))
            plan = Plan(musts=pairs, touched=touched, together=both)
        return await self._grant(uow, said, case, plan)

    async def _regroup(self, uow: UnitOfWork, said: Said, then: Earlier) -> Outcome:
        """Groups records as they were then, by few judgements if they hold, else firmly."""
        for is_firm in (False, True):
            case = await self._locked_case(uow, then.families)
            parts = [part.intersection(case.around.known) for part in then.groups]
            wanted = [part for part in parts if part]
            if is_firm:
                plan = plan_firmly(wanted, case.standing)
            else:
                plan = plan_grouping(wanted, evidence_of(case.around), case.standing)
            with suppress(CannotHold):
                apply_plan(case.around, plan, case.standing)
                if holds(case.around, wanted):
                    return await self._keep(uow, said, case, plan, RegroupingKind.RESTORED)
        raise CannotHold("what is known by now keeps these records from being as they were")

    async def _grant(self, uow: UnitOfWork, said: Said, case: Case, plan: Plan) -> Outcome:
        """Carries a plan out, and says what came of it."""
        plan = without_said(plan, case.standing)
        apply_plan(case.around, plan, case.standing)
        return await self._keep(uow, said, case, plan, RegroupingKind.JUDGED)

    async def _keep(
        self, uow: UnitOfWork, said: Said, case: Case, plan: Plan, kind: RegroupingKind
    ) -> Outcome:
        """Writes what was said, and what followed from it."""
        gone = [each for each in case.standing if each.judgement_id in plan.revoked]
        made = await judgements.say(uow.raw, Words(plan.musts, plan.apart, gone), said)
        cause = Cause(kind, said.actor, said.reason)
        done = await settle(uow, self._resolver, case.around, cause)
        outcome = _outcome(plan.touched, done)
        return replace(outcome, judgement_ids=tuple(made), revoked_ids=tuple(sorted(plan.revoked)))


def _outcome(touched: Collection[int], done: Settled) -> Outcome:
    """What came of it: the customers of the records it was about, and of those that changed hands."""
    moved = {record_id for record_id, _, into in done.moves if into is not None}
    found = {done.customer_of[at] for at in {*touched, *moved} if at in done.customer_of}
    ordered = sorted(found, key=lambda each: (each.first_seen_at, each.golden_id))
    return Outcome(
        done.regrouping_id or 0,
        tuple(
            Named(each.golden_id, each.master_id, each.record_count, each.version)
            for each in ordered
        ),
    )


def _oldest(members: Sequence[int] | None) -> int:
    """The oldest of a customer's records; raises `CustomerNotFound`, or `RecordNotFound` where there is none."""
    if members is None:
        raise CustomerNotFound
    if not members:
        raise RecordNotFound("customer")
    return members[0]
