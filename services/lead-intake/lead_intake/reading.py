"""Reads deliveries: from a channel's raw bytes to findings about each lead in them. Pure; no input makes it raise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from lead_intake.domain.leads import (
    AwaitingBody,
    Contact,
    Finding,
    Inquiry,
    Quarantined,
    QuarantineReason,
    Rejected,
    conclude,
)
from lead_intake.normalising.industries import IndustryLexicon, load_lexicon, read_industry
from lead_intake.normalising.phone_numbers import (
    PhoneNumber,
    first_complete,
    first_masked,
    read_phones,
)
from lead_intake.normalising.regions import Gazetteer, load_gazetteer, read_region
from lead_intake.normalising.source_kinds import read_source_kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lead_intake.channels.channel_files import ChannelFile

log = structlog.get_logger()

ITEMS_MAX = 1000
EMAIL_LENGTH_MAX = 254

_EMAIL = re.compile(r"[^\s@<>,;]{1,64}@[^\s@<>,;.]+(?:\.[^\s@<>,;.]+)+")
_CREDIT_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")


@dataclass(frozen=True, slots=True)
class Lexicons:
    """The places and industries that texts are read against."""

    gazetteer: Gazetteer
    industries: IndustryLexicon


def load_lexicons() -> Lexicons:
    """The lexicons that ship with the service."""
    return Lexicons(load_gazetteer(), load_lexicon())


def read_delivery(channel: ChannelFile, raw: bytes, lexicons: Lexicons) -> list[Finding]:
    """What a delivery holds, one finding for each of its leads, in order; empty when it tells of nothing for us.

    A delivery that cannot be taken apart gives one quarantined finding.
    """
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [Quarantined(QuarantineReason.UNDECODABLE, "body")]
    return _guarded(lambda: _fanned_out(channel, document, lexicons))


def read_fetched(
    channel: ChannelFile, body: Any, lexicons: Lexicons, *, external_id: str
) -> Finding:
    """What the fetched body of one lead says."""
    return _guarded(lambda: [_mapped(channel, body, lexicons, external_id=external_id)])[0]


def _guarded(read: Any) -> list[Finding]:
    try:
        findings: list[Finding] = read()
    except Exception as error:  # noqa: BLE001 - a body that breaks a rule's code costs only itself
        kind = type(error).__name__
        log.error("delivery_not_readable", error=kind)  # noqa: TRY400 - a stack would show its text
        return [Quarantined(QuarantineReason.UNDECODABLE, f"mapping failed: {kind}")]
    return findings


def _fanned_out(channel: ChannelFile, document: Any, lexicons: Lexicons) -> list[Finding]:
    if channel.expect is not None and not channel.expect.holds(document):
        return [Quarantined(QuarantineReason.UNKNOWN_EVENT, channel.expect.path)]
    found = channel.fan_out(document)
    parts = found if isinstance(found, list) and channel.fan_out_path != "@" else [found]
    if found is None or not 0 < len(parts) <= ITEMS_MAX:
        return [Quarantined(QuarantineReason.UNMAPPED_FIELD_REQUIRED, channel.fan_out_path)]
    if channel.only is not None:
        parts = [part for part in parts if channel.only.holds(part)]
    return [_read_part(channel, part, lexicons) for part in parts]


def _read_part(channel: ChannelFile, part: Any, lexicons: Lexicons) -> Finding:
    external_id: str | None = None
    if channel.external_id is not None:
        external_id = channel.external_id.of(part) or None
        if external_id is None:
            return Quarantined(QuarantineReason.UNMAPPED_FIELD_REQUIRED, channel.external_id.path)
    if channel.is_enriched:
        return AwaitingBody(external_id or "")
    return _mapped(channel, part, lexicons, external_id=external_id)


def _mapped(
    channel: ChannelFile, document: Any, lexicons: Lexicons, *, external_id: str | None
) -> Finding:
    for required in channel.require:
        if required.search(document) is None:
            return Quarantined(QuarantineReason.UNMAPPED_FIELD_REQUIRED, required.path, external_id)
    if channel.prepare is not None:
        document = {**document, channel.prepare.name: channel.prepare.read.of(document)}
    for rule in channel.reject:
        if rule.read.of(document):
            return Rejected(rule.reason, external_id)
    values: dict[str, Any] = {
        name: read.via(read.search(document)) for name, read in channel.mapping
    }
    inquiry = _inquiry({**channel.constants, **values}, lexicons)
    return conclude(inquiry, external_id=external_id, contact_points=channel.contact_points)


def _inquiry(values: Mapping[str, Any], lexicons: Lexicons) -> Inquiry:
    """Normalises the mapped texts of one lead."""
    numbers = read_phones(values["phones"]) if values["phones"] else ()
    phone = first_complete(numbers)
    masked = None if phone else first_masked(numbers)
    shown = phone or masked
    given = values.get
    return Inquiry(
        contact=_contact(values, phone, masked),
        phone_display=shown.display if shown else "",
        region=read_region(
            lexicons.gazetteer, given("province", ""), given("city", ""), given("place", "")
        ),
        industry=read_industry(lexicons.industries, given("industry", "")),
        source_kind=read_source_kind(given("source", ""), given("url", ""), given("referrer", "")),
        first_action=given("first_action", ""),
        inquired_at=given("inquired_at"),
    )


def _contact(
    values: Mapping[str, Any], phone: PhoneNumber | None, masked: PhoneNumber | None
) -> Contact:
    given = values.get
    uscc = given("uscc", "").upper()
    return Contact(
        name=given("name", ""),
        phone_e164=phone.e164 if phone else "",
        masked_phone=masked.masked if masked else "",
        email=_email(given("email", "")),
        wechat=given("wechat", ""),
        company=given("company", ""),
        uscc=uscc if uscc and _CREDIT_CODE.fullmatch(uscc) else "",
    )


def _email(written: str) -> str:
    if not written or len(written) > EMAIL_LENGTH_MAX or not _EMAIL.fullmatch(written):
        return ""
    return written.lower()
