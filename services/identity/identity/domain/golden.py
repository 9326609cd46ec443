"""The golden record: of everything that a customer's sources say now, what stands, and why.

Nothing is ever overwritten: the record is a pure function of the current statements, the policy and the stewards'
pins. Hence a merge that is undone gives the records back as they were.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from msgspec.structs import replace

from identity.domain.statements import LEADS
from identity.domain.survivorship import FieldPolicy, Rule, SurvivorshipPolicy, same_form

SEPARATOR = ","


class Said(msgspec.Struct, frozen=True):
    """What a source said at a time: `modified_at` is its clock, `received_at` ours."""

    fields: Mapping[str, str]
    modified_at: datetime
    received_at: datetime
    actor: str


class Source(msgspec.Struct, frozen=True):
    """A source of the customer: what it said, oldest first; the last is what it says now.

    `digest` is the keyed digest of its key, an order that no row number decides.
    """

    source_id: int
    system: str
    digest: bytes
    chain: tuple[Said, ...]

    @property
    def is_lead(self) -> bool:
        """Whether it is one of our own leads."""
        return self.system == LEADS


@dataclass(frozen=True, slots=True)
class Pin:
    """A value that a steward set; the latest of several for one field counts."""

    pin_id: int
    field: str
    text: str
    actor: str
    pinned_at: datetime


class Value(msgspec.Struct, frozen=True):
    """A value that stands, and where it is from.

    `rule` decided, against `loser_count` sources that say something else. `modified_at` is the source's clock,
    `received_at` ours. A pin has no system and no source; `also_from` are the further sources of a list.
    """

    text: str
    rule: Rule
    system: str
    source_id: int | None
    modified_at: datetime
    received_at: datetime
    actor: str
    loser_count: int
    also_from: tuple[int, ...] = ()

    @property
    def source_ids(self) -> tuple[int, ...]:
        """Every source that the text is from."""
        return (() if self.source_id is None else (self.source_id,)) + self.also_from


@dataclass(frozen=True, slots=True)
class GoldenRecord:
    """What stands about one customer, by field in alphabetical order."""

    values: Mapping[str, Value] = field(default_factory=dict)
    policy_version: int = 0


class _Candidate(msgspec.Struct):
    """One source's value of a field and the statement that brought it.

    `at` is when it was said as far as we believe it, `rank` the source's place. `form` is how it is compared; made only
    where texts differ, for most do not.
    """

    text: str
    at: datetime
    rank: int
    source: Source
    said: Said
    form: str = ""


def survive(
    sources: Iterable[Source], policy: SurvivorshipPolicy, pins: Iterable[Pin] = ()
) -> GoldenRecord:
    """The golden record; the same for any order of sources and pins. Empty texts say nothing.

    A value's time is when its source began to say it, not when the source's row was last touched: a row whose address
    changes does not thereby say anew what it always said about the phone.
    """
    sources, pins = list(sources), list(pins)
    if len(sources) == 1 and not pins and _is_plain(sources[0], policy):
        return GoldenRecord(_undisputed(sources[0], policy), policy.version)
    candidates = _candidates(sources, policy)
    pinned = _pinned(pins, policy) if pins else {}
    values: dict[str, Value] = {}
    for name, among in candidates.items():
        rules = policy.of(name)
        if not rules.is_list and (value := _standing(among, rules)):
            values[name] = value
    for name, pin in pinned.items():
        values[name] = _of_pin(pin, candidates.get(name, ()), policy.of(name))
    for name, rules in policy.fields.items():
        if rules.is_list and name not in pinned:
            values |= _gathered(name, rules, candidates, values)
    return GoldenRecord(dict(sorted(values.items())), policy.version)


def _is_plain(source: Source, policy: SurvivorshipPolicy) -> bool:
    """Whether a source has said one thing only, and no list: most customers are such."""
    return len(source.chain) == 1 and policy.lists.isdisjoint(source.chain[0].fields)


def _undisputed(source: Source, policy: SurvivorshipPolicy) -> dict[str, Value]:
    """What stands when nobody could say otherwise; the same as weighing it, at a fraction of the cost."""
    said, found = source.chain[0], {}
    system, source_id, at, heard, actor = (
        source.system,
        source.source_id,
        said.modified_at,
        said.received_at,
        said.actor,
    )
    for name, raw in sorted(said.fields.items()):
        owners, text = policy.of(name).owners, raw.strip()
        if text and (not owners or system in owners):
            found[name] = Value(text, Rule.ONLY_VALUE, system, source_id, at, heard, actor, 0)
    return found


def _candidates(
    sources: Iterable[Source], policy: SurvivorshipPolicy
) -> dict[str, list[_Candidate]]:
    found: dict[str, list[_Candidate]] = {}
    lists = policy.lists
    for source in sources:
        rank, chain = policy.rank(source.system), source.chain
        said = last = chain[-1]
        at = last_at = _believed_at(last, policy)
        for name, raw in last.fields.items():
            if len(chain) > 1:
                said = _begun(chain, name, raw)
                at = last_at if said is last else _believed_at(said, policy)
            for text in raw.split(SEPARATOR) if name in lists else (raw,):
                if plain := text.strip():
                    candidate = _Candidate(plain, at, rank, source, said)
                    if name in found:
                        found[name].append(candidate)
                    else:
                        found[name] = [candidate]
    return found


def _begun(chain: tuple[Said, ...], name: str, text: str) -> Said:
    """The statement with which the source began to say what it says of this field."""
    begun = chain[-1]
    for said in reversed(chain[:-1]):
        if said.fields.get(name) != text:
            break
        begun = said
    return begun


def _believed_at(said: Said, policy: SurvivorshipPolicy) -> datetime:
    """When it was said, without the advantage of a clock that is fast."""
    is_ahead = said.modified_at > said.received_at + policy.clock_ahead_max
    return said.received_at if is_ahead else said.modified_at


def _pinned(pins: Iterable[Pin], policy: SurvivorshipPolicy) -> dict[str, Pin]:
    in_order = sorted(pins, key=lambda pin: (pin.pinned_at, pin.pin_id))
    return {pin.field: pin for pin in in_order if policy.of(pin.field).may_pin}


def _standing(among: list[_Candidate], rules: FieldPolicy) -> Value | None:
    """The value that stands; none if nobody who counts says any."""
    counted = among
    if rules.owners:
        counted = [each for each in among if each.source.system in rules.owners]
    elif len(among) == 1 or len({each.text for each in among}) == 1:
        return _value(_first(among), Rule.ONLY_VALUE)
    _form(among, rules)
    return _chosen(among, counted, rules) if counted else None


def _form(candidates: Iterable[_Candidate], rules: FieldPolicy) -> None:
    """Notes how each is compared by these rules; another field may gather the same ones and compare them otherwise."""
    comparison = rules.comparison
    for each in candidates:
        each.form = same_form(each.text, comparison)


def _chosen(among: list[_Candidate], counted: list[_Candidate], rules: FieldPolicy) -> Value:
    """What stands of those that count; `among` are all."""
    left, rule = counted, Rule.ONLY_VALUE if _is_settled(among) else Rule.OWNER
    for choosing in (*rules.rules, Rule.LEXICAL):
        if _is_settled(left):
            break
        left, rule = _KEEP[choosing](left), choosing
    first = _first(left)
    form = first.form
    return _value(first, rule, loser_count=len([each for each in among if each.form != form]))


def _first(candidates: list[_Candidate]) -> _Candidate:
    newest = candidates if len(candidates) == 1 else _newest(candidates)
    return newest[0] if len(newest) == 1 else min(newest, key=_precedence)


def _is_settled(candidates: list[_Candidate]) -> bool:
    return len(candidates) == 1 or len({each.form for each in candidates}) == 1


def _precedence(each: _Candidate) -> tuple[float, int, str, str, bytes]:
    """Whose spelling stands, among sources that say the same."""
    return -each.at.timestamp(), each.rank, each.text, each.source.system, each.source.digest


def _value(
    of: _Candidate, rule: Rule, *, loser_count: int = 0, also_from: tuple[int, ...] = ()
) -> Value:
    source, said = of.source, of.said
    return Value(
        of.text,
        rule,
        source.system,
        source.source_id,
        said.modified_at,
        said.received_at,
        said.actor,
        loser_count,
        also_from,
    )


def _of_pin(pin: Pin, candidates: Sequence[_Candidate], rules: FieldPolicy) -> Value:
    form = same_form(pin.text, rules.comparison)
    _form(candidates, rules)
    loser_count = sum(each.form != form for each in candidates)
    return Value(pin.text, Rule.PIN, "", None, pin.pinned_at, pin.pinned_at, pin.actor, loser_count)


def _gathered(
    name: str,
    rules: FieldPolicy,
    candidates: Mapping[str, list[_Candidate]],
    values: Mapping[str, Value],
) -> dict[str, Value]:
    """The list that a field holds: each value once, the newest first, without those that stand in gathered fields."""
    among = [each for source in (name, *rules.gathers) for each in candidates.get(source, ())]
    texts = {values[each].text for each in rules.gathers if each in values}
    if texts.issuperset([each.text for each in among]):
        return {}
    stand = {same_form(text, rules.comparison) for text in texts}
    found: dict[str, _Candidate] = {}
    _form(among, rules)
    for candidate in sorted(among, key=_precedence):
        if candidate.form not in stand:
            found.setdefault(candidate.form, candidate)
    kept = list(found.values())[: rules.values_max]
    if not kept:
        return {}
    others = sorted({each.source.source_id for each in kept} - {kept[0].source.source_id})
    whole = replace(kept[0], text=SEPARATOR.join(each.text for each in kept))
    return {name: _value(whole, Rule.ALL, also_from=tuple(others))}


def _newest(candidates: list[_Candidate]) -> list[_Candidate]:
    newest = max([each.at for each in candidates])
    return [each for each in candidates if each.at == newest]


def _by_source_order(candidates: list[_Candidate]) -> list[_Candidate]:
    strongest = min([each.rank for each in candidates])
    return [each for each in candidates if each.rank == strongest]


def _longest(candidates: list[_Candidate]) -> list[_Candidate]:
    longest = max(len(each.form) for each in candidates)
    return [each for each in candidates if len(each.form) == longest]


def _most_frequent(candidates: list[_Candidate]) -> list[_Candidate]:
    counts = Counter(each.form for each in candidates)
    most = max(counts.values())
    return [each for each in candidates if counts[each.form] == most]


def _lexical(candidates: list[_Candidate]) -> list[_Candidate]:
    first = min(each.form for each in candidates)
    return [each for each in candidates if each.form == first]


_KEEP: Mapping[Rule, Callable[[list[_Candidate]], list[_Candidate]]] = {
    Rule.NEWEST: _newest,
    Rule.SOURCE_ORDER: _by_source_order,
    Rule.LONGEST: _longest,
    Rule.MOST_FREQUENT: _most_frequent,
    Rule.LEXICAL: _lexical,
}
