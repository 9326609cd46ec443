"""Proofs computed by hand: published figures, and what an account must bring before anything is proved."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.accounts import Secrets, verifier_for
from lead_intake.channels.channel_files import compile_channel
from lead_intake.verifiers import VERIFIERS
from lead_intake.verifiers.aes_cbc import NotOpened, opened, opened_with_iv, sealed
from lead_intake.verifiers.protocol import InvalidSecret, KeyMaterial, Request
from lead_intake.verifiers.sha1_schemes import is_wx_signed
from leadctl.fakes.signing import SenderKeys, sign

if TYPE_CHECKING:
    from lead_intake.verifiers.protocol import Verifier

SECRET = "a-secret-of-this-test-0123456789"
AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
NOW_S = 1_769_328_000


def verifier(kind: str, material: KeyMaterial, **options: Any) -> Verifier:
    return VERIFIERS[kind](material, options)


def test_the_signature_that_wechats_users_publish_is_right() -> None:
    query = {
        "signature": "f21891de399b4e33a1a93c9a7b8a8fffb5a443ff",
        "timestamp": "1410685589",
        "nonce": "test",
    }

    assert is_wx_signed((b"test",), query)
    assert not is_wx_signed((b"tesT",), query)


def test_several_signatures_of_standard_webhooks_are_looked_at_but_not_endlessly_many() -> None:
    key = bytes(range(24))
    proof = verifier("standard_webhooks", KeyMaterial(signing=(base64.b64encode(key).decode(),)))
    mac = hmac.new(key, b"msg_1.%d.{}" % NOW_S, hashlib.sha256).digest()
    right = b"v1," + base64.b64encode(mac)

    def is_right(signatures: bytes) -> bool:
        headers = {
            b"webhook-id": b"msg_1",
            b"webhook-timestamp": str(NOW_S).encode(),
            b"webhook-signature": signatures,
        }
        return proof.prove(Request(b"{}", headers, {}), now_s=NOW_S) is not None

    assert is_right(right)
    assert is_right(b"v1a,eA== v1,eA== v2,x " + right)
    assert not is_right(b"v1,eA== " * 8 + right)
    assert not is_right(b"v1")
    assert not is_right(b"")


def test_several_values_of_esigns_query_are_signed_in_the_order_of_their_names() -> None:
    proof = verifier("esign", KeyMaterial(signing=(SECRET,)))
    mac = hmac.new(SECRET.encode(), b"1713508339505" + b"oneTWO" + b"{}", hashlib.sha256)
    headers = {
        b"x-tsign-open-timestamp": b"1713508339505",
        b"x-tsign-open-signature-algorithm": b"hmac-sha256",
        b"x-tsign-open-signature": mac.hexdigest().encode(),
    }

    assert proof.prove(Request(b"{}", headers, {"z": "TWO", "a": "one"}), now_s=0)
    assert not proof.prove(Request(b"{}", headers, {"z": "one", "a": "TWO"}), now_s=0)


def test_jiandaoyun_signs_nonce_body_secret_and_time() -> None:
    proof = verifier("jdy_sha1", KeyMaterial(signing=(SECRET,)))
    text = b"0f5ade:{}:%b:1498586609" % SECRET.encode()
    headers = {b"x-jdy-signature": hashlib.sha1(text).hexdigest().encode()}  # noqa: S324
    query = {"nonce": "0f5ade", "timestamp": "1498586609"}

    assert proof.prove(Request(b"{}", headers, query), now_s=0)
    assert not proof.prove(Request(b"{}", headers, {**query, "nonce": "0f5adf"}), now_s=0)


def _pem(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


SHORT_RSA = _pem(
    rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505 - to be refused
)
CURVE = _pem(ec.generate_private_key(ec.SECP256R1()).public_key())


@pytest.mark.parametrize(
    ("kind", "material", "options"),
    [
        *((kind, KeyMaterial(), {}) for kind in sorted(VERIFIERS) if kind != "shared_token"),
        *(
            (kind, KeyMaterial(signing=("short",)), {})
            for kind in ("hub256", "douyin_sha1", "jdy_sha1", "esign", "wx_signature", "oauth2_bearer")
        ),
        ("hub256", KeyMaterial(signing=(SECRET,) * 3), {}),
        ("standard_webhooks", KeyMaterial(signing=("whsec_%",)), {}),
        ("standard_webhooks", KeyMaterial(signing=("whsec_QQ==",)), {}),
        ("wx_biz_msg", KeyMaterial(signing=("token",), encryption=(AES_KEY,)), {}),
        ("wx_biz_msg", KeyMaterial(("token",), (AES_KEY[:-1],), identity={"receive_id": "x"}), {}),
        ("wx_biz_msg", KeyMaterial(("token",), (AES_KEY,), identity={"receive_id": "x"}),
         {"envelope": "yaml"}),
        ("wxpay_v3", KeyMaterial(encryption=("x" * 31,), public_keys={"a": CURVE}), {}),
        ("wxpay_v3", KeyMaterial(encryption=("x" * 32,), public_keys={}), {}),
        ("alipay_rsa2", KeyMaterial(public_keys={"a": "no key"}), {}),
        ("alipay_rsa2", KeyMaterial(public_keys={"a": SHORT_RSA}), {}),
        ("alipay_rsa2", KeyMaterial(public_keys={"a": CURVE}), {}),
        ("shared_token", KeyMaterial(), {"in": "header", "name": "x"}),
        ("shared_token", KeyMaterial(signing=(SECRET,)), {"in": "header"}),
        ("shared_token", KeyMaterial(signing=(SECRET,)), {"in": "cookie", "name": "x"}),
        ("shared_token", KeyMaterial(), {"ip_allow": ["everywhere"]}),
    ],
)  # fmt: skip
def test_nothing_is_proved_with_material_that_is_missing_or_weak(
    kind: str, material: KeyMaterial, options: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    with pytest.raises(InvalidSecret) as refused:
        verifier(kind, material, **options)

    assert SECRET not in str(refused.value)


@given(st.binary(max_size=200), st.sampled_from([16, 32]))
def test_what_was_padded_is_opened_again(plain: bytes, pad_max: int) -> None:
    key = bytes(range(32))

    assert opened(key, sealed(key, plain, pad_max=pad_max), pad_max=pad_max) == plain


@pytest.mark.parametrize("kind", ["wx_biz_msg", "tencent_meeting", "lark"])
def test_an_old_key_opens_every_message_although_the_new_one_is_tried_first(kind: str) -> None:
    old, new = keys_named("old"), keys_named("new")
    material = KeyMaterial(
        signing=(new.signing, old.signing),
        encryption=(new.encryption, old.encryption),
        identity={"receive_id": "corp"},
    )
    proof = verifier(kind, material)

    for number in range(600):
        body = b'{"n":%d}' % number
        signed = sign(kind, body, old, at_s=NOW_S)
        headers = {name.encode(): value.encode() for name, value in signed.headers.items()}
        proved = proof.prove(Request(signed.raw, headers, signed.query), now_s=NOW_S)
        assert proved == (body, True)


def keys_named(name: str) -> SenderKeys:
    digest = hashlib.sha256(name.encode()).digest()
    encryption = base64.b64encode(digest).decode().rstrip("=")
    return SenderKeys(digest.hex(), encryption, identity={"receive_id": "corp"})


@given(st.binary(max_size=120))
def test_any_bytes_are_opened_or_refused_with_the_one_error(ciphertext: bytes) -> None:
    key = bytes(range(32))

    for attempt in (
        lambda: opened(key, ciphertext, pad_max=32),
        lambda: opened_with_iv(key, ciphertext),
    ):
        try:
            attempt()
        except NotOpened as error:
            assert not error.args  # noqa: PT017 - there must be one error for everything


@given(
    kind=st.sampled_from(sorted(VERIFIERS)),
    raw=st.binary(max_size=200) | st.sampled_from([b"{}", b'{"encrypt":"eA=="}', b"sign=eA=="]),
    values=st.lists(st.binary(max_size=40), min_size=8, max_size=8),
    texts=st.lists(st.text(max_size=20), min_size=6, max_size=6),
)
def test_nothing_that_is_made_up_is_proved(
    kind: str, raw: bytes, values: list[bytes], texts: list[str]
) -> None:
    proof = EVERY[kind]
    headers = dict(zip(sorted(proof.reads), values, strict=False))
    names = ("signature", "msg_signature", "timestamp", "nonce", "token", "echostr")
    request = Request(raw, headers, dict(zip(names, texts, strict=True)), "127.0.0.1")

    assert _proves_nothing(proof, request)


def _proves_nothing(proof: Verifier, request: Request) -> bool:
    try:
        return proof.prove(request, now_s=NOW_S) is None
    except Exception:  # noqa: BLE001 - a verifier may raise on anything of a wrong form
        return True


def _every() -> dict[str, Verifier]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = KeyMaterial(
        signing=(SECRET,),
        encryption=(AES_KEY,),
        identity={"receive_id": "x", "client_id": "x"},
        public_keys={"a": _pem(private.public_key())},
    )
    own = {
        "standard_webhooks": KeyMaterial(signing=(base64.b64encode(bytes(24)).decode(),)),
        "email_gateway": KeyMaterial(signing=(base64.b64encode(bytes(24)).decode(),)),
        "wxpay_v3": KeyMaterial(encryption=("x" * 32,), public_keys=plain.public_keys),
    }
    options = {"shared_token": {"in": "query", "name": "token"}}
    return {
        kind: make(own.get(kind, plain), options.get(kind, {})) for kind, make in VERIFIERS.items()
    }


EVERY = _every()


def test_a_verifier_says_nothing_of_its_secrets(case: Any) -> None:
    keys = case.keys("main")
    secrets = Secrets(
        signing=(keys.signing,) if keys.signing else (),
        encryption=(keys.encryption,) if keys.encryption else (),
        identity=dict(keys.identity),
        public_keys=keys.public_pem(),
    )

    made = verifier_for(compile_channel(case.document()), "main", secrets)

    shown = f"{made!r} {made} {secrets!r}"
    assert not any(held and held in shown for held in (keys.signing, keys.encryption))
