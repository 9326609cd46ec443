"""飞书: SHA-256 of timestamp, nonce, encrypt key and body; the body AES-256-CBC under the SHA-256 of that key."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from typing import Final

import msgspec

from lead_intake.verifiers.aes_cbc import NotOpened, opened_with_iv
from lead_intake.verifiers.hmac_schemes import is_fresh
from lead_intake.verifiers.protocol import KeyMaterial, Proved, Request
from lead_intake.verifiers.secret_forms import active

LARK_TIMESTAMP: Final = b"x-lark-request-timestamp"
LARK_NONCE: Final = b"x-lark-request-nonce"
LARK_SIGNATURE: Final = b"x-lark-signature"


class Lark:
    """Proves and opens 飞书 events; the time is signed and may be 300 s off.

    `encryption` holds encrypt keys, without which nothing is proved. With `identity["app_id"]` an event must name that
    application, with `verify_token` it must carry that token.
    """

    reads = frozenset({LARK_TIMESTAMP, LARK_NONCE, LARK_SIGNATURE})

    def __init__(self, material: KeyMaterial) -> None:
        self._secrets = active(material.encryption)
        self._keys = tuple(sha256(secret).digest() for secret in self._secrets)
        self._app_id = material.identity.get("app_id", "")
        self._token = material.verify_token

    def prove(self, request: Request, *, now_s: float) -> Proved | None:
        """See `Verifier`."""
        key = self._key_of(request, now_s)
        if key is None:
            return None
        try:
            body = opened_with_iv(key, _encrypted(request.raw))
        except (ValueError, NotOpened):
            return Proved(request.raw, is_opened=False)
        return Proved(body) if self._is_ours(body) else None

    def challenge(self, raw: bytes) -> str | None:
        """The challenge of an address check that carries our token; None when the body is none.

        The vendor does not sign its check; whoever sends it has the encrypt key and the token. Raises on other bodies.
        """
        asked = self._check(_encrypted(raw))
        if asked.type != "url_verification" or not asked.challenge:
            return None
        is_ours = hmac.compare_digest(asked.token.encode(), self._token.encode())
        return asked.challenge if is_ours and self._token else None

    def _is_ours(self, body: bytes) -> bool:
        try:
            header = msgspec.json.decode(body, type=_Event).header
        except msgspec.ValidationError:
            header = _Header()
        except (ValueError, RecursionError):
            # It is no JSON that anybody could read; the door refuses it by its structure.
            return True
        return _is(header.app_id, self._app_id) and _is(header.token, self._token)

    def _check(self, encrypted: bytes) -> _Check:
        for key in self._keys:
            try:
                return msgspec.json.decode(opened_with_iv(key, encrypted), type=_Check)
            except (NotOpened, msgspec.DecodeError, UnicodeDecodeError):
                continue
        raise NotOpened

    def _key_of(self, request: Request, now_s: float) -> bytes | None:
        """The key behind the secret that the request is signed with; None when it is none of ours or not fresh."""
        headers = request.headers
        timestamp, nonce = headers[LARK_TIMESTAMP], headers[LARK_NONCE]
        if not is_fresh(timestamp, now_s):
            return None
        given = headers[LARK_SIGNATURE].lower()
        for secret, key in zip(self._secrets, self._keys, strict=True):
            digest = sha256(b"%b%b%b%b" % (timestamp, nonce, secret, request.raw)).hexdigest()
            if hmac.compare_digest(digest.encode(), given):
                return key
        return None


def _encrypted(raw: bytes) -> bytes:
    return base64.b64decode(msgspec.json.decode(raw, type=_Envelope).encrypt, validate=True)


def _is(value: str, wanted: str) -> bool:
    return not wanted or hmac.compare_digest(value.encode(), wanted.encode())


class _Envelope(msgspec.Struct):
    encrypt: str


class _Header(msgspec.Struct):
    app_id: str = ""
    token: str = ""


class _Event(msgspec.Struct):
    header: _Header = msgspec.field(default_factory=_Header)


class _Check(msgspec.Struct):
    challenge: str = ""
    token: str = ""
    type: str = ""
