"""The sealed messages of the WeChat family: 微信 secure mode, 企业微信 and 钉钉.

SHA-1 of token, timestamp, nonce and ciphertext, sorted; AES-256-CBC of 16 random bytes, length, message and receiver,
padded to 32. A message to another receiver is refused.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from hashlib import sha1
from typing import TYPE_CHECKING, Any

import msgspec
from defusedxml import ElementTree

from lead_intake.verifiers.aes_cbc import NotOpened, opened, sealed
from lead_intake.verifiers.protocol import InvalidSecret, KeyMaterial, Proved, Request
from lead_intake.verifiers.secret_forms import (
    TOKEN_CHARS_MIN,
    active,
    encoding_aes_keys,
    identity,
)
from lead_intake.verifiers.sha1_schemes import is_sha1, is_wx_signed

if TYPE_CHECKING:
    from collections.abc import Mapping

PAD_MAX = 32
RANDOM_BYTES = 16


class WxBizMsg:
    """Proves and opens sealed messages; seals answers.

    `signing` holds tokens, `encryption` EncodingAESKeys, `identity["receive_id"]` the receiver (AppID, CorpID, SuiteID,
    AppKey). Option `envelope`: `xml` (the default) or `json` (钉钉, which calls the signature `signature` too).
    """

    reads: frozenset[bytes] = frozenset()

    def __init__(self, material: KeyMaterial, options: Mapping[str, Any]) -> None:
        self._tokens = active(material.signing, bytes_min=TOKEN_CHARS_MIN)
        self._keys = encoding_aes_keys(material.encryption)
        self._receive_id = identity(material.identity, "receive_id")
        envelope = options.get("envelope", "xml")
        if envelope not in ("xml", "json"):
            raise InvalidSecret("an envelope is xml or json")
        self._is_json = envelope == "json"

    def prove(self, request: Request, *, now_s: float) -> Proved | None:  # noqa: ARG002
        """See `Verifier`; the vendors sign a timestamp but state no window for it."""
        encrypted = _from_json(request.raw) if self._is_json else _from_xml(request.raw)
        if not self._is_signed(request.query, encrypted):
            return None
        try:
            message, receiver = self._opened(encrypted)
        except NotOpened:
            return Proved(request.raw, is_opened=False)
        return Proved(message) if hmac.compare_digest(receiver, self._receive_id) else None

    def echo(self, query: Mapping[str, str]) -> bytes | None:
        """The plaintext of `echostr`, to be read back at an address check; None when it is not for us."""
        encrypted = query["echostr"].encode()
        if not self._is_signed(query, encrypted):
            return None
        message, receiver = self._opened(encrypted)
        return message if hmac.compare_digest(receiver, self._receive_id) else None

    def plain_echo(self, query: Mapping[str, str]) -> bytes | None:
        """`echostr` itself where the address check is signed but not sealed (微信)."""
        return query["echostr"].encode() if is_wx_signed(self._tokens, query) else None

    def answer(self, message: bytes, query: Mapping[str, str], *, random: bytes) -> bytes:
        """A sealed answer as 钉钉 wants it, signed for its request's timestamp and nonce; `random` has 16 bytes."""
        length = len(message).to_bytes(4, "big")
        plain = b"".join((random, length, message, self._receive_id))
        encrypted = base64.b64encode(sealed(self._keys[0], plain, pad_max=PAD_MAX))
        timestamp, nonce = _timestamp(query), query["nonce"]
        parts = sorted((self._tokens[0], timestamp.encode(), nonce.encode(), encrypted))
        envelope = {
            "msg_signature": sha1(b"".join(parts), usedforsecurity=False).hexdigest(),
            "timeStamp": timestamp,
            "nonce": nonce,
            "encrypt": encrypted.decode(),
        }
        return msgspec.json.encode(envelope)

    def _is_signed(self, query: Mapping[str, str], encrypted: bytes) -> bool:
        given = query.get("msg_signature")
        if given is None and self._is_json:
            given = query["signature"]
        if given is None:
            return False
        parts = (_timestamp(query).encode(), query["nonce"].encode(), encrypted)
        signature = given.lower().encode()
        return any(is_sha1(sorted((token, *parts)), signature) for token in self._tokens)

    def _opened(self, encrypted: bytes) -> tuple[bytes, bytes]:
        """The message and its receiver; raises `NotOpened`."""
        try:
            ciphertext = base64.b64decode(encrypted, validate=True)
        except binascii.Error:
            raise NotOpened from None
        plain = opened(self._keys, ciphertext, pad_max=PAD_MAX)
        start = RANDOM_BYTES + 4
        end = start + int.from_bytes(plain[RANDOM_BYTES:start], "big")
        if not start <= end <= len(plain):
            raise NotOpened
        return plain[start:end], plain[end:]


def _timestamp(query: Mapping[str, str]) -> str:
    return query["timestamp"] if "timestamp" in query else query["timeStamp"]


def _from_json(raw: bytes) -> bytes:
    return msgspec.json.decode(raw, type=_Encrypted).encrypt.encode()


def _from_xml(raw: bytes) -> bytes:
    found = ElementTree.fromstring(raw, forbid_dtd=True).findall("Encrypt")
    if len(found) != 1 or not found[0].text:
        raise NotOpened
    return str(found[0].text).strip().encode()


class _Encrypted(msgspec.Struct):
    encrypt: str
