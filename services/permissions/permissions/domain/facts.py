"""Decides which facts may be written: what the model and the organisation chart admit, and who may say so.

The chart is a forest: everybody has at most one manager, nobody is their own superior at any distance, and no chain is
longer than 16 people. A person's or a resource's owner is no plain fact: it is stated by leases alone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias

from accesskit.facts import Fact, checked_name
from servicekit.errors import Conflict, Forbidden, Invalid, TooLarge

FACTS_MAX = 1000
"""Facts in one request, put and removed together."""
ORG_DEPTH_MAX = 16
"""People in one chain of managers, first and last included."""
MANAGER = "manager"
MEMBER = "member"
OWNER = "owner"

Key: TypeAlias = tuple[str, str, str, str, str, str]
"""(resource type, resource id, relation, subject type, subject id, subject relation)."""


class TooManyFacts(TooLarge):
    """More facts in one request than one transaction should write."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} facts; at most {FACTS_MAX} are written at once")
        self.count = count


class NothingToWrite(Invalid):
    """A request without a fact to put or to remove."""

    def __init__(self) -> None:
        super().__init__("no fact to put or to remove")


class ContradictoryWrite(Invalid):
    """The same fact is put twice, or put and removed, in one request."""

    def __init__(self) -> None:
        super().__init__("the same fact is named twice in one request")


class BadExpiry(Invalid):
    """A fact's expiry is no time that lies ahead."""

    def __init__(self) -> None:
        super().__init__("until_s is not a Unix time in the future")


class OwnerIsLeased(Invalid):
    """An owner of a leased type is stated by its lease (hand over, claim), never by a plain fact."""

    def __init__(self, resource_type: str) -> None:
        super().__init__(f"the owner of a {resource_type} is changed through its lease")
        self.resource_type = resource_type


class PreconditionFailed(Conflict):
    """A precondition does not hold; `index` is its place in the request, from 0."""

    def __init__(self, index: int) -> None:
        super().__init__(f"precondition {index} does not hold")
        self.index = index


class TwoManagers(Conflict):
    """Somebody would have two managers."""

    def __init__(self, person_id: str) -> None:
        super().__init__(f"user {person_id} would have two managers")
        self.person_id = person_id


class OrgCycle(Conflict):
    """Somebody would be their own superior."""

    def __init__(self, person_id: str) -> None:
        super().__init__(f"user {person_id} would be their own superior")
        self.person_id = person_id


class OrgTooDeep(Conflict):
    """A chain of managers would be longer than 16 people."""

    def __init__(self, person_id: str) -> None:
        super().__init__(f"the chain above user {person_id} would exceed {ORG_DEPTH_MAX} people")
        self.person_id = person_id


class UncertainChart(Invalid):
    """A manager who is one only at times, or under a condition; the chart must be certain."""

    def __init__(self) -> None:
        super().__init__("a manager has no condition and no expiry")


class RevisionAhead(Conflict):
    """A follower claims a revision that this log has never reached: it followed another log."""

    def __init__(self) -> None:
        super().__init__("the revision is ahead of the log; take a snapshot")


class MayNotWrite(Forbidden):
    """The caller may not write this kind of fact; `reason` is the engine's code, `need` what would change it."""

    def __init__(self, need: "Need", reason: str, approval: str = "") -> None:
        remedy = f"; request approval {approval}" if approval else ""
        super().__init__(
            f"{reason}: {need.action} on {need.resource_type}:{need.resource_id} is required{remedy}"
        )
        self.need = need
        self.reason = reason


class FactFilter(NamedTuple):
    """Which facts are meant; an empty field matches everything."""

    resource_type: str = ""
    resource_id: str = ""
    relation: str = ""
    subject_type: str = ""
    subject_id: str = ""


@dataclass(frozen=True, slots=True)
class Precondition:
    """A fact that must, or must not, be on record."""

    fact: Fact
    must_be_absent: bool = False


@dataclass(frozen=True, slots=True)
class FactsToWrite:
    """What shall hold, what shall no longer hold, and what must be so for any of it."""

    puts: Sequence[Fact] = ()
    removals: Sequence[Fact] = ()
    preconditions: Sequence[Precondition] = ()
    approval_id: str = ""

    @property
    def keys(self) -> list[Key]:
        """The keys of every fact that is named."""
        named = [*self.puts, *self.removals, *(given.fact for given in self.preconditions)]
        return [fact.key for fact in named]


@dataclass(frozen=True, slots=True)
class Need:
    """A right that a write demands."""

    action: str
    resource_type: str
    resource_id: str


ADMINISTER = Need("administer", "platform", "permissions")
"""Whoever has it needs no other right, except where the policy demands an approval: nobody grants a role alone."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A process of a service says that it has applied every change up to a revision, and when."""

    service: str
    instance_id: str
    revision: int
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a replica said it had applied, and when that was heard here."""

    service: str
    instance_id: str
    revision: int
    applied_at: datetime
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """Whether one process of a service has confirmed a revision: its first word that it had, or None so far."""

    service: str
    instance_id: str
    confirmation: Confirmation | None


def checked(wanted: FactsToWrite, *, now_s: float) -> FactsToWrite:
    """The request itself; raises for what no state of affairs could make right: names, sizes, expiries."""
    count = len(wanted.puts) + len(wanted.removals)
    if not count:
        raise NothingToWrite
    if max(count, len(wanted.preconditions)) > FACTS_MAX:
        raise TooManyFacts(max(count, len(wanted.preconditions)))
    written = [fact.key for fact in (*wanted.puts, *wanted.removals)]
    if len(set(written)) < len(written):
        raise ContradictoryWrite
    for key in wanted.keys:
        _check_key(key)
    for fact in wanted.puts:
        _check_terms(fact, now_s)
    return wanted


def needs_of(wanted: FactsToWrite) -> list[Need]:
    """The rights that a write demands, each once: of a role's members, of a manager, and of every other fact."""
    needs = [_need(fact, "grant") for fact in wanted.puts]
    needs += [_need(fact, "revoke") for fact in wanted.removals]
    return list(dict.fromkeys(needs))


