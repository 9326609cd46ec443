"""The quick way from what entries say to the state on record, for a log that is as it was written.

It says only whether the two agree. Where they do not, or are not certain to, `auditor.state` compares with care and
finds out what differs.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from auditor import plain
from auditor.chain import stated_by, uncollected
from auditor.dump import Dump, Entry, changes_in, mapped, rows_of
from auditor.findings import Incomplete
from auditor.state import Replay, differences, has_ended

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.plain import FactKey, FactValue

Facts = dict["FactKey", "FactValue"]
_BEGIN, _END = '{"changes":[', "]}"


def agree(dump: Dump) -> bool:
    """Whether all entries that change state say so truly and lead to the state on record; False when in doubt.

    Raises `Incomplete` when a part of the state is missing.
    """
    facts: Facts = {}
    others = Replay()
    with uncollected():
        try:
            return _is_replayed(dump, facts, others) and _is_on_record(dump, facts, others)
        except (ValueError, KeyError, TypeError, AttributeError):
            return False


def _is_replayed(dump: Dump, facts: Facts, others: Replay) -> bool:
    """Replays all entries that change state, facts apart; False when one is not what its row says."""
    matched = plain.ENTRY.fullmatch
    time, text = b"", ""
    with mapped(dump.path) as view:
        rows = chain.from_iterable(rows_of(view[b.start : b.end]) for b in dump.blocks)
        for seq, changes_state, digest, recorded_at, fact in rows:
            if not changes_state:
                continue
            match = matched(fact.decode())
            if match is None or match[8] is None:
                if not _is_taken(
                    Entry(seq, changes_state, digest, recorded_at, fact), facts, others
                ):
                    return False
                continue
            relation, name, kind, fact_seq, who, of, whose, verb, stated_at, stated = match.groups(
                ""
            )
            if recorded_at != time:
                time, text = recorded_at, recorded_at.decode()
            if stated_at != text or int(stated) != seq:
                return False
            if verb == "put":
                facts[kind, name, relation, whose, who, of] = fact_seq
            else:
                facts.pop((kind, name, relation, whose, who, of), None)
    return True


def _is_taken(entry: Entry, facts: Facts, others: Replay) -> bool:
    """Replays an entry that is not of the plain form."""
    stated = stated_by(entry)
    if stated is None:
        return False
    for change in stated["changes"]:
        if change["kind"] == "fact_put":
            facts[plain.fact_key(change["fact"])] = plain.fact_value(change)
        elif change["kind"] == "fact_removed":
            facts.pop(plain.fact_key(change["fact"]), None)
        else:
            others.apply(entry.seq, (change,))
    return True


def _is_on_record(dump: Dump, facts: Facts, others: Replay) -> bool:
    """Whether the state on record is the facts and the others, but for what has ended."""
    rest: list[dict[str, Any]] = []
    count, is_same = 0, True
    with mapped(dump.path) as view:
        for start, end in dump.state_blocks:
            part = view[start:end]
            rows = _plain_rows(part.decode())
            if rows is None:
                changes = changes_in(part)
                count += len(changes)
                is_same = is_same and _strike(facts, changes, rest)
            else:
                count += len(rows)
                is_same = is_same and all(facts.pop(row[:6], "") == row[6] for row in rows)
    if count != dump.parts:
        raise Incomplete("records of the dump are missing")
    return is_same and _have_ended(facts.values(), dump) and not _differ(others, rest, dump)


def _plain_rows(part: str) -> list[tuple[str, ...]] | None:
    """The groups of each fact of a part of the state; None where it holds anything else."""
    if not (part.startswith(_BEGIN) and part.endswith(_END)):
        return None
    rows: list[tuple[str, ...]] = plain.RECORDED.findall(part[len(_BEGIN) : -len(_END)])
    return None if any(row[-1] for row in rows) else rows


def _strike(facts: Facts, changes: list[dict[str, Any]], rest: list[dict[str, Any]]) -> bool:
    """Strikes out the facts that are on record; False when one is there that is not among them."""
    struck = facts.pop
    for change in changes:
        if change["kind"] != "fact_put":
            rest.append(change)
        elif struck(plain.fact_key(change["fact"]), None) != plain.fact_value(change):
            return False
    return True


def _have_ended(left: Iterable[FactValue], dump: Dump) -> bool:
    return all(isinstance(each, dict) and has_ended(each, dump.dumped_at_s) for each in left)


def _differ(others: Replay, recorded: list[dict[str, Any]], dump: Dump) -> bool:
    return bool(differences(others, recorded, now_s=dump.dumped_at_s))
