"""Reads bodies as a mapping in force would, to be looked at and not kept; and compares with what a sample says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lead_intake.channels.decoding import Undecodable, decoded
from lead_intake.channels.unread_keys import unread_keys, unread_keys_of_body
from lead_intake.domain.leads import AwaitingBody, Quarantined, Rejected, Understood, state_of
from lead_intake.reading.deliveries import read_delivery, read_fetched
from lead_intake.reading.shown_values import values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lead_intake.channels.channel_files import ChannelFile
    from lead_intake.channels.reading_rules import ReadingRules
    from lead_intake.channels.shipped_samples import Expected, Sample
    from lead_intake.domain.leads import Finding
    from lead_intake.reading.lexicons import Lexicons

FETCHED_ID = "fetched"
"""What stands for the sender's id where only the fetched body of an item is known."""


def read_body(
    file: ChannelFile, raw: bytes, lexicons: Lexicons, *, is_fetched: bool
) -> tuple[list[Finding], list[str]]:
    """The findings about a body and its keys that nothing reads.

    `is_fetched` says that a reconciler or the vendor's interface gave it, where that is read otherwise than a push.
    """
    rules = file.pull if is_fetched and file.pull is not None else file.reading
    is_item = is_fetched and rules.is_enriched
    try:
        document = decoded(rules.body, raw)
    except Undecodable:
        return read_delivery(rules, raw, lexicons), []
    if is_item:
        found = [read_fetched(rules, document, lexicons, external_id=FETCHED_ID)]
        return found, unread_keys_of_body(rules, document)
    return read_delivery(rules, raw, lexicons), unread_keys(rules, document)


def read_sample(file: ChannelFile, sample: Sample, lexicons: Lexicons) -> list[Finding]:
    """The findings about a sample's items, with the bodies that are fetched for them."""
    rules = file.pull if sample.is_pulled and file.pull is not None else file.reading
    return [
        _fetched(rules, finding.external_id, sample, lexicons)
        if isinstance(finding, AwaitingBody)
        else finding
        for finding in read_delivery(rules, sample.raw, lexicons)
    ]


def differences(expected: Sequence[Expected], found: Sequence[Finding]) -> list[str]:
    """Where findings are not what a sample says; empty when they are."""
    if len(expected) != len(found):
        return [f"{len(found)} items instead of {len(expected)}"]
    return [
        f"item {number}: {difference}"
        for number, (wanted, finding) in enumerate(zip(expected, found, strict=True), start=1)
        for difference in _differences(wanted, finding)
    ]


def _fetched(rules: ReadingRules, external_id: str, sample: Sample, lexicons: Lexicons) -> Finding:
    return read_fetched(rules, sample.fetched, lexicons, external_id=external_id)


def _differences(wanted: Expected, finding: Finding) -> Iterator[str]:
    refused = finding if isinstance(finding, Rejected | Quarantined) else None
    detail = finding.detail if isinstance(finding, Quarantined) else ""
    flags = finding.inquiry.flags if isinstance(finding, Understood) else ()
    said = [
        ("state", wanted.state, state_of(finding).name.lower()),
        ("reason", wanted.reason, str(refused.reason) if refused else ""),
        ("detail", wanted.detail or detail, detail),
        ("external_id", wanted.external_id or finding.external_id, finding.external_id),
        ("flags", flags if wanted.flags is None else wanted.flags, flags),
    ]
    values = values_of(finding)
    said += [(name, value, values.get(name, "")) for name, value in wanted.values.items()]
    for name, right, is_now in said:
        if right != is_now:
            yield f"{name} is {is_now!r} instead of {right!r}"
