"""The plain form of an entry's bytes, which nearly all have: read without making objects of every value.

Canonical JSON of simple members, with at most one change, of a fact without condition or end. Whatever is not of this
form may be as true as the others; it is read as JSON, for which `auditor.chain.stated_by` and `json` are there.
"""

from __future__ import annotations

import re
from typing import Any

_CHAR = "[ !#-\\[\\]-\U0010ffff]"
_TEXT = f'"{_CHAR}*+"'
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_VALUE = rf"(?:{_TEXT}|{_NUMBER}|true|false|null|\[(?:{_TEXT}(?:,{_TEXT})*+)?\])"
# No member is named changes, recorded_at or seq but the one that is taken; a few more names are not plain either.
_MEMBER = rf'(?!"[crs](?:hanges|ecorded_at|eq)"){_TEXT}:{_VALUE}'
_TAKEN = f'"({_CHAR}++)"'
_COUNT = r"([1-9][0-9]*+)"
_CHANGE = (
    rf'{{"fact":{{"relation":{_TAKEN},"resource_id":{_TAKEN},"resource_type":{_TAKEN},"seq":{_COUNT}'
    rf',"subject_id":{_TAKEN}(?:,"subject_relation":{_TAKEN})?,"subject_type":{_TAKEN}}}'
    r',"kind":"fact_(put|removed)"}'
)
ENTRY = re.compile(
    rf'{{(?:{_MEMBER},)*+(?:"changes":\[{_CHANGE}\],)?(?:{_MEMBER},)*+"recorded_at":{_TAKEN}'
    rf'(?:,{_MEMBER})*+,"seq":{_COUNT}(?:,{_MEMBER})*+}}'
)
"""Groups: relation, resource id and type, the fact's seq, subject id, relation and type, put or removed; time, seq."""

RECORDED = re.compile(
    rf'{{"kind":"fact_put","fact":{{"resource_type":{_TAKEN},"resource_id":{_TAKEN},"relation":{_TAKEN}'
    rf',"subject_type":{_TAKEN},"subject_id":{_TAKEN}(?:,"subject_relation":{_TAKEN})?,"seq":{_COUNT}}}}}'
    r"(?:,(?={)|\Z)|(.)",
    re.DOTALL,
)
"""In the list of a part of the state: a fact's key and its seq, or a character that is of no plain fact."""

FactKey = tuple[Any, ...]
FactValue = str | dict[str, Any]
_KEY_MEMBERS = 5


def fact_key(fact: dict[str, Any]) -> FactKey:
    """What a fact is about, in the order of the groups of `RECORDED`; raises KeyError for what is none."""
    return (
        fact["resource_type"],
        fact["resource_id"],
        fact["relation"],
        fact["subject_type"],
        fact["subject_id"],
        fact.get("subject_relation", ""),
    )


def fact_value(change: dict[str, Any]) -> FactValue:
    """What a change says beyond its fact's key: of a plain fact its seq, of any other one all of it."""
    fact = change["fact"]
    seq, members = fact.get("seq"), _KEY_MEMBERS + 1 + bool(fact.get("subject_relation"))
    is_plain = type(seq) is int and seq > 0 and len(fact) == members and len(change) == 2
    return str(seq) if is_plain else change
