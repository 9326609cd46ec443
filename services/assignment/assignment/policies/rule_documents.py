"""From a document of routing rules to the rules that it states; its shape has been checked by the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assignment.domain.leads import Precision, RepId
from assignment.domain.rules import (
    DECLINES_PER_DAY,
    LEAD_VALUES,
    OWNER,
    SCORE,
    WAIT,
    Attribute,
    Condition,
    Cover,
    Expression,
    Range,
    Rule,
    Rules,
    Scoring,
    TieBreaker,
)
from assignment.policies import expressions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assignment.domain.rules import Value
    from assignment.policies.documents import Document, Step

_ENDLESS = float("inf")


class RuleReader:
    """Reads the parts of one document, and knows what expressions may read and have read.

    An expression that cannot be used raises `InvalidPolicy` with its line.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self.attributes = {
            name: Attribute(name, default if isinstance(default, str | bool) else float(default))
            for name, default in document.content.get("attributes", {}).items()
        }
        self._samples: dict[str, Value] = {name: each[1] for name, each in LEAD_VALUES.items()}
        self._samples |= {name: each.default for name, each in self.attributes.items()}
        self._reads: set[str] = set()

    def rules(self, version: int) -> Rules:
        """Everything that the document says, under a version."""
        content = self._document.content
        scoring = self._scoring()
        self._samples[SCORE] = 1.0
        fallback = content["fallback"]
        rules = tuple(
            self.rule(entry, ("rules", index)) for index, entry in enumerate(content["rules"])
        )
        return Rules(
            version=version,
            source_weights=content["source_weights"],
            rules=rules,
            pools=_pools(content),
            fallback_pool=fallback["pool"],
            attributes=self.attributes,
            scoring=scoring,
            declines_per_day=content.get("declines_per_day", DECLINES_PER_DAY),
            reads=frozenset(self._reads),
            scope=expressions.scope if self._reads else None,
        )

    def rule(self, entry: Mapping[str, Any], path: tuple[Step, ...]) -> Rule:
        """One rule."""
        candidates = entry["candidates"]
        rep_ids, shares = _reps(entry["reps"])
        when = entry.get("when")
        return Rule(
            rule_id=entry["id"],
            when=None if when is None else self.condition(when, (*path, "when")),
            cover=Cover(candidates["cover"]),
            same_industry=candidates["industries"] == "match",
            rep_ids=rep_ids,
            shares=shares,
            skills=frozenset(candidates.get("skills", ())),
            seen_within_s=candidates.get("seen_within_s"),
            ties=_ties(entry),
            otherwise=entry.get("otherwise", WAIT),
            is_sticky=entry.get("sticky", "owner") == "owner",
        )

    def condition(self, when: Mapping[str, Any], path: tuple[Step, ...]) -> Condition:
        """What a rule asks of leads."""
        precisions = when.get("precisions")
        return Condition(
            provinces=_names(when, "provinces"),
            cities=_names(when, "cities"),
            precisions=precisions and frozenset(Precision[name.upper()] for name in precisions),
            industries=_names(when, "industries"),
            source_kinds=_names(when, "source_kinds"),
            min_weight=when.get("min_weight"),
            channels=_names(when, "channels"),
            products=_names(when, "products"),
            budget=_range(when.get("budget")),
            score=_range(when.get("score")),
            attributes=tuple(
                (name, _wanted(value)) for name, value in when.get("attributes", {}).items()
            ),
            where=self._expression(when["where"], (*path, "where"), bool)
            if "where" in when
            else None,
        )

    def _scoring(self) -> Scoring | None:
        score = self._document.content.get("score")
        if score is None:
            return None
        expression = self._expression(score["expression"], ("score", "expression"), float)
        return Scoring(expression, float(score["above"]), score["tag"])

    def _expression(self, text: str, path: tuple[Step, ...], result: type) -> Expression:
        try:
            expression, reads = expressions.compiled(text, self._samples, result=result)
        except expressions.BadExpression as error:
            raise self._document.fault(path, str(error)) from None
        self._reads |= reads
        return expression


def _pools(content: Mapping[str, Any]) -> dict[str, Rule]:
    owner = RepId(content["fallback"]["owner"])
    last = Rule(
        OWNER, None, Cover.ANY, same_industry=False, rep_ids=frozenset({owner}), is_last_resort=True
    )
    return {OWNER: last} | {entry["id"]: _pool(entry) for entry in content.get("pools", ())}


def _pool(entry: Mapping[str, Any]) -> Rule:
    rep_ids, shares = _reps(entry["reps"])
    return Rule(
        rule_id=entry["id"],
        when=None,
        cover=Cover.ANY,
        same_industry=False,
        rep_ids=rep_ids,
        shares=shares,
        skills=frozenset(entry.get("skills", ())),
        ties=_ties(entry),
        otherwise=entry.get("otherwise", OWNER),
    )


def _reps(named: Any) -> tuple[frozenset[RepId] | None, tuple[tuple[RepId, int], ...]]:
    if named == "all":
        return None, ()
    shares = tuple(sorted(named.items())) if isinstance(named, dict) else ()
    return frozenset(map(RepId, named)), shares


def _ties(entry: Mapping[str, Any]) -> tuple[TieBreaker, ...]:
    return tuple(TieBreaker[name.upper()] for name in entry.get("ties", ()))


def _names(when: Mapping[str, Any], part: str) -> frozenset[str] | None:
    return frozenset(when[part]) if part in when else None


def _range(limits: Mapping[str, float] | None) -> Range | None:
    if limits is None:
        return None
    return Range(float(limits.get("min", -_ENDLESS)), float(limits.get("max", _ENDLESS)))


def _wanted(value: Any) -> frozenset[Value] | Range:
    if isinstance(value, dict):
        return _range(value) or Range(-_ENDLESS, _ENDLESS)
    return frozenset(value) if isinstance(value, list) else frozenset({value})
