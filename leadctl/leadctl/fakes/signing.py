"""Signs deliveries as each vendor does, for tests of channels and for fake vendors.

Written from the vendors' descriptions and on purpose not from the verifiers: what one side gets wrong, the other finds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric import rsa

JSON = "application/json"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
XML = "text/xml"
MESSAGE = "message/rfc822"


@dataclass(frozen=True)
class SenderKeys:
    """What the sender's side of an account holds; the fields are those of an account's secrets."""

    signing: str = ""
    encryption: str = ""
    verify_token: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)
    private_key: rsa.RSAPrivateKey | None = None
    serial: str = ""
    bearer: str = ""

    def public_pem(self) -> dict[str, str]:
        """The public key by serial, as an account keeps it; empty without a private one."""
        if self.private_key is None:
            return {}
        pem = self.private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {self.serial: pem.decode()}


@dataclass(frozen=True)
class Signed:
    """One request, ready to be sent."""

    raw: bytes
    headers: dict[str, str]
    query: dict[str, str] = field(default_factory=dict)


def sign(
    kind: str,
    body: bytes,
    keys: SenderKeys,
    *,
    at_s: float,
    options: Mapping[str, Any] | None = None,
) -> Signed:
    """The request that a sender of this verifier kind makes of `body` at a time in epoch seconds.

    `options` are those of the channel file's `verify`. Raises KeyError for an unknown kind.
    """
    return SIGNERS[kind](body, keys, at_s, options or {})


def _standard_webhooks(
    body: bytes, keys: SenderKeys, at_s: float, options: Mapping[str, Any]
) -> Signed:
    message_id, timestamp = f"msg_{uuid4().hex}", str(int(at_s))
    secret = base64.b64decode(keys.signing.removeprefix("whsec_"))
    mac = hmac.new(secret, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(mac.digest()).decode()}",
        "content-type": str(options.get("content_type", JSON)),
    }
    return Signed(body, headers)


def _email_gateway(
    body: bytes, keys: SenderKeys, at_s: float, options: Mapping[str, Any]
) -> Signed:
    return _standard_webhooks(body, keys, at_s, {"content_type": MESSAGE, **options})


def _hub256(body: bytes, keys: SenderKeys, _at_s: float, _options: Mapping[str, Any]) -> Signed:
    mac = hmac.new(keys.signing.encode(), body, hashlib.sha256).hexdigest()
    return Signed(body, {"x-hub-signature-256": f"sha256={mac}", "content-type": JSON})


def _douyin(body: bytes, keys: SenderKeys, _at_s: float, _options: Mapping[str, Any]) -> Signed:
    signature = _sha1(keys.signing.encode() + body)
    headers = {"x-douyin-signature": signature, "msg-id": uuid4().hex, "content-type": JSON}
    return Signed(body, headers)


def _jdy(body: bytes, keys: SenderKeys, at_s: float, _options: Mapping[str, Any]) -> Signed:
    query = {"timestamp": str(int(at_s)), "nonce": uuid4().hex[:6]}
    content = b":".join(
        (query["nonce"].encode(), body, keys.signing.encode(), query["timestamp"].encode())
    )
    headers = {"x-jdy-signature": _sha1(content), "x-jdy-deliverid": str(uuid4())}
    return Signed(body, {**headers, "content-type": JSON}, query)


def _esign(body: bytes, keys: SenderKeys, at_s: float, options: Mapping[str, Any]) -> Signed:
    query = {str(name): str(value) for name, value in options.get("query", {}).items()}
    timestamp = str(int(at_s * 1000))
    values = "".join(value for _, value in sorted(query.items()))
    mac = hmac.new(keys.signing.encode(), timestamp.encode(), hashlib.sha256)
    mac.update(values.encode())
    mac.update(body)
    headers = {
        "x-tsign-open-app-id": keys.identity.get("app_id", ""),
        "x-tsign-open-timestamp": timestamp,
        "x-tsign-open-signature-algorithm": "hmac-sha256",
        "x-tsign-open-signature": mac.hexdigest(),
        "content-type": JSON,
    }
    return Signed(body, headers, query)


def _wx_signature(
    body: bytes, keys: SenderKeys, at_s: float, _options: Mapping[str, Any]
) -> Signed:
    return Signed(body, {"content-type": XML}, wx_query(keys.signing, at_s))


def _wx_biz_msg(body: bytes, keys: SenderKeys, at_s: float, options: Mapping[str, Any]) -> Signed:
    encrypted = wx_encrypt(body, keys.encryption, keys.identity["receive_id"])
    query = wx_query(keys.signing, at_s, encrypted, name="msg_signature")
    if options.get("envelope") == "json":
        return Signed(json.dumps({"encrypt": encrypted}).encode(), {"content-type": JSON}, query)
    receiver = keys.identity["receive_id"]
    envelope = (
        f"<xml><ToUserName><![CDATA[{receiver}]]></ToUserName>"
        f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    )
    return Signed(envelope.encode(), {"content-type": XML}, query)


def _tencent_meeting(
    body: bytes, keys: SenderKeys, at_s: float, _options: Mapping[str, Any]
) -> Signed:
    if keys.encryption:
        data = base64.b64encode(_aes_43(body, keys.encryption)).decode()
    else:
        data = base64.b64encode(body).decode()
    headers = tencent_headers(keys.signing, at_s, data)
    return Signed(json.dumps({"data": data}).encode(), {**headers, "content-type": JSON})


def _lark(body: bytes, keys: SenderKeys, at_s: float, _options: Mapping[str, Any]) -> Signed:
    raw = lark_envelope(body, keys.encryption)
    timestamp, nonce = str(int(at_s)), uuid4().hex[:10]
    signed = (timestamp + nonce + keys.encryption).encode() + raw
    headers = {
        "x-lark-request-timestamp": timestamp,
        "x-lark-request-nonce": nonce,
        "x-lark-signature": hashlib.sha256(signed).hexdigest(),
        "content-type": JSON,
    }
    return Signed(raw, headers)


def _wxpay(body: bytes, keys: SenderKeys, at_s: float, _options: Mapping[str, Any]) -> Signed:
    """`body` is the resource; the notice around it is made here."""
    nonce, context = uuid4().hex[:12], "transaction"
    cipher = AESGCM(keys.encryption.encode())
    ciphertext = cipher.encrypt(nonce.encode(), body, context.encode())
    resource = {
        "original_type": "transaction",
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(ciphertext).decode(),
        "associated_data": context,
        "nonce": nonce,
    }
    notice = {
        "id": f"EV-{hashlib.sha256(body).hexdigest()[:20]}",
        "create_time": "2026-01-25T13:29:35+08:00",
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
        "resource": resource,
    }
    raw = json.dumps(notice, ensure_ascii=False).encode()
    return Signed(raw, wxpay_headers(raw, keys, at_s))


def _alipay(body: bytes, keys: SenderKeys, _at_s: float, _options: Mapping[str, Any]) -> Signed:
    """`body` is an urlencoded form without `sign` and `sign_type`."""
    fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
    content = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    signature = base64.b64encode(_rsa(keys, content.encode())).decode()
    raw = urlencode({**fields, "sign": signature, "sign_type": "RSA2"}).encode()
    return Signed(raw, {"content-type": FORM})


def _shared_token(
    body: bytes, keys: SenderKeys, _at_s: float, options: Mapping[str, Any]
) -> Signed:
    headers, query, name = {"content-type": JSON}, {}, str(options.get("name", ""))
    match options.get("in", "path"):
        case "header":
            headers[name] = keys.signing
        case "query":
            query[name] = keys.signing
        case "body":
            document = json.loads(body)
            *outer, last = name.split(".")
            place = document
            for step in outer:
                place = place.setdefault(step, {})
            place[last] = keys.signing
            body = json.dumps(document, ensure_ascii=False).encode()
    return Signed(body, headers, query)


def _oauth2_bearer(
    body: bytes, keys: SenderKeys, _at_s: float, _options: Mapping[str, Any]
) -> Signed:
    """`bearer` is a token that the token endpoint gave."""
    return Signed(body, {"authorization": f"Bearer {keys.bearer}", "content-type": JSON})


def wx_query(
    token: str, at_s: float, encrypted: str = "", *, name: str = "signature"
) -> dict[str, str]:
    """The query of the WeChat family: SHA-1 of token, timestamp, nonce and what is encrypted, sorted."""
    timestamp, nonce = str(int(at_s)), uuid4().hex[:10]
    parts = sorted(part for part in (token, timestamp, nonce, encrypted) if part)
    return {name: _sha1("".join(parts).encode()), "timestamp": timestamp, "nonce": nonce}


def wx_encrypt(message: bytes, encoding_aes_key: str, receive_id: str) -> str:
    """A message sealed for its receiver."""
    content = os.urandom(16) + struct.pack(">I", len(message)) + message + receive_id.encode()
    return base64.b64encode(_aes_43(content, encoding_aes_key)).decode()


def wx_decrypt(encrypted: str, encoding_aes_key: str) -> tuple[bytes, str]:
    """The message and the receiver in a sealed one."""
    key = base64.b64decode(encoding_aes_key + "=")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    padded = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
    content = padded[16 : len(padded) - padded[-1]]
    (length,) = struct.unpack(">I", content[:4])
    return content[4 : 4 + length], content[4 + length :].decode()


def tencent_headers(token: str, at_s: float, data: str) -> dict[str, str]:
    """The headers of 腾讯会议 for its data, or for the string of its address check."""
    timestamp, nonce = str(int(at_s * 1000)), str(int.from_bytes(os.urandom(3), "big"))
    signature = _sha1("".join(sorted((token, timestamp, nonce, data))).encode())
    return {"timestamp": timestamp, "nonce": nonce, "signature": signature}


def lark_envelope(body: bytes, encrypt_key: str) -> bytes:
    """A body sealed as 飞书 does."""
    iv = os.urandom(16)
    encryptor = Cipher(
        algorithms.AES(hashlib.sha256(encrypt_key.encode()).digest()), modes.CBC(iv)
    ).encryptor()
    padder = padding.PKCS7(128).padder()
    padded = padder.update(body) + padder.finalize()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    return json.dumps({"encrypt": base64.b64encode(iv + ciphertext).decode()}).encode()


def wxpay_headers(raw: bytes, keys: SenderKeys, at_s: float) -> dict[str, str]:
    """The headers of 微信支付 for exactly these bytes."""
    timestamp, nonce = str(int(at_s)), uuid4().hex
    signature = _rsa(keys, f"{timestamp}\n{nonce}\n".encode() + raw + b"\n")
    return {
        "wechatpay-serial": keys.serial,
        "wechatpay-timestamp": timestamp,
        "wechatpay-nonce": nonce,
        "wechatpay-signature": base64.b64encode(signature).decode(),
        "content-type": JSON,
    }


def _aes_43(content: bytes, encoding_aes_key: str) -> bytes:
    key = base64.b64decode(encoding_aes_key + "=")
    padder = padding.PKCS7(256).padder()
    padded = padder.update(content) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def _rsa(keys: SenderKeys, content: bytes) -> bytes:
    assert keys.private_key is not None, "this scheme signs with a private key"
    return keys.private_key.sign(content, PKCS1v15(), hashes.SHA256())


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


SIGNERS: Final[Mapping[str, Callable[[bytes, SenderKeys, float, Mapping[str, Any]], Signed]]] = {
    "alipay_rsa2": _alipay,
    "douyin_sha1": _douyin,
    "email_gateway": _email_gateway,
    "esign": _esign,
    "hub256": _hub256,
    "jdy_sha1": _jdy,
    "lark": _lark,
    "oauth2_bearer": _oauth2_bearer,
    "shared_token": _shared_token,
    "standard_webhooks": _standard_webhooks,
    "tencent_meeting": _tencent_meeting,
    "wx_biz_msg": _wx_biz_msg,
    "wx_signature": _wx_signature,
    "wxpay_v3": _wxpay,
}
"""One signer for each verifier kind."""
