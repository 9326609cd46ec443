"""Who is calling: bearer tokens (JWT) checked against a published key set (JWKS).

Hides the token library, the key cache and its refresh. Signatures are accepted from an allow-list
of algorithms only, and a token says where it may be used (`aud`) and until when (`exp`).
"""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack, cast
from urllib.parse import urlsplit

import aiohttp
import structlog
from joserfc import jws, jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    JoseError,
    MissingClaimError,
)
from joserfc.jwk import Key, KeySet, OKPKey

from servicekit.errors import Forbidden, Unauthenticated, Unavailable

ALGORITHMS: Final = ("Ed25519", "EdDSA", "ES256")
LOCAL_ISSUER: Final = "leadchain-local"

_TOKEN_BYTES_MAX = 8192
_NUMBER_MAX = 2**53
_JWKS_BYTES_MAX = 256 * 1024
_FETCH_TIMEOUT_S = 5.0
_REFRESH_AFTER_S = 60.0
_RELOAD_INTERVAL_MIN_S = 5.0
_REMEMBER_S = 60.0
_REMEMBERED_MAX = 4096

_log = structlog.get_logger(__name__)
_current_caller: ContextVar["Caller | None"] = ContextVar("current_caller", default=None)
_current_token: ContextVar[str] = ContextVar("current_token", default="")


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated party: who, what it may ask for, and the token that proved it.

    `epoch`, `session_id` and `device_id` (claims `epoch`, `sid`, `device_id`) say which revocations end the token; None
    or empty when it states none. `amr` are the methods by which the person proved to be there (RFC 8176), `auth_time`
    when, in Unix seconds.
    """

    subject: str
    scopes: frozenset[str]
    token_id: str
    epoch: int | None = None
    session_id: str = ""
    device_id: str = ""
    amr: frozenset[str] = frozenset()
    auth_time: float | None = None

    def require(self, scope: str) -> None:
        """Raise Forbidden unless the token carries `scope`."""
        if scope not in self.scopes:
            raise Forbidden(f"scope {scope} is required")


def current_caller() -> Caller | None:
    """The caller of the request being served, None outside one or on an insecure host."""
    return _current_caller.get()


def caller_id() -> str:
    """The id of whoever made the request being served; raises `Forbidden` where nobody is known."""
    caller = current_caller()
    if caller is None or not caller.subject:
        raise Forbidden("unauthenticated")
    return caller.subject


def current_token() -> str:
    """The token with which the current caller came, to ask another service in their name; empty without one."""
    return _current_token.get()


def become(caller: Caller | None, *, token: str = "") -> None:
    """Make `caller` current for the rest of the running task; the hosts call this."""
    _current_caller.set(caller)
    _current_token.set(token)


class TokenVerifier:
    """Checks bearer tokens of one issuer for one audience.

    The key set is read from a file or an https address (plain http only on loopback), again every
    minute and when a token names a key it lacks, never more often than every 5 s. A token found
    good is remembered for a minute at most, so a withdrawn key stops working within two.

    `is_revoked`, where it is set, is asked at every request, also for a remembered token: no request is accepted after
    it has begun to say yes. It must answer at once, from memory.
    """

    def __init__(
        self,
        jwks: Path | str,
        *,
        issuer: str,
        audience: str,
        leeway_s: int = 5,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = _source(jwks)
        self._issuer = issuer
        self._audience = audience
        self._leeway_s = leeway_s
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self._tried_at_s = float("-inf")
        self._reloading = asyncio.Lock()
        self._remembered: dict[str, tuple[Caller, float]] = {}
        self.is_revoked: Callable[[Caller], bool] | None = None

    async def load(self) -> None:
        """Read the key set now; Unavailable when it cannot be read or holds no usable key."""
        await self._reload(older_than_s=0.0)
        if not self._keys:
            raise Unavailable("signing keys are not available", retry_after_s=5.0)

    def remembered(self, token: str) -> Caller | None:
        """The caller of a token that `verify` accepted lately, else None; costs one lookup.

        Raises Unauthenticated (`revoked`) when the token has been revoked since.
        """
        entry = self._remembered.get(token)
        if entry is None or entry[1] <= self._clock():
            return None
        return self._unrevoked(entry[0])

    async def verify(self, token: str) -> Caller:
        """The caller that `token` proves.

        Raises Unauthenticated with a short code (`malformed`, `unknown_key`, `bad_signature`,
        `expired`, `not_for_us`, `revoked`), or Unavailable while no key set could ever be read.
        """
        known = self.remembered(token)
        if known is not None:
            return known
        key = await self._key_of(token)
        claims = self._claims(token, key)
        caller = self._unrevoked(_caller(claims))
        self._remember(token, caller, expires_at_s=float(claims["exp"]))
        return caller

    def _unrevoked(self, caller: Caller) -> Caller:
        if self.is_revoked is not None and self.is_revoked(caller):
            raise Unauthenticated("revoked")
        return caller

    async def _key_of(self, token: str) -> Key:
        key_id = _key_id(token)
        await self._reload(older_than_s=_REFRESH_AFTER_S)
        if key_id not in self._keys:
            await self._reload(older_than_s=_RELOAD_INTERVAL_MIN_S)
        if not self._keys:
            raise Unavailable("signing keys are not available", retry_after_s=5.0)
        if key_id not in self._keys:
            raise Unauthenticated("unknown_key")
        return self._keys[key_id]

    async def _reload(self, *, older_than_s: float) -> None:
        async with self._reloading:
            if self._clock() - self._tried_at_s < older_than_s:
                return
            self._tried_at_s = self._clock()
            try:
                self._keys = _usable_keys(await _read(self._source))
            except (OSError, aiohttp.ClientError, ValueError, JoseError) as error:
                _log.warning("signing_keys_not_read", error_type=type(error).__name__)

    def _claims(self, token: str, key: Key) -> dict[str, Any]:
        rules = jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=self._leeway_s,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            claims = jwt.decode(token, key, algorithms=ALGORITHMS).claims
            rules.validate(claims)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise Unauthenticated(_reason(error)) from None
        return claims

    def _remember(self, token: str, caller: Caller, *, expires_at_s: float) -> None:
        if len(self._remembered) >= _REMEMBERED_MAX:
            self._remembered.clear()
        until_s = min(expires_at_s + self._leeway_s, self._clock() + _REMEMBER_S)
        self._remembered[token] = (caller, until_s)


def new_signing_key(issuer: str = LOCAL_ISSUER) -> tuple[dict[str, Any], dict[str, Any]]:
    """A fresh Ed25519 key: the private JWK to mint with and the public JWKS to verify with.

    The private JWK names its `issuer` (member `iss`); `mint_token` writes it into each token.
    """
    key = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519"})
    key.ensure_kid()
    private = {**key.as_dict(private=True), "iss": issuer}
    public = {"keys": [dict(key.as_dict(private=False))]}
    return cast("dict[str, Any]", private), public


class SessionClaims(TypedDict, total=False):
    """What a token may say of the session that it belongs to; `auth_time` is Unix time in seconds."""

    epoch: int
    session_id: str
    device_id: str
    amr: Collection[str]
    auth_time: float


def mint_token(
    private_jwk: Mapping[str, Any],
    *,
    subject: str,
    scopes: Collection[str],
    audience: str,
    lifetime_s: float,
    now: datetime,
    **session: Unpack[SessionClaims],
) -> str:
    """A signed token for `subject`, good from `now` for `lifetime_s`; for local stacks and tests.

    Raises ValueError for a naive `now`.
    """
    if now.tzinfo is None:
        raise ValueError("now must carry a time zone")
    members = {name: value for name, value in private_jwk.items() if name != "iss"}
    issued_at_s = int(now.timestamp())
    claims = {
        "iss": private_jwk.get("iss", LOCAL_ISSUER),
        "sub": subject,
        "aud": audience,
        "scope": " ".join(sorted(scopes)),
        "jti": str(uuid.uuid4()),
        "iat": issued_at_s,
        "nbf": issued_at_s,
        "exp": int(issued_at_s + lifetime_s),
        **_session_claims(session),
    }
    header = {"alg": "Ed25519", "kid": members["kid"]}
    return jwt.encode(header, claims, OKPKey.import_key(members), algorithms=ALGORITHMS)


def _session_claims(session: SessionClaims) -> dict[str, Any]:
    claims: dict[str, Any] = dict(session)
    if "session_id" in claims:
        claims["sid"] = claims.pop("session_id")
    if "amr" in claims:
        claims["amr"] = sorted(claims["amr"])
    return claims


def _source(jwks: Path | str) -> Path | str:
    if isinstance(jwks, Path) or "://" not in jwks:
        return Path(jwks)
    address = urlsplit(jwks)
    is_local = address.hostname in {"localhost", "127.0.0.1", "::1"}
    if address.scheme != "https" and not (address.scheme == "http" and is_local):
        raise ValueError("a key set comes from a file or an https address")
    return jwks


async def _read(source: Path | str) -> bytes:
    if isinstance(source, Path):
        return await asyncio.to_thread(source.read_bytes)
    timeout = aiohttp.ClientTimeout(total=_FETCH_TIMEOUT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
        session.get(source, allow_redirects=False) as response,
    ):
        content = await response.content.read(_JWKS_BYTES_MAX + 1)
        while len(content) <= _JWKS_BYTES_MAX and not response.content.at_eof():
            content += await response.content.read(_JWKS_BYTES_MAX + 1 - len(content))
    if len(content) > _JWKS_BYTES_MAX:
        raise ValueError("the key set is too large")
    return content


def _usable_keys(content: bytes) -> dict[str, Key]:
    document = json.loads(content)
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("not a key set")  # noqa: TRY004 - a bad document, not a wrong argument
    return {
        key.kid: key
        for key in KeySet.import_key_set(cast("Any", document))
        if key.kid and key.key_type in {"OKP", "EC"}
    }


def _key_id(token: str) -> str:
    if len(token) > _TOKEN_BYTES_MAX:
        raise Unauthenticated("malformed")
    try:
        key_id = jws.extract_compact(token.encode("ascii")).headers().get("kid")
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        raise Unauthenticated("malformed") from None
    if not isinstance(key_id, str):
        raise Unauthenticated("malformed")
    return key_id


def _reason(error: Exception) -> str:
    match error:
        case BadSignatureError():
            return "bad_signature"
        case ExpiredTokenError():
            return "expired"
        case InvalidClaimError() | MissingClaimError():
            return "not_for_us"
        case _:
            return "malformed"


def _caller(claims: Mapping[str, Any]) -> Caller:
    methods = claims.get("amr", [])
    if not isinstance(methods, list) or not all(isinstance(method, str) for method in methods):
        raise Unauthenticated("malformed")
    return Caller(
        subject=_text(claims, "sub"),
        scopes=frozenset(_text(claims, "scope").split()),
        token_id=str(claims.get("jti", "")),
        epoch=_epoch(claims),
        session_id=_text(claims, "sid"),
        device_id=_text(claims, "device_id"),
        amr=frozenset(methods),
        auth_time=_number(claims, "auth_time"),
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str):
        raise Unauthenticated("malformed")
    return value


def _number(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unauthenticated("malformed")
    if not 0 <= value <= _NUMBER_MAX:
        raise Unauthenticated("malformed")
    return float(value)


def _epoch(claims: Mapping[str, Any]) -> int | None:
    value = _number(claims, "epoch")
    if value is None:
        return None
    if value != int(value) or value < 1:
        raise Unauthenticated("malformed")
    return int(value)
