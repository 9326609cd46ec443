"""Filter: the rules as a predicate for the caller's own SQL, so that it can sort, page and join where its rows are."""

import msgspec

from accesskit.decisions import Obligation
from accesskit.engine.judging import Asking
from accesskit.engine.listing import is_met, reach_of
from accesskit.engine.outcomes import CompiledRule
from accesskit.engine.plans import Plan
from accesskit.engine.regime import Regime
from accesskit.language.model import Computed, Direct, Rewrite, Union, Via

_OWNER = "owner"


class Filter(msgspec.Struct, frozen=True):
    """Rows whose owner is one of `owner_ids`, without the `locked_ids`, or whose id is one of `ids`; none by default.

    Never the `denied_ids`, nor those of `denied_owner_ids`. The owner is the lease's, under which the caller's rows
    must name them. Rows that depend on missing context are not selected; `is_conditional` says that there may be some.
    """

    is_everything: bool = False
    owner_ids: tuple[str, ...] = ()
    working_owner_ids: tuple[str, ...] = ()
    locked_ids: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    denied_owner_ids: tuple[str, ...] = ()
    denied_ids: tuple[str, ...] = ()
    is_conditional: bool = False
    obligations: tuple[Obligation, ...] = ()

    def sql(
        self, *, id_column: str, owner_column: str, first_parameter: int = 1
    ) -> tuple[str, list[list[str]]]:
        """The predicate and its parameters (text arrays, `$1` the first); the column names are the caller's own."""
        terms = _Terms(first_parameter)
        allowed = "TRUE" if self.is_everything else self._allowed(terms, id_column, owner_column)
        denied = terms.any_of(
            (owner_column, self.denied_owner_ids),
            (id_column, self.denied_ids),
        )
        # A row without an owner compares as unknown, which must not carry it past NOT.
        text = allowed if denied == "FALSE" else f"({allowed} AND NOT COALESCE({denied}, FALSE))"
        return text, terms.parameters

    def _allowed(self, terms: "_Terms", id_column: str, owner_column: str) -> str:
        plain = terms.any_of((owner_column, self.owner_ids), (id_column, self.ids))
        working = terms.any_of((owner_column, self.working_owner_ids))
        if working == "FALSE":
            return plain
        locked = terms.any_of((id_column, self.locked_ids))
        unlocked = working if locked == "FALSE" else f"({working} AND NOT {locked})"
        return unlocked if plain == "FALSE" else f"({plain} OR {unlocked})"


class _Terms:
    """Numbers the parameters of a predicate."""

    def __init__(self, first_parameter: int) -> None:
        self._first = first_parameter
        self.parameters: list[list[str]] = []

    def any_of(self, *memberships: tuple[str, tuple[str, ...]]) -> str:
        """`column = ANY($n)` for each set that is not empty, joined by OR; FALSE if all are."""
        parts = []
        for column, values in memberships:
            if values:
                parts.append(f"{column} = ANY(${self._first + len(self.parameters)}::text[])")
                self.parameters.append(list(values))
        return "FALSE" if not parts else parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"


class _Draft(msgspec.Struct):
    """A filter while its rules are added up."""

    is_everything: bool = False
    owners: set[str] = msgspec.field(default_factory=set)
    working_owners: set[str] = msgspec.field(default_factory=set)
    ids: set[str] = msgspec.field(default_factory=set)
    perhaps: set[str] = msgspec.field(default_factory=set)


def filter_of(regime: Regime, plan: Plan, resource_type: str, asking: Asking) -> Filter:
    """The plan as a predicate; a sensitive action, which needs an approval each time, selects nothing."""
    if plan.approval is not None:
        return Filter()
    allowed, denied = _Draft(), _Draft()
    for rules, draft in ((plan.allows, allowed), (plan.denies, denied)):
        for rule in rules:
            _add(draft, rule, regime, plan, resource_type, asking)
    if denied.is_everything:
        return Filter(is_conditional=bool(allowed.perhaps))
    return Filter(
        is_everything=allowed.is_everything,
        owner_ids=_sorted(allowed.owners),
        working_owner_ids=_sorted(allowed.working_owners),
        locked_ids=_sorted(_locked(regime, resource_type, allowed.working_owners, asking[2])),
        ids=_sorted(allowed.ids),
        denied_owner_ids=_sorted(denied.owners),
        denied_ids=_sorted(denied.ids | denied.perhaps),
        is_conditional=bool(allowed.perhaps or denied.perhaps),
        obligations=plan.unnamed,
    )


def _add(
    draft: _Draft,
    rule: CompiledRule,
    regime: Regime,
    plan: Plan,
    resource_type: str,
    asking: Asking,
) -> None:
    source = plan.sources[rule.id]
    met = is_met(source.condition, regime, asking)
    if met is False:
        return
    is_certain = met is True
    owners = _owners(regime, resource_type, source.relation, asking) if is_certain else None
    if owners is not None and source.lease != "pool":
        (draft.working_owners if source.lease else draft.owners).update(owners)
        return
    found = reach_of((rule,), regime, plan, resource_type, asking)
    draft.ids |= found.surely
    draft.perhaps |= found.perhaps
    if found.is_everything:
        # An open rule whose condition cannot be told allows nothing, and denies everything.
        draft.is_everything |= is_certain or source.effect == "deny"


def _owners(regime: Regime, resource_type: str, relation: str, asking: Asking) -> set[str] | None:
    """The owners whose resources have the relation to the subject; None if it does not rest on the owner alone."""
    if resource_type not in regime.policy.lease.on or not relation:
        return None
    links = _owner_links(regime, resource_type, relation, set())
    if links is None:
        return None
    subject_type, subject_id, now_s, context = asking
    owners: set[str] = set()
    for link in links:
        if not link:
            owners |= {subject_id} if subject_type == "user" else set()
            continue
        surely, perhaps = regime.relations.resources(
            subject_type, subject_id, "user", link, now_s=now_s, context=context
        )
        if perhaps:
            return None
        owners |= surely
    return owners


def _owner_links(
    regime: Regime, resource_type: str, relation: str, seen: set[str]
) -> set[str] | None:
    """Relations of the owner's by which the relation holds, empty text for being the owner; None if others matter."""
    if relation in seen:
        return set()
    seen.add(relation)
    if relation == _OWNER:
        return {""}
    return _links_of(
        regime, resource_type, regime.policy.model.rewrites[resource_type, relation], seen
    )


def _links_of(
    regime: Regime, resource_type: str, rewrite: Rewrite, seen: set[str]
) -> set[str] | None:
    match rewrite:
        case Computed(relation=relation):
            return _owner_links(regime, resource_type, relation, seen)
        case Via(relation=relation, link="owner"):
            return {relation}
        case Union(parts=parts):
            links: set[str] = set()
            for part in parts:
                of_part = _links_of(regime, resource_type, part, seen)
                if of_part is None:
                    return None
                links |= of_part
            return links
        case Direct():
            return None
        case _:
            return None


def _locked(regime: Regime, resource_type: str, owners: set[str], now_s: float) -> set[str]:
    """What these owners may no longer work on."""
    if not owners:
        return set()
    leases = regime.grounds.leases.get(resource_type, {})
    due = regime.grounds.due(resource_type)[0].due(now_s)
    return {id_ for id_ in due if leases[id_].owner_id in owners}


def _sorted(ids: set[str]) -> tuple[str, ...]:
    return tuple(sorted(ids))
