"""What a lead said, as it travels: personal data sealed or as keyed indexes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from leadchain.intake.v1 import events_pb2

from lead_intake.domain.leads import Trust
from lead_intake.domain.places import Method, Precision
from lead_intake.wire.contact_indexes import digest_of
from lead_intake.wire.stamps import stamp

if TYPE_CHECKING:
    from uuid import UUID

    from lead_intake.domain.leads import Contact, Inquiry, Item
    from lead_intake.domain.places import Region
    from lead_intake.seals import Seals

TRUST = {Trust.STRONG: events_pb2.TRUST_STRONG, Trust.WEAK: events_pb2.TRUST_WEAK}
_PRECISION = {
    Precision.UNKNOWN: events_pb2.REGION_PRECISION_UNSPECIFIED,
    Precision.PROVINCE: events_pb2.REGION_PRECISION_PROVINCE,
    Precision.CITY: events_pb2.REGION_PRECISION_CITY,
    Precision.DISTRICT: events_pb2.REGION_PRECISION_DISTRICT,
    Precision.ZONE: events_pb2.REGION_PRECISION_ZONE,
    Precision.AMBIGUOUS: events_pb2.REGION_PRECISION_AMBIGUOUS,
}
CANDIDATES_MAX = 10
REGIONS_REMEMBERED = 4096


def lead_facts(
    item: Item, inquiry: Inquiry, external_id: str, seals: Seals
) -> events_pb2.LeadFacts:
    """Everything a lead said."""
    origin, contact = item.origin, inquiry.contact
    wechat = contact.wechat or contact.openid or contact.external_userid
    facts = events_pb2.LeadFacts(
        channel=origin.channel,
        account=origin.account,
        external_id=external_id,
        trust=TRUST[origin.trust],
        industry=inquiry.industry,
        source_kind=inquiry.source_kind,
        first_action=inquiry.first_action,
        sealed_contact=sealed_contact(contact, item.lead_id, seals),
        phone_index=digest_of(seals.phones, contact.phone_key) if contact.phone_e164 else b"",
        phone_display=inquiry.phone_display,
        mapping_version=origin.mapping_version,
        email_index=digest_of(seals.emails, contact.email) if contact.email else b"",
        wechat_index=digest_of(seals.wechats, wechat) if wechat else b"",
        flags=inquiry.flags,
        stage=inquiry.stage,
        product=inquiry.product,
        budget=inquiry.budget,
        attributes=inquiry.attributes,
        client_version=inquiry.client_version,
        addressed_to=inquiry.addressed_to,
        consent_notice_version=inquiry.consent.notice_version if inquiry.consent else "",
    )
    facts.region.CopyFrom(_region(inquiry.region))
    _set_source(facts, inquiry)
    stamp(facts.received_at, origin.received_at)
    stamp(facts.inquired_at, inquiry.inquired_at or origin.received_at)
    return facts


def sealed_contact(contact: Contact, item_id: UUID, seals: Seals) -> bytes:
    """A contact that only who holds the keys can read, and only together with its item."""
    message = events_pb2.Contact(
        name=contact.name,
        honorific=contact.honorific,
        phone_e164=contact.phone_e164,
        phone_extension=contact.phone_extension,
        masked_phone=contact.masked_phone,
        other_phones=contact.other_phones,
        email=contact.email,
        wechat=contact.wechat,
        openid=contact.openid,
        unionid=contact.unionid,
        external_userid=contact.external_userid,
        company=contact.company,
        uscc=contact.uscc,
        remark=contact.remark,
        answers=contact.answers,
    )
    return seals.seal_contact(message.SerializeToString(), item_id)


# There are a few thousand places, and most leads come from a few of them.
@lru_cache(maxsize=REGIONS_REMEMBERED)
def _region(region: Region) -> events_pb2.Region:
    return events_pb2.Region(
        province=region.province,
        city=region.city,
        precision=_PRECISION[region.precision],
        district=region.district,
        code=region.code,
        candidates=region.candidates[:CANDIDATES_MAX],
        is_hint=region.method is Method.HINT,
    )


def _set_source(facts: events_pb2.LeadFacts, inquiry: Inquiry) -> None:
    source = inquiry.source
    if not any((source.form, source.campaign, source.adgroup, source.creative, source.keyword,
                source.click_ids, source.landing_url)):  # fmt: skip
        return
    target = facts.source
    target.form = source.form
    target.campaign = source.campaign
    target.adgroup = source.adgroup
    target.creative = source.creative
    target.keyword = source.keyword
    target.landing_url = source.landing_url
    if source.click_ids:
        target.click_ids.update(source.click_ids)
