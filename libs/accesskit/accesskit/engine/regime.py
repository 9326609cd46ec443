"""One policy in force over the facts: its relations, its leases' deadlines, and what it means to each subject."""

import math
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator

import msgspec
from servicekit.errors import Invalid

from accesskit.changes import LeasePut
from accesskit.engine.known import KnownIds
from accesskit.engine.plans import PlanMaker, Plans, Who
from accesskit.engine.verdicts import OWNER, Grounds
from accesskit.facts import Fact
from accesskit.language import compile_condition
from accesskit.leases import deadlines
from accesskit.policy import Policy
from accesskit.relations import Relations

_ROLE = "role"
_MEMBER = "member"


class Standing(msgspec.Struct, frozen=True):
    """What the policy means to one subject while its roles stay the same: from `from_s` until before `until_s`."""

    who: Who
    plans: Plans
    is_guarded: bool
    from_s: float
    until_s: float


class RefusedFact(msgspec.Struct, frozen=True):
    """A fact that the policy's model has no room for; it is kept, and counts again when a model accepts it."""

    fact: Fact
    problem: str


class Regime:
    """A policy over the facts. Two can be in force beside each other: the live one and its candidate."""

    def __init__(
        self, policy: Policy, facts: Iterable[Fact], leases: dict[str, dict[str, LeasePut]]
    ) -> None:
        self.policy = policy
        self.relations = Relations(policy.model)
        conditions = {c.name: compile_condition(c) for c in policy.model.conditions}
        self.grounds = Grounds(self.relations, policy.lease, conditions, leases)
        self.known = KnownIds(self.relations, leases, policy.lease.on)
        self.maker = PlanMaker(policy, self.grounds)
        self.refused: dict[tuple[str, ...], RefusedFact] = {}
        self._plans: dict[Who, Plans] = {}
        # Only of who is at work: a standing found here is not asked about that again.
        self.standings: dict[str, Standing] = {}
        self._role_ends_s: list[float] = []
        for fact in facts:
            self.put_fact(fact)
        for of_type in leases.values():
            for lease in of_type.values():
                self.put_lease(lease, None)

    def put_fact(self, fact: Fact) -> None:
        """Counts a fact, or keeps it among the refused."""
        if self._is_leased(fact):
            self.refused[fact.key] = RefusedFact(fact, "an owner is stated by a lease")
            return
        problem = self._put(fact)
        if problem:
            self.refused[fact.key] = RefusedFact(fact, problem)
        elif self.refused:
            self.refused.pop(fact.key, None)
        if fact.resource_type == _ROLE:
            self._forget_standing(fact)

    def remove_fact(self, fact: Fact) -> None:
        """Counts it no longer."""
        self.refused.pop(fact.key, None)
        if self._is_leased(fact):
            return
        self.relations.remove(fact)
        if fact.resource_type == _ROLE:
            self._forget_standing(fact)

    def put_lease(self, lease: LeasePut, before: LeasePut | None) -> None:
        """Counts the owner that the lease states, in place of the one `before` stated."""
        if before is not None and before.owner_id and before.owner_id != lease.owner_id:
            self.relations.remove(owner_fact(before))
        if lease.owner_id:
            self._put(owner_fact(lease))
        type_, id_ = lease.resource_type, lease.resource_id
        times = deadlines(lease, self.policy.lease)
        readonly, ends = self.grounds.due(type_)
        readonly.put(id_, times.readonly_at_s)
        ends.put(id_, times.pool_at_s)

    def forget_subject(self, subject_id: str) -> None:
        """Derives the subject's standing anew when next asked."""
        self.standings.pop(subject_id, None)

    def stated_facts(self) -> Iterator[Fact]:
        """Every fact that was stated as one, counted or not; an owner by lease is not among them."""
        for fact in self.relations.facts():
            if not self._is_leased(fact):
                yield fact
        for refused in self.refused.values():
            yield refused.fact

    def _is_leased(self, fact: Fact) -> bool:
        """Whether the fact states an owner where only leases do."""
        if fact.relation != OWNER:
            return False
        type_ = fact.resource_type
        return type_ in self.policy.lease.on or fact.resource_id in self.grounds.leases.get(
            type_, ()
        )

    def _put(self, fact: Fact) -> str:
        """Empty, or why the model has no room for the fact."""
        try:
            self.relations.put(fact)
        except Invalid as error:
            # An older fact with the same key no longer holds either.
            self.relations.remove(fact)
            return str(error)
        return ""

    def _forget_standing(self, fact: Fact) -> None:
        self.standings.pop(fact.subject_id, None)
        if fact.until_s is not None:
            insort(self._role_ends_s, fact.until_s)

    def standing(self, subject_type: str, subject_id: str, now_s: float) -> Standing:
        """What the policy means to the subject now, whether or not it is at work.

        Roles change by themselves only when a membership ends, so between two ends they stay the same.
        """
        roles, _ = self.relations.resources(subject_type, subject_id, _ROLE, _MEMBER, now_s=now_s)
        who = Who(
            frozenset(roles & self.policy.roles.keys()),
            subject_id if subject_type == "service" else "",
        )
        plans = self._plans.get(who)
        if plans is None:
            plans = self._plans.setdefault(who, self.maker.plans(who))
        ends = self._role_ends_s
        index = bisect_right(ends, now_s)
        return Standing(
            who=who,
            plans=plans,
            is_guarded=not who.roles.isdisjoint(self.policy.guard.roles),
            from_s=ends[index - 1] if index else -math.inf,
            until_s=ends[index] if index < len(ends) else math.inf,
        )


def owner_fact(lease: LeasePut) -> Fact:
    """The owner a lease states, as a fact of the lease's entry."""
    about = (lease.resource_type, lease.resource_id, OWNER, "user", lease.owner_id)
    return Fact(*about, "", "", None, None, lease.seq)
