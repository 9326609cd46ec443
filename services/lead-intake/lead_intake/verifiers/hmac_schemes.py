"""Proofs by HMAC-SHA256: Standard Webhooks, Facebook's `X-Hub-Signature-256`, e签宝."""

from __future__ import annotations

import binascii
import hmac
from typing import TYPE_CHECKING, Final

from lead_intake.verifiers.protocol import KeyMaterial, Proved, Request
from lead_intake.verifiers.secret_forms import active, from_base64, long_enough

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGNATURES_MAX = 8
CLOCK_SKEW_MAX_S = 300
ID_LENGTH_MAX = 256

WEBHOOK_ID: Final = b"webhook-id"
WEBHOOK_TIMESTAMP: Final = b"webhook-timestamp"
WEBHOOK_SIGNATURE: Final = b"webhook-signature"
HUB_SIGNATURE: Final = b"x-hub-signature-256"
ESIGN_APP_ID: Final = b"x-tsign-open-app-id"
ESIGN_TIMESTAMP: Final = b"x-tsign-open-timestamp"
ESIGN_ALGORITHM: Final = b"x-tsign-open-signature-algorithm"
ESIGN_SIGNATURE: Final = b"x-tsign-open-signature"


class StandardWebhooks:
    """Standard Webhooks: HMAC-SHA256 of `id.timestamp.body`, several signatures, a fresh timestamp.

    `signing` holds secrets of 16 bytes or more in base64, with or without `whsec_`.
    """

    reads = frozenset({WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE})

    def __init__(self, material: KeyMaterial) -> None:
        active(material.signing)
        self._keys = tuple(
            long_enough(from_base64(secret.removeprefix("whsec_"))) for secret in material.signing
        )

    def prove(self, request: Request, *, now_s: float) -> Proved | None:
        """See `Verifier`; the time is signed and may be 300 s off."""
        headers = request.headers
        delivery_id, timestamp = headers[WEBHOOK_ID], headers[WEBHOOK_TIMESTAMP]
        if not 0 < len(delivery_id) <= ID_LENGTH_MAX or not is_fresh(timestamp, now_s):
            return None
        signed = b"%b.%b.%b" % (delivery_id, timestamp, request.raw)
        given = [
            part[3:]
            for part in headers[WEBHOOK_SIGNATURE].split(b" ", SIGNATURES_MAX)[:SIGNATURES_MAX]
            if part.startswith(b"v1,")
        ]
        is_right = any(_is_among(key, signed, given) for key in self._keys)
        return Proved(request.raw) if is_right else None


class Hub256:
    """`X-Hub-Signature-256`: the hexadecimal HMAC-SHA256 of the body under the application's secret; no time."""

    reads = frozenset({HUB_SIGNATURE})

    def __init__(self, material: KeyMaterial) -> None:
        self._keys = active(material.signing)

    def prove(self, request: Request, *, now_s: float) -> Proved | None:  # noqa: ARG002
        """See `Verifier`."""
        scheme, _, given = request.headers[HUB_SIGNATURE].partition(b"=")
        is_right = scheme == b"sha256" and is_hex_hmac(self._keys, request.raw, given)
        return Proved(request.raw) if is_right else None


class Esign:
    """e签宝: hexadecimal HMAC-SHA256 of timestamp, query values in the order of their names, and body.

    The vendor states no window for its timestamp, so repetitions are met by the delivery's key alone. With
    `identity["app_id"]` the delivery must name that application.
    """

    reads = frozenset({ESIGN_APP_ID, ESIGN_TIMESTAMP, ESIGN_ALGORITHM, ESIGN_SIGNATURE})

    def __init__(self, material: KeyMaterial) -> None:
        self._keys = active(material.signing)
        self._app_id = material.identity.get("app_id", "").encode()

    def prove(self, request: Request, *, now_s: float) -> Proved | None:  # noqa: ARG002
        """See `Verifier`."""
        headers = request.headers
        if headers[ESIGN_ALGORITHM].lower() != b"hmac-sha256":
            return None
        if self._app_id and not hmac.compare_digest(headers[ESIGN_APP_ID], self._app_id):
            return None
        values = "".join(request.query[name] for name in sorted(request.query))
        signed = b"%b%b%b" % (headers[ESIGN_TIMESTAMP], values.encode(), request.raw)
        is_right = is_hex_hmac(self._keys, signed, headers[ESIGN_SIGNATURE].lower())
        return Proved(request.raw) if is_right else None


def is_fresh(timestamp: bytes, now_s: float) -> bool:
    """Whether a time in epoch seconds is at most 300 s away from now."""
    is_number = timestamp.isdigit() and len(timestamp) <= 16
    return is_number and abs(now_s - int(timestamp)) <= CLOCK_SKEW_MAX_S


def is_hex_hmac(keys: Sequence[bytes], signed: bytes, given: bytes) -> bool:
    """Whether `given` is the hexadecimal HMAC-SHA256 of `signed` under one of the keys."""
    return any(
        hmac.compare_digest(hmac.digest(key, signed, "sha256").hex().encode(), given)
        for key in keys
    )


def _is_among(key: bytes, signed: bytes, given: Sequence[bytes]) -> bool:
    right = binascii.b2a_base64(hmac.digest(key, signed, "sha256"), newline=False)
    return any(hmac.compare_digest(right, signature) for signature in given)
