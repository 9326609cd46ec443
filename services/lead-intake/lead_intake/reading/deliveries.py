"""Takes deliveries apart and maps each part by its channel's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from lead_intake.channels.decoding import Undecodable, decoded
from lead_intake.channels.reading_rules import PARENT
from lead_intake.domain.facts import FactKind
from lead_intake.domain.leads import (
    AwaitingBody,
    Finding,
    Quarantined,
    QuarantineReason,
    Rejected,
    Stated,
    Understood,
    conclude,
)
from lead_intake.reading.facts import InvalidValue, fact_of
from lead_intake.reading.inquiries import inquiry_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lead_intake.channels.reading_rules import ReadingRules
    from lead_intake.reading.lexicons import Lexicons

log = structlog.get_logger()

ITEMS_MAX = 1000

_CONTENT = msgspec.msgpack.Encoder(order="deterministic")


def read_delivery(rules: ReadingRules, raw: bytes, lexicons: Lexicons) -> list[Finding]:
    """What a delivery holds, one finding for each of its items, in order; empty when it tells of nothing for us.

    A delivery that cannot be taken apart gives one quarantined finding.
    """
    try:
        document = decoded(rules.body, raw)
    except Undecodable:
        return [Quarantined(QuarantineReason.UNDECODABLE, "body")]
    return _guarded(lambda: _fanned_out(rules, document, lexicons))


def read_fetched(
    rules: ReadingRules, body: Any, lexicons: Lexicons, *, external_id: str
) -> Finding:
    """What the fetched body of one item says."""
    return _guarded(lambda: [_mapped(rules, body, lexicons, external_id=external_id)])[0]


def read_values(rules: ReadingRules, document: Any, lexicons: Lexicons) -> Finding:
    """What one part says, already decoded, such as a row of a file."""
    return _guarded(lambda: [_read_part(rules, document, lexicons)])[0]


def _guarded(read: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - a body that breaks a rule's code costs only itself
        kind = type(error).__name__
        log.error("delivery_not_readable", error=kind)  # noqa: TRY400 - a stack would show its text
        return [Quarantined(QuarantineReason.UNDECODABLE, f"mapping failed: {kind}")]


def _fanned_out(rules: ReadingRules, document: Any, lexicons: Lexicons) -> list[Finding]:
    if rules.ignore is not None and rules.ignore.holds(document):
        return []
    if rules.expect is not None and not rules.expect.holds(document):
        return [Quarantined(QuarantineReason.UNKNOWN_EVENT, rules.expect.path)]
    found = rules.fan_out(document)
    parts = found if isinstance(found, list) and rules.fan_out_path != "@" else [found]
    if found is None or not 0 < len(parts) <= ITEMS_MAX:
        return [Quarantined(QuarantineReason.UNMAPPED_FIELD_REQUIRED, rules.fan_out_path)]
    if rules.only is not None:
        parts = [part for part in parts if rules.only.holds(part)]
    if rules.sees_parent:
        parts = [
            {**part, PARENT: document} if isinstance(part, dict) else {PARENT: document}
            for part in parts
        ]
    return [_read_part(rules, part, lexicons) for part in parts]


def _read_part(rules: ReadingRules, part: Any, lexicons: Lexicons) -> Finding:
    external_id: str | None = None
    if rules.external_id is not None:
        external_id = rules.external_id.of(part) or None
        if external_id is None:
            return Quarantined(QuarantineReason.UNMAPPED_FIELD_REQUIRED, rules.external_id.path)
    if rules.is_enriched:
        return AwaitingBody(external_id or "")
    return _mapped(rules, part, lexicons, external_id=external_id)


def _mapped(
    rules: ReadingRules, document: Any, lexicons: Lexicons, *, external_id: str | None
) -> Finding:
    for required in rules.require:
        if required.search(document) is None:
            return Quarantined(QuarantineReason.UNMAPPED_FIELD_REQUIRED, required.path, external_id)
    for prepared in rules.prepare:
        document = {**document, prepared.name: prepared.read.of(document)}
    for rule in rules.reject:
        if rule.read.of(document):
            return Rejected(rule.reason, external_id)
    values = {**rules.constants, **rules.table.values_of(document)}
    if rules.facts is FactKind.LEAD:
        return _lead(rules, values, lexicons, external_id=external_id)
    return _fact(rules, values, external_id=external_id)


def _lead(
    rules: ReadingRules, values: dict[str, Any], lexicons: Lexicons, *, external_id: str | None
) -> Finding:
    inquiry = inquiry_of(values, lexicons)
    concluded = conclude(inquiry, external_id=external_id, contact_points=rules.contact_points)
    if not rules.double_click_s or not isinstance(concluded, Understood):
        return concluded
    values["inquired_at"] = values["consent_at"] = None
    return Understood(inquiry, external_id, _CONTENT.encode(values), rules.double_click_s)


def _fact(rules: ReadingRules, values: dict[str, Any], *, external_id: str | None) -> Finding:
    for name in rules.required:
        if values.get(name) in (None, ""):
            return Quarantined(QuarantineReason.UNMAPPED_FIELD_REQUIRED, f"map/{name}", external_id)
    try:
        return Stated(fact_of(rules.facts, values), external_id)
    except InvalidValue as error:
        return Quarantined(QuarantineReason.TYPE_MISMATCH, f"map/{error}", external_id)
