"""The sealed messages of the WeChat family: 微信 secure mode, 企业微信 and 钉钉.

SHA-1 of token, timestamp, nonce and ciphertext, sorted; AES-256-CBC of 16 random bytes, length, message and receiver,
padded to 32. A message to another receiver is refused.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from hashlib import sha1
from typing import TYPE_CHECKING, Any, NamedTuple

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


class _Opened(NamedTuple):
    """A message, its receiver, and the key that opened it."""

    key: bytes
    message: bytes
    receiver: bytes


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
        if self._token_of(request.query, encrypted) is None:
            return None
        try:
            found = self._opened(encrypted)
        except NotOpened:
            return Proved(request.raw, is_opened=False)
        return Proved(found.message) if self._is_for_us(found) else None

    def echo(self, query: Mapping[str, str]) -> bytes | None:
        """The plaintext of `echostr`, to be read back at an address check; None when it is not for us."""
        encrypted = query["echostr"].encode()
        if self._token_of(query, encrypted) is None:
            return None
        found = self._opened(encrypted)
        return found.message if self._is_for_us(found) else None

    def plain_echo(self, query: Mapping[str, str]) -> bytes | None:
        """`echostr` itself where the address check is signed but not sealed (微信)."""
        return query["echostr"].encode() if is_wx_signed(self._tokens, query) else None

    def answer(self, message: bytes, request: Request, *, random: bytes) -> bytes:
        """A sealed answer to a proved request as 钉钉 wants it; `random` has 16 bytes.

        It is signed for the request's timestamp and nonce, under the token and the key that the vendor itself used.
        """
        token, key = self._used_in(request)
        length = len(message).to_bytes(4, "big")
        plain = b"".join((random, length, message, self._receive_id))
        encrypted = base64.b64encode(sealed(key, plain, pad_max=PAD_MAX))
        timestamp, nonce = _timestamp(request.query), request.query["nonce"]
        parts = sorted((token, timestamp.encode(), nonce.encode(), encrypted))
        envelope = {
            "msg_signature": sha1(b"".join(parts), usedforsecurity=False).hexdigest(),
            "timeStamp": timestamp,
            "nonce": nonce,
            "encrypt": encrypted.decode(),
        }
        return msgspec.json.encode(envelope)

    def _used_in(self, request: Request) -> tuple[bytes, bytes]:
        """Token and key of the request; the newest where it does not tell."""
        encrypted = _from_json(request.raw)
        token = self._token_of(request.query, encrypted) or self._tokens[0]
        try:
            return token, self._opened(encrypted).key
        except NotOpened:
            return token, self._keys[0]

    def _is_for_us(self, found: _Opened) -> bool:
        return hmac.compare_digest(found.receiver, self._receive_id)

    def _token_of(self, query: Mapping[str, str], encrypted: bytes) -> bytes | None:
        """The token that the request is signed with; None when it is none of ours."""
        given = query.get("msg_signature")
        if given is None and self._is_json:
            given = query["signature"]
        if given is None:
            return None
        parts = (_timestamp(query).encode(), query["nonce"].encode(), encrypted)
        signature = given.lower().encode()
        for token in self._tokens:
            if is_sha1(sorted((token, *parts)), signature):
                return token
        return None

    def _opened(self, encrypted: bytes) -> _Opened:
        """What the text holds; raises `NotOpened` when no key opens it to a message."""
        try:
            ciphertext = base64.b64decode(encrypted, validate=True)
        except binascii.Error:
            raise NotOpened from None
        for key in self._keys:
            try:
                return _read(key, opened(key, ciphertext, pad_max=PAD_MAX))
            except NotOpened:
                continue
        raise NotOpened


def _read(key: bytes, plain: bytes) -> _Opened:
    start = RANDOM_BYTES + 4
    end = start + int.from_bytes(plain[RANDOM_BYTES:start], "big")
    if not start <= end <= len(plain):
        raise NotOpened
    return _Opened(key, plain[start:end], plain[end:])


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
