"""Bearer tokens of partner systems: short-lived JWTs that our own token endpoint gives for client credentials.

Hidden decision: the key. Each is signed under a key derived from one of the account's active secrets, so every replica
knows it, and a secret that is taken away takes its tokens with it.
"""

from __future__ import annotations

import hmac
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from lead_intake.verifiers.protocol import KeyMaterial, Proved, Request
from lead_intake.verifiers.secret_forms import active

AUDIENCE: Final = "leadchain-intake"
TOKEN_LIFETIME_S = 600
CLOCK_SKEW_MAX_S = 30
TOKEN_CHARS_MAX = 2048
AUTHORIZATION: Final = b"authorization"

_CONTEXT: Final = b"lead-intake/oauth2-bearer/1"


class Oauth2Bearer:
    """Proves deliveries by their bearer token, and mints tokens. The body is not signed: TLS protects it.

    `signing` holds the client's secrets, `identity["client_id"]` its name; both are needed.
    """

    reads = frozenset({AUTHORIZATION})

    def __init__(self, material: KeyMaterial) -> None:
        self._secrets = active(material.signing)
        self._keys = tuple(OctKey.import_key(_key(secret)) for secret in self._secrets)
        self._client_id = material.identity.get("client_id", "")

    def prove(self, request: Request, *, now_s: float) -> Proved | None:
        """See `Verifier`."""
        scheme, _, token = request.headers[AUTHORIZATION].partition(b" ")
        if scheme.lower() != b"bearer" or len(token) > TOKEN_CHARS_MAX:
            return None
        is_right = any(self._is_right(token.strip(), key, now_s) for key in self._keys)
        return Proved(request.raw) if is_right else None

    def place_of(self, client_secret: str) -> int | None:
        """Which of the active secrets this is; None when it is none of them. Takes the same time for each."""
        given = client_secret.encode()
        right = [hmac.compare_digest(secret, given) for secret in self._secrets]
        return right.index(True) if any(right) else None

    def token(self, place: int, *, now_s: float) -> str:
        """A token for the account, good for 600 s, under the key of the secret at `place`."""
        issued = int(now_s)
        claims = {
            "aud": AUDIENCE,
            "sub": self._client_id,
            "iat": issued,
            "exp": issued + TOKEN_LIFETIME_S,
        }
        return jwt.encode({"alg": "HS256", "typ": "at+jwt"}, claims, self._keys[place])

    def _is_right(self, token: bytes, key: OctKey, now_s: float) -> bool:
        try:
            claims = jwt.decode(token, key, algorithms=["HS256"]).claims
        except (JoseError, ValueError):
            return False
        issued, expires = claims["iat"], claims["exp"]
        is_ours = claims["aud"] == AUDIENCE and claims["sub"] == self._client_id
        is_short = 0 < expires - issued <= TOKEN_LIFETIME_S
        return bool(is_ours and is_short and issued - CLOCK_SKEW_MAX_S <= now_s < expires)


def _key(secret: bytes) -> bytes:
    return hmac.digest(secret, _CONTEXT, "sha256")
