"""From the mapped texts of one lead to an inquiry, normalised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lead_intake.domain.consents import Consent
from lead_intake.domain.leads import Contact, Inquiry, Source
from lead_intake.normalising.companies import read_company
from lead_intake.normalising.credit_codes import read_credit_code
from lead_intake.normalising.emails import read_email
from lead_intake.normalising.industries import read_industry
from lead_intake.normalising.names import NameFault, PersonName, read_name
from lead_intake.normalising.phone_numbers import (
    PhoneKind,
    PhoneNumber,
    first_complete,
    first_masked,
    read_phones,
)
from lead_intake.normalising.regions import read_region
from lead_intake.normalising.source_kinds import read_source_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lead_intake.reading.lexicons import Lexicons

OTHER_PHONES_MAX = 4

_NOTHING: Source = Source()
_NO_NAME = PersonName()
_ODD_NAMES = frozenset({NameFault.JUNK, NameFault.NO_LETTERS})


def inquiry_of(values: Mapping[str, Any], lexicons: Lexicons) -> Inquiry:
    """The inquiry that mapped values make; names that were not mapped are not said."""
    given = values.get
    numbers = read_phones(values["phones"]) if given("phones") else ()
    phone = first_complete(numbers)
    masked = None if phone else first_masked(numbers)
    shown = phone or masked
    contact = contact_of(values, numbers, phone, masked)
    return Inquiry(
        contact=contact,
        phone_display=shown.display if shown else "",
        region=read_region(
            lexicons.gazetteer, given("province", ""), given("city", ""), given("place", "")
        ),
        industry=read_industry(lexicons.industries, given("industry", "")),
        source_kind=read_source_kind(given("source", ""), given("url", ""), given("referrer", "")),
        first_action=given("first_action", ""),
        inquired_at=given("inquired_at"),
        source=_source(values),
        flags=tuple(_flags(values, contact, numbers)),
        stage=given("stage", ""),
        product=given("product", ""),
        budget=given("budget", ""),
        client_version=given("client_version", ""),
        addressed_to=given("addressed_to", ""),
        consent=_consent(values),
    )


def contact_of(
    values: Mapping[str, Any],
    numbers: tuple[PhoneNumber, ...],
    phone: PhoneNumber | None,
    masked: PhoneNumber | None,
) -> Contact:
    """Who the customer is, of what was mapped and the numbers read."""
    given = values.get
    written_name, company, uscc = given("name", ""), given("company", ""), given("uscc", "")
    name = read_name(written_name) if written_name else _NO_NAME
    return Contact(
        name=name.name,
        honorific=name.honorific,
        phone_e164=phone.e164 if phone else "",
        masked_phone=masked.masked if masked else "",
        other_phones=_others(numbers, phone),
        email=read_email(given("email", "")).address,
        wechat=given("wechat", ""),
        openid=given("openid", ""),
        unionid=given("unionid", ""),
        external_userid=given("external_userid", ""),
        company=read_company(company).name if company else "",
        uscc=read_credit_code(uscc).code if uscc else "",
        remark=given("remark", ""),
        answers=given("answers") or {},
    )


def _others(numbers: tuple[PhoneNumber, ...], first: PhoneNumber | None) -> tuple[str, ...]:
    if len(numbers) < 2:
        return ()
    others = (each.e164 for each in numbers if each.is_complete and each is not first)
    return tuple(dict.fromkeys(others))[:OTHER_PHONES_MAX]


def _flags(
    values: Mapping[str, Any], contact: Contact, numbers: tuple[PhoneNumber, ...]
) -> Iterator[str]:
    if contact.masked_phone:
        yield "masked_phone"
    if contact.other_phones:
        yield "several_phones"
    if any(each.kind is PhoneKind.HOTLINE for each in numbers):
        yield "hotline"
    if values.get("name") and read_name(values["name"]).fault in _ODD_NAMES:
        yield "odd_name"
    if (email := values.get("email")) and (not contact.email or read_email(email).is_mistyped):
        yield "odd_email"
    if values.get("uscc") and not contact.uscc:
        yield "odd_uscc"


def _source(values: Mapping[str, Any]) -> Source:
    given = values.get
    url = given("url", "")
    source = Source(
        form=given("form", ""),
        campaign=given("campaign", ""),
        adgroup=given("adgroup", ""),
        creative=given("creative", ""),
        keyword=given("keyword", ""),
        click_ids=given("click_ids") or {},
        landing_url=url.partition("?")[0].partition("#")[0],
    )
    return _NOTHING if source == _NOTHING else source


def _consent(values: Mapping[str, Any]) -> Consent | None:
    version = values.get("consent_notice_version", "")
    if not version:
        return None
    purposes = tuple(values.get("consent_purposes") or ("contact",))
    return Consent(version, purposes, at=values.get("consent_at"))
