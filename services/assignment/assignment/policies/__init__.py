"""The rules that people write: routing rules and the contact SLA, read from YAML into the domain's terms."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from assignment.domain.leads import Precision, RepId
from assignment.domain.rules import Condition, ContactSla, Cover, Rule, Rules
from assignment.policies.documents import InvalidPolicy, load_document

if TYPE_CHECKING:
    from pathlib import Path

    from assignment.policies.documents import Document

__all__ = ["InvalidPolicy", "load_rules", "load_sla"]


def load_rules(file: Path | None = None) -> Rules:
    """The routing rules in `file`, or the packaged ones; raises `InvalidPolicy`."""
    document = load_document("routing", file)
    _check_order(document)
    content = document.content
    return Rules(
        version=content["version"],
        source_weights=content["source_weights"],
        rules=tuple(_rule(entry) for entry in content["rules"]),
    )


def load_sla(file: Path | None = None) -> ContactSla:
    """The contact SLA in `file`, or the packaged one; raises `InvalidPolicy`."""
    content = load_document("sla", file).content
    return ContactSla(timedelta(seconds=content["contact_within_s"]), content["max_hops"])


def _check_order(document: Document) -> None:
    """What a schema cannot say: unique ids, and one rule for all the rest, which is the last."""
    rules = document.content["rules"]
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if rule["id"] in seen:
            raise document.fault(("rules", index, "id"), f"rule {rule['id']} stands here twice")
        seen.add(rule["id"])
        if "when" not in rule and index < len(rules) - 1:
            raise document.fault(
                ("rules", index), f"rule {rule['id']} fits every lead, so no later rule is reached"
            )
    if "when" in rules[-1]:
        raise document.fault(
            ("rules", len(rules) - 1), "the last rule must have no `when`: some leads fit no rule"
        )


def _rule(entry: dict[str, Any]) -> Rule:
    candidates = entry["candidates"]
    return Rule(
        rule_id=entry["id"],
        when=_condition(entry["when"]) if "when" in entry else None,
        cover=Cover(candidates["cover"]),
        same_industry=candidates["industries"] == "match",
        rep_ids=None if entry["reps"] == "all" else frozenset(map(RepId, entry["reps"])),
    )


def _condition(when: dict[str, Any]) -> Condition:
    precisions = when.get("precisions")
    return Condition(
        provinces=_names(when, "provinces"),
        cities=_names(when, "cities"),
        precisions=precisions and frozenset(Precision[name.upper()] for name in precisions),
        industries=_names(when, "industries"),
        source_kinds=_names(when, "source_kinds"),
        min_weight=when.get("min_weight"),
    )


def _names(when: dict[str, Any], part: str) -> frozenset[str] | None:
    return frozenset(when[part]) if part in when else None
