"""Proofs by RSA-SHA256 under a vendor's public key: 微信支付 v3 and 支付宝. Keys are parsed once, at opening."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from lead_intake.verifiers.hmac_schemes import is_fresh
from lead_intake.verifiers.protocol import InvalidSecret, KeyMaterial, Proved, Request
from lead_intake.verifiers.secret_forms import active

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RSA_BITS_MIN = 2048
PUBLIC_KEYS_MAX = 4
FORM_FIELDS_MAX = 200
API_V3_KEY_BYTES = 32

WXPAY_SERIAL: Final = b"wechatpay-serial"
WXPAY_TIMESTAMP: Final = b"wechatpay-timestamp"
WXPAY_NONCE: Final = b"wechatpay-nonce"
WXPAY_SIGNATURE: Final = b"wechatpay-signature"


class WxpayV3:
    """微信支付 v3: RSA-SHA256 of timestamp, nonce and body by the key that the serial names; the time may be 300 s off.

    `encryption` holds APIv3 keys of 32 bytes, `public_keys` PEM of public keys or certificates by serial. The body to
    keep is `{"envelope": ..., "resource": ...}`, byte for byte as signed and as decrypted. With `identity["mch_id"]` a
    resource that names another merchant is refused.
    """

    reads = frozenset({WXPAY_SERIAL, WXPAY_TIMESTAMP, WXPAY_NONCE, WXPAY_SIGNATURE})

    def __init__(self, material: KeyMaterial) -> None:
        secrets = active(material.encryption, bytes_min=API_V3_KEY_BYTES)
        if any(len(secret) != API_V3_KEY_BYTES for secret in secrets):
            raise InvalidSecret("an APIv3 key has 32 bytes")
        self._ciphers = tuple(AESGCM(secret) for secret in secrets)
        self._keys = public_keys(material.public_keys)
        self._mch_id = material.identity.get("mch_id", "")

    def prove(self, request: Request, *, now_s: float) -> Proved | None:
        """See `Verifier`."""
        headers = request.headers
        timestamp = headers[WXPAY_TIMESTAMP]
        key = self._keys.get(headers[WXPAY_SERIAL].decode("ascii"))
        if key is None or not is_fresh(timestamp, now_s):
            return None
        signed = b"%b\n%b\n%b\n" % (timestamp, headers[WXPAY_NONCE], request.raw)
        signature = base64.b64decode(headers[WXPAY_SIGNATURE], validate=True)
        if not is_rsa_signed((key,), signed, signature):
            return None
        resource = self._opened(request.raw)
        if resource is None:
            return Proved(request.raw, is_opened=False)
        if not self._is_ours(resource):
            return None
        return Proved(b'{"envelope":%b,"resource":%b}' % (request.raw, resource))

    def _opened(self, raw: bytes) -> bytes | None:
        try:
            resource = msgspec.json.decode(raw, type=_Notice).resource
            ciphertext = base64.b64decode(resource.ciphertext, validate=True)
        except (ValueError, binascii.Error):
            return None
        if resource.algorithm != "AEAD_AES_256_GCM" or not 8 <= len(resource.nonce) <= 128:
            return None
        for cipher in self._ciphers:
            try:
                context = resource.associated_data.encode()
                return cipher.decrypt(resource.nonce.encode(), ciphertext, context)
            except InvalidTag:
                continue
        return None

    def _is_ours(self, resource: bytes) -> bool:
        try:
            named = msgspec.json.decode(resource, type=_Merchant)
        except msgspec.ValidationError:
            return not self._mch_id
        except (ValueError, RecursionError):
            # It is no JSON that anybody could read; the door refuses it by its structure.
            return True
        mch_id = named.sp_mchid or named.mchid
        return not (mch_id and self._mch_id) or hmac.compare_digest(
            mch_id.encode(), self._mch_id.encode()
        )


class AlipayRsa2:
    """支付宝: RSA-SHA256 of the form's fields `name=value`, sorted, without `sign` and (mostly) `sign_type`.

    `public_keys` holds PEM or the vendor's bare base64, at most four, under any name. With `identity["app_id"]` the
    notice must name that application, with `identity["seller_id"]` that seller where it names one. A field that is
    there twice is refused. No fresh time is signed.
    """

    reads: frozenset[bytes] = frozenset()

    def __init__(self, material: KeyMaterial) -> None:
        self._keys = tuple(public_keys(material.public_keys).values())
        self._app_id = material.identity.get("app_id", "").encode()
        self._seller_id = material.identity.get("seller_id", "").encode()

    def prove(self, request: Request, *, now_s: float) -> Proved | None:  # noqa: ARG002
        """See `Verifier`."""
        fields = _form(request.raw)
        signature = base64.b64decode(fields.pop(b"sign"), validate=True)
        if fields.get(b"sign_type", b"RSA2") != b"RSA2" or not self._is_ours(fields):
            return None
        if any(is_rsa_signed(self._keys, signed, signature) for signed in _signed_forms(fields)):
            return Proved(request.raw)
        return None

    def _is_ours(self, fields: Mapping[bytes, bytes]) -> bool:
        seller_id = fields.get(b"seller_id", self._seller_id)
        is_seller = not self._seller_id or hmac.compare_digest(seller_id, self._seller_id)
        is_app = not self._app_id or hmac.compare_digest(fields[b"app_id"], self._app_id)
        return is_app and is_seller


def public_keys(pem_by_serial: Mapping[str, str]) -> dict[str, RSAPublicKey]:
    """The parsed keys by serial; raises `InvalidSecret` unless there are 1 to 4, each RSA of 2,048 bits or more."""
    if not 0 < len(pem_by_serial) <= PUBLIC_KEYS_MAX:
        raise InvalidSecret(f"1 to {PUBLIC_KEYS_MAX} public keys are needed")
    return {serial: _public_key(pem) for serial, pem in pem_by_serial.items()}


def is_rsa_signed(keys: Sequence[RSAPublicKey], signed: bytes, signature: bytes) -> bool:
    """Whether one of the keys made the signature (PKCS #1 v1.5, SHA-256)."""
    for key in keys:
        try:
            key.verify(signature, signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            continue
        return True
    return False


def _public_key(pem: str) -> RSAPublicKey:
    if "-----" not in pem:
        pem = f"-----BEGIN PUBLIC KEY-----\n{pem.strip()}\n-----END PUBLIC KEY-----\n"
    try:
        is_certificate = "BEGIN CERTIFICATE" in pem
        encoded = pem.encode()
        key: object = (
            load_pem_x509_certificate(encoded).public_key()
            if is_certificate
            else load_pem_public_key(encoded)
        )
    except ValueError as error:
        raise InvalidSecret("a public key is not PEM") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise InvalidSecret(f"a public key is not RSA of {RSA_BITS_MIN} bits or more")
    return key


def _form(raw: bytes) -> dict[bytes, bytes]:
    """The fields of a form as bytes, so that its charset does not matter; raises ValueError."""
    pairs = raw.split(b"&", FORM_FIELDS_MAX)
    fields: dict[bytes, bytes] = {}
    for pair in pairs:
        name, _, value = pair.replace(b"+", b" ").partition(b"=")
        fields[unquote_to_bytes(name)] = unquote_to_bytes(value)
    if len(fields) != len(pairs) or len(pairs) > FORM_FIELDS_MAX:
        raise ValueError("a form with a field twice, or too many fields")
    return fields


def _signed_forms(fields: Mapping[bytes, bytes]) -> Iterable[bytes]:
    """What the vendor may have signed: the fields without `sign_type`, or with it in some notices."""
    yield _joined({name: value for name, value in fields.items() if name != b"sign_type"})
    if b"sign_type" in fields:
        yield _joined(fields)


def _joined(fields: Mapping[bytes, bytes]) -> bytes:
    return b"&".join(b"%b=%b" % pair for pair in sorted(fields.items()))


class _Resource(msgspec.Struct):
    algorithm: str
    ciphertext: str
    nonce: str
    associated_data: str = ""


class _Notice(msgspec.Struct):
    resource: _Resource


class _Merchant(msgspec.Struct):
    mchid: str = ""
    sp_mchid: str = ""
