"""The closed set of signature schemes. Each works on the raw bytes, in constant time, and fails closed.

A verifier is made for one account from its active secrets, newest first; without a usable secret it proves nothing.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SECRETS_MAX = 2
SIGNATURES_MAX = 8
CLOCK_SKEW_MAX_S = 300
ID_LENGTH_MAX = 256
SECRET_BYTES_MIN = 16

WEBHOOK_ID: Final = b"webhook-id"
WEBHOOK_TIMESTAMP: Final = b"webhook-timestamp"
WEBHOOK_SIGNATURE: Final = b"webhook-signature"
HUB_SIGNATURE: Final = b"x-hub-signature-256"
SIGNED_HEADERS: Final = frozenset({WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE, HUB_SIGNATURE})


class InvalidSecret(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A secret is too short for its scheme or not in its form."""


class Verifier(Protocol):
    """Says whether a delivery was signed with one of an account's secrets."""

    def proves(self, raw: bytes, headers: Mapping[bytes, bytes], *, now_s: float) -> bool:
        """Whether the signature in `headers` is right for exactly these bytes, at this time in epoch seconds.

        May raise on headers of a wrong form; the caller takes that for no.
        """


class StandardWebhooks:
    """Standard Webhooks: HMAC-SHA256 of `id.timestamp.body`, several signatures, a fresh timestamp."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = tuple(_standard_webhooks_key(secret) for secret in secrets)

    def proves(self, raw: bytes, headers: Mapping[bytes, bytes], *, now_s: float) -> bool:
        """See `Verifier`."""
        delivery_id, timestamp = headers[WEBHOOK_ID], headers[WEBHOOK_TIMESTAMP]
        if not 0 < len(delivery_id) <= ID_LENGTH_MAX or not timestamp.isdigit():
            return False
        if abs(now_s - int(timestamp[:16])) > CLOCK_SKEW_MAX_S:
            return False
        signed = b"%b.%b.%b" % (delivery_id, timestamp, raw)
        given = [
            part[3:]
            for part in headers[WEBHOOK_SIGNATURE].split(b" ")[:SIGNATURES_MAX]
            if part.startswith(b"v1,")
        ]
        return any(_is_among(key, signed, given) for key in self._keys)


class Hub256:
    """`X-Hub-Signature-256`: the hexadecimal HMAC-SHA256 of the body under the application's secret."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = tuple(_long_enough(secret.encode()) for secret in secrets)

    def proves(self, raw: bytes, headers: Mapping[bytes, bytes], *, now_s: float) -> bool:  # noqa: ARG002
        """See `Verifier`; the scheme signs no time."""
        scheme, _, given = headers[HUB_SIGNATURE].partition(b"=")
        if scheme != b"sha256":
            return False
        return any(
            hmac.compare_digest(hmac.digest(key, raw, "sha256").hex().encode(), given)
            for key in self._keys
        )


VERIFIERS: Final[Mapping[str, Callable[[Sequence[str]], Verifier]]] = {
    "standard_webhooks": StandardWebhooks,
    "hub256": Hub256,
}


def _is_among(key: bytes, signed: bytes, given: Sequence[bytes]) -> bool:
    right = binascii.b2a_base64(hmac.digest(key, signed, "sha256"), newline=False)
    return any(hmac.compare_digest(right, signature) for signature in given)


def _standard_webhooks_key(secret: str) -> bytes:
    try:
        return _long_enough(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except binascii.Error as error:
        raise InvalidSecret("the secret is not base64") from error


def _long_enough(key: bytes) -> bytes:
    if len(key) < SECRET_BYTES_MIN:
        raise InvalidSecret(f"the secret is shorter than {SECRET_BYTES_MIN} bytes")
    return key
