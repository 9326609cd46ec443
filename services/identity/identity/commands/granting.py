"""Turns a plan of judgements into customers, inside one transaction: applied, checked against the wish, and written."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from matchkit.errors import JudgementsContradict
from matchkit.families import Member, obstacle
from matchkit.families import Verdict as Said

from identity.commands import announcing
from identity.domain.judgements import check_consistent
from identity.domain.stewardship import CannotHold

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matchkit.linker import Linker
    from servicekit.database import UnitOfWork

    from identity.commands.regrouping import Cause, Settled
    from identity.commands.resolving import Resolver
    from identity.commands.surroundings import Surroundings
    from identity.domain.judgements import Judgement, Pair
    from identity.domain.stewardship import Plan


def apply_plan(around: Surroundings, plan: Plan, standing: Sequence[Judgement]) -> None:
    """Says to the linker what the plan says; a person's word goes before that of a source about itself.

    Raises `Contradicted` with the judgements in the way, or `CannotHold` with the evidence that is.
    """
    kept = [each for each in standing if each.judgement_id not in plan.revoked]
    check_consistent(kept, musts=plan.musts, apart=plan.apart)
    for each in standing:
        if each.judgement_id in plan.revoked:
            _revoke(around, each.pair)
    for pair in sorted(plan.apart):
        if pair in around.chains:
            around.linker.revoke(*pair)
    _judge(around.linker, plan.apart, Said.NEVER)
    _judge(around.linker, plan.musts, Said.MUST)
    if plan.together and not plan.together <= around.linker.part(min(plan.together)):
        raise CannotHold(_what(around.linker, _in_the_way(around.linker, plan.together)))


def holds(around: Surroundings, wanted: Sequence[frozenset[int]]) -> bool:
    """Whether each of the wanted parts is a customer of its own now; records in no part may be anywhere."""
    placed = frozenset().union(*wanted)
    return all(around.linker.part(min(part)) & placed == part for part in wanted)


def evidence_of(around: Surroundings) -> set[Pair]:
    """The pairs that accepted links join, and those of which one source said both."""
    loaded = around.linker.neighbourhood
    links = loaded.links_among(loaded.records)
    return {(link.a, link.b) for link in links if link.accepted} | around.chains


async def settle(
    uow: UnitOfWork, resolver: Resolver, around: Surroundings, cause: Cause
) -> Settled:
    """Writes what the linker's changes come to, tells those who follow, and publishes it."""
    done = await resolver.regrouping.settle(uow, around, cause)
    announcing.publish(uow, done)
    return done


def _revoke(around: Surroundings, pair: Pair) -> None:
    """Takes a word back; what one source stated one after the other is together again, if nothing forbids it."""
    around.linker.revoke(*pair)
    if pair in around.chains:
        with suppress(JudgementsContradict):
            around.linker.judge(*pair, Said.MUST)


def _judge(linker: Linker, pairs: Iterable[Pair], verdict: Said) -> None:
    for a, b in sorted(pairs):
        try:
            linker.judge(a, b, verdict)
        except JudgementsContradict as refusal:
            raise CannotHold(_what(linker, refusal.reason)) from None


def _in_the_way(linker: Linker, together: frozenset[int]) -> str:
    """Why records cannot all be one customer, in the linker's words."""
    loaded = linker.neighbourhood
    members = {at: Member.of(loaded.records[at]) for at in together}
    said = loaded.judgements_among(together)
    apart = [(each.a, each.b) for each in said if each.verdict is Said.NEVER]
    first = min(together)
    musts = [(first, other) for other in sorted(together - {first})]
    return obstacle(members, musts, apart, size_max=linker.model.customer_size_max)


def _what(linker: Linker, reason: str) -> str:
    """What stands in the way, in words."""
    if reason == "size":
        return f"a customer has at most {linker.model.customer_size_max} records"
    if reason in {"judgement", ""}:
        return "other judgements, or what one source stated in turn, keep it from being so"
    return f"they differ in {linker.model.fields[int(reason.removeprefix('field '))].name}"
