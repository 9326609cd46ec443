"""How a steward's wish about who belongs together becomes judgements on pairs of records.

Pure. Customers are a function of records, evidence and judgements, so a wish is granted by adding and revoking
judgements, never by moving a record.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

from servicekit.errors import Conflict, Invalid, NotFound

from identity.domain.judgements import Unions, Verdict, pair_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from identity.domain.judgements import Judgement, Pair

PAIRS_MAX = 1_000
"""A split says never of each pair across it while there are at most so many; above it, of those that evidence joins."""

CUSTOMERS_MERGED_MAX = 20
LEAVING_MAX = 1_000


class NothingToMerge(Invalid):
    """A merge names one customer only, even if by several ids."""

    def __init__(self) -> None:
        super().__init__("a merge needs two different customers")


class NothingToSplit(Invalid):
    """A split leaves one side empty."""

    def __init__(self) -> None:
        super().__init__("a split needs records that leave and records that stay")


class ForeignRecord(Invalid):
    """A record that is to leave does not belong to the customer."""

    def __init__(self, record_ids: Iterable[int]) -> None:
        ids = ", ".join(map(str, sorted(record_ids)))
        super().__init__(f"not records of this customer: {ids[:200]}")


class CannotHold(Conflict):
    """The evidence forbids the wish, whatever is judged; such as another company's tax number on each side."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; nothing was changed")


class KeyReused(Conflict):
    """The idempotency key was used for another request."""

    def __init__(self) -> None:
        super().__init__("this idempotency key was used for another request")


class NotWaiting(Conflict):
    """The pair does not wait for a person: it never did, or somebody has answered."""

    def __init__(self) -> None:
        super().__init__("this pair does not wait for an answer")


class UnknownField(Invalid):
    """The field is no identifier, or the value is none of its values."""

    def __init__(self) -> None:
        super().__init__("not an identifier with one readable value")


class NobodyHoldsIt(NotFound):
    """No record has the key."""

    def __init__(self) -> None:
        super().__init__("no record has this key")