def grant_params(wanted: FactsToWrite, role_id: str) -> dict[str, object]:
    """What an approval to grant a role is bound to: who gets it until when (0: for ever), and who loses it."""
    puts = {str(fact): fact.until_s or 0 for fact in wanted.puts if _is_of_role(fact, role_id)}
    removals = sorted(str(fact) for fact in wanted.removals if _is_of_role(fact, role_id))
    return {"puts": puts, "removals": removals}


def check_preconditions(wanted: FactsToWrite, on_record: Mapping[Key, Fact]) -> None:
    """Raises `PreconditionFailed` for the first that does not hold."""
    for index, given in enumerate(wanted.preconditions):
        if (given.fact.key in on_record) is given.must_be_absent:
            raise PreconditionFailed(index)


def check_not_leased(facts: Iterable[Fact], leased_types: Collection[str]) -> None:
    """Raises `OwnerIsLeased` for an owner of a type that has leases."""
    for fact in facts:
        if fact.relation == OWNER and fact.resource_type in leased_types:
            raise OwnerIsLeased(fact.resource_type)


def news_in(wanted: FactsToWrite, on_record: Mapping[Key, Fact]) -> FactsToWrite:
    """Without what is so already."""
    puts = [fact for fact in wanted.puts if not _is_on_record(fact, on_record)]
    removals = [fact for fact in wanted.removals if fact.key in on_record]
    return FactsToWrite(puts, removals)


def org_edges(facts: Iterable[Fact]) -> list[tuple[str, str]]:
    """(person, manager) of the facts that are about the organisation chart."""
    return [(fact.resource_id, fact.subject_id) for fact in facts if is_org_edge(fact)]


def is_org_edge(fact: Fact) -> bool:
    """Whether a fact names somebody's manager."""
    return (fact.resource_type, fact.relation) == ("user", MANAGER)


def check_org(
    managers: Mapping[str, str],
    *,
    put: Sequence[tuple[str, str]],
    removed: Collection[tuple[str, str]],
) -> None:
    """Raises `TwoManagers`, `OrgCycle` or `OrgTooDeep` when the chart would not be a forest any more.

    `managers` gives each person's manager: at least of everybody above the new managers and below their people.
    """
    after = {
        person: manager for person, manager in managers.items() if (person, manager) not in removed
    }
    for person, manager in put:
        if after.setdefault(person, manager) != manager:
            raise TwoManagers(person)
    for person in after if put else ():
        _check_chain(person, after)


def role_members(facts: Iterable[Fact]) -> set[str]:
    """Ids of the principals whose role the facts state or end: their tokens have to be issued anew."""
    return {
        fact.subject_id
        for fact in facts
        if fact.resource_type == "role" and fact.relation == MEMBER and not fact.subject_relation
    }


def _check_chain(person: str, managers: Mapping[str, str]) -> None:
    length, at = 1, person
    while (above := managers.get(at)) is not None:
        length, at = length + 1, above
        if at == person:
            raise OrgCycle(person)
        if length > ORG_DEPTH_MAX:
            # A longer chain may also be one that runs into a cycle further up, which is then told of its own people.
            raise OrgTooDeep(person) if _ends(at, managers) else OrgCycle(at)


def _ends(person: str, managers: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    at: str | None = person
    while at is not None:
        if at in seen:
            return False
        seen.add(at)
        at = managers.get(at)
    return True


def _check_key(key: Key) -> None:
    resource_type, resource_id, relation, subject_type, subject_id, subject_relation = key
    checked_name(resource_type, "resource type")
    checked_name(resource_id, "resource id")
    checked_name(relation, "relation")
    checked_name(subject_type, "subject type")
    checked_name(subject_id, "subject id")
    if subject_relation:
        checked_name(subject_relation, "subject relation")


def _check_terms(fact: Fact, now_s: float) -> None:
    if fact.condition:
        checked_name(fact.condition, "condition")
    if fact.until_s is not None and not now_s < fact.until_s < float("inf"):
        raise BadExpiry
    if is_org_edge(fact) and (fact.condition or fact.until_s is not None):
        raise UncertainChart


def _need(fact: Fact, of_role: str) -> Need:
    if fact.resource_type == "role":
        return Need(of_role, "role", fact.resource_id)
    if is_org_edge(fact):
        return Need("change_manager", "user", fact.resource_id)
    return Need("write_facts", "platform", "permissions")


def _is_of_role(fact: Fact, role_id: str) -> bool:
    return (fact.resource_type, fact.resource_id) == ("role", role_id)


def _is_on_record(fact: Fact, on_record: Mapping[Key, Fact]) -> bool:
    known = on_record.get(fact.key)
    return known is not None and (fact.condition, fact.context, fact.until_s) == (
        known.condition,
        known.context,
        known.until_s,
    )
