"""From the mapped texts of one lead to an inquiry, normalised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lead_intake.channels.reading_rules import ATTRIBUTE
from lead_intake.domain.consents import Consent
from lead_intake.domain.leads import Contact, Inquiry, Source
from lead_intake.domain.places import Precision
from lead_intake.normalising.companies import company_name
from lead_intake.normalising.credit_codes import CreditCode, read_credit_code
from lead_intake.normalising.emails import EmailAddress, read_email
from lead_intake.normalising.industries import read_industry
from lead_intake.normalising.names import NameFault, PersonName, read_name
from lead_intake.normalising.phone_numbers import (
    PhoneKind,
    PhoneNumber,
    first_complete,
    first_masked,
    read_phones,
)
from lead_intake.normalising.regions import read_region, with_hint
from lead_intake.normalising.source_kinds import read_source_kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lead_intake.domain.places import Region
    from lead_intake.reading.lexicons import Lexicons

OTHER_PHONES_MAX = 4
ATTRIBUTE_CHARS_MAX = 200

_NOTHING: Source = Source()
_NO_NAME = PersonName()
_NO_EMAIL = EmailAddress()
_NO_CODE = CreditCode()
_TELLS_WHO = re.compile(r"@|(?:\d[\s-]?){11}")
_ODD_NAMES = frozenset({NameFault.JUNK, NameFault.NO_LETTERS})


@dataclass(frozen=True, slots=True)
class ReadContact:
    """Who the customer is, how the phone is shown, and what is remarkable about what was written."""

    contact: Contact
    phone_display: str
    flags: tuple[str, ...]


def inquiry_of(values: Mapping[str, Any], lexicons: Lexicons) -> Inquiry:
    """The inquiry that mapped values make; names that were not mapped are not said."""
    given = values.get
    read = read_contact(values)
    return Inquiry(
        contact=read.contact,
        phone_display=read.phone_display,
        region=_region(values, read.contact.phone_e164, lexicons),
        industry=read_industry(lexicons.industries, given("industry", "")),
        source_kind=read_source_kind(given("source", ""), given("url", ""), given("referrer", "")),
        first_action=given("first_action", ""),
        inquired_at=given("inquired_at"),
        source=_source(values),
        flags=read.flags,
        stage=given("stage", ""),
        product=given("product", ""),
        budget=given("budget", ""),
        attributes=_attributes(values),
        client_version=given("client_version", ""),
        addressed_to=given("addressed_to", ""),
        consent=_consent(values),
    )


def _attributes(values: Mapping[str, Any]) -> dict[str, str]:
    """What the mapping names beside the usual, by name, but for what holds a number or an address of somebody."""
    return {
        name.removeprefix(ATTRIBUTE): value[:ATTRIBUTE_CHARS_MAX]
        for name, value in values.items()
        if name.startswith(ATTRIBUTE)
        and isinstance(value, str)
        and value
        and not _TELLS_WHO.search(value)
    }


def _region(values: Mapping[str, Any], phone_e164: str, lexicons: Lexicons) -> Region:
    """The place that was said; where none was, the one that the phone hints at."""
    given = values.get
    stated = read_region(
        lexicons.gazetteer, given("province", ""), given("city", ""), given("place", "")
    )
    if stated.precision is not Precision.UNKNOWN or not phone_e164:
        return stated
    return with_hint(stated, lexicons.phone_places.hint_of(phone_e164))


def read_contact(values: Mapping[str, Any]) -> ReadContact:
    """Who the customer is, by what was mapped."""
    given = values.get
    numbers = read_phones(values["phones"]) if given("phones") else ()
    phone = first_complete(numbers)
    masked = None if phone else first_masked(numbers)
    name = read_name(written) if (written := given("name", "")) else _NO_NAME
    email = read_email(written) if (written := given("email", "")) else _NO_EMAIL
    code = read_credit_code(written) if (written := given("uscc", "")) else _NO_CODE
    contact = Contact(
        name=name.name,
        honorific=name.honorific,
        phone_e164=phone.e164 if phone else "",
        phone_extension=phone.extension if phone else "",
        masked_phone=masked.masked if masked else "",
        other_phones=_others(numbers, phone),
        email=email.address,
        wechat=given("wechat", ""),
        openid=given("openid", ""),
        unionid=given("unionid", ""),
        external_userid=given("external_userid", ""),
        company=company_name(written) if (written := given("company", "")) else "",
        uscc=code.code,
        remark=given("remark", ""),
        answers=given("answers") or {},
    )
    remarkable = (
        ("masked_phone", masked is not None),
        ("several_phones", contact.other_phones),
        ("hotline", PhoneKind.HOTLINE in [each.kind for each in numbers]),
        ("odd_name", name.fault in _ODD_NAMES),
        ("odd_email", email.likely_domain or (not email.address and given("email"))),
        ("odd_uscc", not code.code and given("uscc")),
    )
    shown = phone or masked
    flags = tuple([flag for flag, is_so in remarkable if is_so])
    return ReadContact(contact, shown.display if shown else "", flags)


def _others(numbers: tuple[PhoneNumber, ...], first: PhoneNumber | None) -> tuple[str, ...]:
    if len(numbers) < 2:
        return ()
    others = (each.e164 for each in numbers if each.is_complete and each is not first)
    return tuple(dict.fromkeys(others))[:OTHER_PHONES_MAX]


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