class NotDeclared(Conflict):
    """The key is not worthless by a steward's word: it says something, or too many hold it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"only what a steward declared can be taken back; this key is {reason}")


@dataclass(frozen=True, slots=True)
class Act:
    """What a steward asks for: who, why, and the key under which it may be tried again.

    `digest` is keyed and stands for the request.
    """

    actor: str
    reason: str
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Named:
    """A customer as it was called when a decision was carried out."""

    golden_id: str
    master_id: str
    record_count: int
    version: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision did; holds ids only. `regrouping_id` is 0 when nobody changed hands."""

    regrouping_id: int = 0
    customers: tuple[Named, ...] = ()
    judgement_ids: tuple[int, ...] = ()
    revoked_ids: tuple[int, ...] = ()
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Judgements to make and to revoke.

    `touched` are the records that it is about; those `together` must be one customer afterwards, or nothing is done.
    """

    musts: frozenset[Pair] = frozenset()
    apart: frozenset[Pair] = frozenset()
    revoked: frozenset[int] = frozenset()
    touched: frozenset[int] = frozenset()
    together: frozenset[int] = frozenset()


def plan_merge(parts: Sequence[Collection[int]]) -> Plan:
    """Joins customers, each given by its records, through their oldest ones; raises `NothingToMerge`."""
    oldest = sorted({min(part) for part in parts})
    if len(oldest) < 2:
        raise NothingToMerge
    everyone = frozenset().union(*parts)
    musts = frozenset((oldest[0], other) for other in oldest[1:])
    return Plan(musts=musts, touched=everyone, together=everyone)


def plan_split(
    members: Collection[int],
    leaving: Collection[int],
    evidence: Iterable[Pair],
    standing: Iterable[Judgement],
) -> Plan:
    """Parts `leaving` from the other members, so that no evidence old or new joins a pair across.

    `evidence` are the pairs that links join. Musts across are revoked. Raises `ForeignRecord`, `NothingToSplit`.
    """
    left = frozenset(leaving)
    if foreign := left.difference(members):
        raise ForeignRecord(foreign)
    stays = frozenset(members) - left
    if not left or not stays:
        raise NothingToSplit
    crossing = [each for each in standing if (each.a in left) != (each.b in left)]
    if len(left) * len(stays) <= PAIRS_MAX:
        apart = {pair_of(one, other) for one, other in product(left, stays)}
    else:
        apart = {pair for pair in evidence if (pair[0] in left) != (pair[1] in left)}
        apart.add(pair_of(min(left), min(stays)))
    said = {each.pair for each in crossing if each.verdict is Verdict.NEVER}
    revoked = {each.judgement_id for each in crossing if each.verdict is Verdict.MUST}
    return Plan(apart=frozenset(apart - said), revoked=frozenset(revoked), touched=left | stays)


def plan_grouping(
    wanted: Sequence[frozenset[int]], evidence: Collection[Pair], standing: Collection[Judgement]
) -> Plan:
    """Makes each of the wanted parts a customer with the fewest judgements.

    Judgements that speak against a part are revoked; what evidence joins across parts becomes never; what it leaves
    apart within a part becomes must.
    """
    place = {record: number for number, part in enumerate(wanted) for record in part}
    revoked = {each.judgement_id for each in standing if _speaks_against(each, place)}
    kept = [each for each in standing if each.judgement_id not in revoked]
    said = {each.pair for each in kept if each.verdict is Verdict.NEVER}
    joined = Unions()
    apart = set()
    missing = len(place) - len(wanted)
    for a, b in evidence:
        here, there = place.get(a), place.get(b)
        if here == there:
            missing -= bool(missing and here is not None and joined.join(a, b))
        elif here is not None and there is not None and (a, b) not in said:
            apart.add((a, b))
    for each in kept:
        if each.verdict is Verdict.MUST and _is_within(each.pair, place):
            joined.join(*each.pair)
    musts = {pair for part in wanted for pair in _gaps(part, joined)}
    return Plan(frozenset(musts), frozenset(apart), frozenset(revoked), frozenset(place))


def plan_firmly(wanted: Sequence[frozenset[int]], standing: Collection[Judgement]) -> Plan:
    """Makes each of the wanted parts a customer by judgements alone: musts within, one never between each two."""
    place = {record: number for number, part in enumerate(wanted) for record in part}
    revoked = {each.judgement_id for each in standing if _speaks_against(each, place)}
    said = {each.pair for each in standing if each.judgement_id not in revoked}
    musts = {(min(part), other) for part in wanted for other in part if other != min(part)}
    apart = {pair_of(min(one), min(other)) for one, other in combinations(wanted, 2)}
    return Plan(
        frozenset(musts - said), frozenset(apart - said), frozenset(revoked), frozenset(place)
    )


def _speaks_against(judgement: Judgement, place: Mapping[int, int]) -> bool:
    if judgement.verdict is Verdict.NEVER:
        return _is_within(judgement.pair, place)
    return _crosses(judgement.pair, place)


def _is_within(pair: Pair, place: Mapping[int, int]) -> bool:
    here, there = place.get(pair[0]), place.get(pair[1])
    return here is not None and here == there


def _crosses(pair: Pair, place: Mapping[int, int]) -> bool:
    here, there = place.get(pair[0]), place.get(pair[1])
    return here is not None and there is not None and here != there


def _gaps(part: frozenset[int], joined: Unions) -> list[Pair]:
    """Pairs that join what is still apart in a part, each through its oldest record."""
    pieces: dict[int, int] = {}
    for record in sorted(part):
        pieces.setdefault(joined.top(record), record)
    first, *others = pieces.values()
    return [pair_of(first, other) for other in others]


def without_said(plan: Plan, standing: Iterable[Judgement]) -> Plan:
    """The plan without what is said already."""
    kept = [each for each in standing if each.judgement_id not in plan.revoked]
    said = {(each.pair, each.verdict) for each in kept}
    return Plan(
        frozenset(pair for pair in plan.musts if (pair, Verdict.MUST) not in said),
        frozenset(pair for pair in plan.apart if (pair, Verdict.NEVER) not in said),
        plan.revoked,
        plan.touched,
        plan.together,
    )
