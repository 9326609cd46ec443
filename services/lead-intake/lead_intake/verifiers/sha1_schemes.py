"""Proofs by SHA-1 over a secret: 抖音, 简道云, 微信服务号 (plain), 腾讯会议.

The vendors chose SHA-1; what protects these schemes is the secret in the hashed text.
"""

from __future__ import annotations

import base64
import hmac
from hashlib import sha1
from typing import TYPE_CHECKING, Final

import msgspec

from lead_intake.verifiers.aes_cbc import NotOpened, opened
from lead_intake.verifiers.protocol import KeyMaterial, Proved, Request
from lead_intake.verifiers.secret_forms import SECRET_BYTES_MIN, active, encoding_aes_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WX_TOKEN_CHARS_MIN = 8
"""Where the token is the only secret; the vendor would allow three characters."""

DOUYIN_SIGNATURE: Final = b"x-douyin-signature"
JDY_SIGNATURE: Final = b"x-jdy-signature"
MEETING_TIMESTAMP: Final = b"timestamp"
MEETING_NONCE: Final = b"nonce"
MEETING_SIGNATURE: Final = b"signature"


class DouyinSha1:
    """抖音开放平台: hexadecimal SHA-1 of the client secret followed by the body; no time is signed."""

    reads = frozenset({DOUYIN_SIGNATURE})

    def __init__(self, material: KeyMaterial) -> None:
        self._keys = active(material.signing)

    def prove(self, request: Request, *, now_s: float) -> Proved | None:  # noqa: ARG002
        """See `Verifier`."""
        given = request.headers[DOUYIN_SIGNATURE].lower()
        is_right = any(is_sha1((key, request.raw), given) for key in self._keys)
        return Proved(request.raw) if is_right else None


class JdySha1:
    """简道云: hexadecimal SHA-1 of `nonce:body:secret:timestamp`, nonce and timestamp from the query.

    The vendor states no window for its timestamp, so repetitions are met by the delivery's key alone.
    """

    reads = frozenset({JDY_SIGNATURE})

    def __init__(self, material: KeyMaterial) -> None:
        self._keys = active(material.signing)

    def prove(self, request: Request, *, now_s: float) -> Proved | None:  # noqa: ARG002
        """See `Verifier`."""
        nonce, timestamp = request.query["nonce"].encode(), request.query["timestamp"].encode()
        given = request.headers[JDY_SIGNATURE].lower()
        is_right = any(
            is_sha1((b"%b:%b:%b:%b" % (nonce, request.raw, key, timestamp),), given)
            for key in self._keys
        )
        return Proved(request.raw) if is_right else None


class WxSignature:
    """微信服务号 in plain mode: SHA-1 of token, timestamp and nonce, sorted. The body is not covered: a weak proof."""

    reads: frozenset[bytes] = frozenset()

    def __init__(self, material: KeyMaterial) -> None:
        self._tokens = active(material.signing, bytes_min=WX_TOKEN_CHARS_MIN)

    def prove(self, request: Request, *, now_s: float) -> Proved | None:  # noqa: ARG002
        """See `Verifier`."""
        return Proved(request.raw) if is_wx_signed(self._tokens, request.query) else None


class TencentMeeting:
    """腾讯会议: SHA-1 of token, timestamp, nonce and data, sorted; the data are base64, or AES-256-CBC with a key.

    The padding and the IV of the encrypted form (the key's first half) are assumed from the vendor's other products.
    """

    reads = frozenset({MEETING_TIMESTAMP, MEETING_NONCE, MEETING_SIGNATURE})

    def __init__(self, material: KeyMaterial) -> None:
        self._tokens = active(material.signing, bytes_min=SECRET_BYTES_MIN)
        self._keys = encoding_aes_keys(material.encryption) if material.encryption else ()

    def prove(self, request: Request, *, now_s: float) -> Proved | None:  # noqa: ARG002
        """See `Verifier`."""
        data = msgspec.json.decode(request.raw, type=_Data).data.encode()
        if not self._is_signed(data, request.headers):
            return None
        try:
            return Proved(self._read(data))
        except (ValueError, NotOpened):
            return Proved(request.raw, is_opened=False)

    def echo(self, check_str: str, headers: Mapping[bytes, bytes]) -> bytes | None:
        """What the vendor's address check wants to read back; None when the request is not signed by it."""
        data = check_str.encode()
        return self._read(data) if self._is_signed(data, headers) else None

    def _is_signed(self, data: bytes, headers: Mapping[bytes, bytes]) -> bool:
        parts = (headers[MEETING_TIMESTAMP], headers[MEETING_NONCE], data)
        given = headers[MEETING_SIGNATURE].lower()
        return any(is_sha1(sorted((token, *parts)), given) for token in self._tokens)

    def _read(self, data: bytes) -> bytes:
        decoded = base64.b64decode(data, validate=True)
        if not self._keys:
            return decoded
        texts = (_text(key, decoded) for key in self._keys)
        found = next((text for text in texts if text is not None), None)
        if found is None:
            raise NotOpened
        return found


def is_wx_signed(tokens: Sequence[bytes], query: Mapping[str, str]) -> bool:
    """Whether `signature` in the query is the SHA-1 of one of the tokens with `timestamp` and `nonce`, sorted."""
    given = query["signature"].lower().encode()
    parts = (query["timestamp"].encode(), query["nonce"].encode())
    return any(is_sha1(sorted((token, *parts)), given) for token in tokens)


def is_sha1(parts: Iterable[bytes], given: bytes) -> bool:
    """Whether `given` is the hexadecimal SHA-1 of the parts, one after the other."""
    digest = sha1(b"".join(parts), usedforsecurity=False).hexdigest()
    return hmac.compare_digest(digest.encode(), given)


def _text(key: bytes, sealed: bytes) -> bytes | None:
    """What the key opens a text to; None when it does not, or not to a text."""
    try:
        plain = opened(key, sealed, pad_max=32)
        plain.decode()
    except (NotOpened, UnicodeDecodeError):
        return None
    return plain


class _Data(msgspec.Struct):
    data: str
