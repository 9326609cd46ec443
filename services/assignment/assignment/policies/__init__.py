"""The rules that people write: routing, the contact SLA and the pool, read from YAML into the domain's terms."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from assignment.domain.rules import ContactSla, Rules
from assignment.policies.documents import (
    FAULTS_MAX,
    InvalidPolicy,
    document_text,
    load_document,
    parsed,
    schema_faults,
)
from assignment.policies.pool_documents import load_pool
from assignment.policies.rule_documents import RuleReader
from assignment.policies.rule_faults import faults_of_order, faults_of_parts, faults_of_reps

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

__all__ = [
    "InvalidPolicy",
    "checked_rules",
    "kept_rules",
    "load_pool",
    "load_rules",
    "load_sla",
    "read_rules",
    "rules_text",
]

FIRST_VERSION = 1
RULES_FILE = "routing.yaml"


def load_rules(file: Path | None = None) -> Rules:
    """The routing rules in `file`, or the packaged ones, as version 1; raises `InvalidPolicy`."""
    name, text = document_text("routing", file)
    return read_rules(text, name, version=FIRST_VERSION)


def rules_text(file: Path | None = None) -> str:
    """The document of routing rules in `file`, or the packaged one; raises `InvalidPolicy` where it cannot be read."""
    return document_text("routing", file)[1]


def read_rules(text: str, file: str = RULES_FILE, *, version: int) -> Rules:
    """The rules that a document states; raises `InvalidPolicy` for its first fault."""
    rules, faults = checked_rules(text, file, version=version)
    if rules is None:
        raise faults[0]
    return rules


@lru_cache(maxsize=32)
def kept_rules(text: str, version: int) -> Rules:
    """The rules of a document that was in force; raises `InvalidPolicy`."""
    return read_rules(text, version=version)


def checked_rules(
    text: str, file: str = RULES_FILE, *, version: int, rep_ids: AbstractSet[str] | None = None
) -> tuple[Rules | None, list[InvalidPolicy]]:
    """The rules of a document, or else what is wrong with it, by line, at most 100 faults.

    `rep_ids` are the reps that there are; without them nobody asks whether the document names others.
    """
    try:
        document = parsed(file, text)
        faults = schema_faults(document, "routing")
        if faults:
            return None, faults
        faults = list(islice(faults_of_parts(document), FAULTS_MAX))
        rules = RuleReader(document).rules(version) if not faults else None
    except InvalidPolicy as fault:
        return None, [fault]
    if rules is not None:
        faults += islice(faults_of_order(document, rules), FAULTS_MAX)
    if rep_ids is not None:
        faults += islice(faults_of_reps(document, rep_ids), FAULTS_MAX)
    faults.sort(key=lambda fault: fault.line)
    return (None, faults[:FAULTS_MAX]) if faults else (rules, [])


def load_sla(file: Path | None = None) -> ContactSla:
    """The contact SLA in `file`, or the packaged one; raises `InvalidPolicy`."""
    document = load_document("sla", file)
    content = document.content
    follow_up = {
        name: timedelta(seconds=content[f"{name}_s"])
        for name in ("yellow_after", "overdue_after", "review_within")
        if f"{name}_s" in content
    }
    sla = ContactSla(
        timedelta(seconds=content["contact_within_s"]), content["max_hops"], **follow_up
    )
    if not sla.contact_within <= sla.yellow_after <= sla.overdue_after:
        reason = "contact, yellow and overdue do not come in this order"
        raise document.fault(("contact_within_s",), reason)
    return sla
