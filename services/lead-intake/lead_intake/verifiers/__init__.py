"""The closed set of proofs of origin; each works on the raw bytes, in constant time, and fails closed.

A channel file names a kind and its options; an account brings the key material. Making a verifier from material that is
missing or weak raises `InvalidSecret`; whatever a verifier raises on a request is no proof.

| kind | secrets | identity | options | body covered | time signed |
|---|---|---|---|---|---|
| hub256 | signing | | | yes | no |
| standard_webhooks, email_gateway | signing (base64) | | | yes | yes |
| douyin_sha1 | signing | | | yes | no |
| jdy_sha1 | signing | | | yes | no window known |
| esign | signing | app_id? | | yes | no window known |
| wx_signature | signing (token) | | | **no** | no |
| wx_biz_msg | signing (token), encryption | receive_id | envelope: xml, json | yes | no window known |
| tencent_meeting | signing (token), encryption? | | | yes | no window known |
| lark | encryption, verify_token? | app_id? | | yes | yes |
| wxpay_v3 | encryption (APIv3 key), public_keys | mch_id? | | yes | yes |
| alipay_rsa2 | public_keys | app_id?, seller_id? | | yes | no |
| shared_token | signing unless in: path | ip_allow? | in, name, ip_allow | **no** | no |
| oauth2_bearer | signing | client_id | | **no** (TLS) | expiry |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lead_intake.verifiers.hmac_schemes import Esign, Hub256, StandardWebhooks
from lead_intake.verifiers.lark import Lark
from lead_intake.verifiers.oauth2_bearer import Oauth2Bearer
from lead_intake.verifiers.rsa_schemes import AlipayRsa2, WxpayV3
from lead_intake.verifiers.sha1_schemes import DouyinSha1, JdySha1, TencentMeeting, WxSignature
from lead_intake.verifiers.shared_token import SharedToken
from lead_intake.verifiers.wx_biz_msg import WxBizMsg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lead_intake.verifiers.protocol import KeyMaterial, Verifier

    VerifierFactory = Callable[[KeyMaterial, Mapping[str, Any]], Verifier]

VERIFIERS: Final[Mapping[str, VerifierFactory]] = {
    "hub256": lambda material, _: Hub256(material),
    "standard_webhooks": lambda material, _: StandardWebhooks(material),
    "email_gateway": lambda material, _: StandardWebhooks(material),
    "douyin_sha1": lambda material, _: DouyinSha1(material),
    "jdy_sha1": lambda material, _: JdySha1(material),
    "esign": lambda material, _: Esign(material),
    "wx_signature": lambda material, _: WxSignature(material),
    "wx_biz_msg": WxBizMsg,
    "tencent_meeting": lambda material, _: TencentMeeting(material),
    "lark": lambda material, _: Lark(material),
    "wxpay_v3": lambda material, _: WxpayV3(material),
    "alipay_rsa2": lambda material, _: AlipayRsa2(material),
    "shared_token": SharedToken,
    "oauth2_bearer": lambda material, _: Oauth2Bearer(material),
}
"""How a verifier is made, by the kind that a channel file names."""
