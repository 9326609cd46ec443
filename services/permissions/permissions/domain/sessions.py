"""Who is signed in: sessions and API keys, each of one epoch of its principal (PM-05, PM-06).

A token carries the id and the epoch of its session. Revoking one session names its id; revoking all of a principal
raises the principal's epoch, which also ends tokens that name no session.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from accesskit.changes import PrincipalPut
from accesskit.facts import checked_name
from accesskit.networks import parse_address
from servicekit.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthenticated

LIFETIME_S = 43_200
LIFETIME_S_MAX = 86_400
SESSIONS_MAX = 20
"""Sessions that one person may have at a time."""
KEY_LIFETIME_DAYS = 90
KEY_LIFETIME_DAYS_MAX = 366
API_KEYS_MAX = 20
API_KEY_PREFIX = "lck"

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


class BadRequestId(Invalid):
    """An idempotency key that is none."""

    def __init__(self) -> None:
        super().__init__("request_id is 8 to 64 of the characters A-Z a-z 0-9 _ -")


class RequestIdTaken(Conflict):
    """The idempotency key was used for something else."""

    def __init__(self) -> None:
        super().__init__("request_id was used for another request")


class BadAddress(Invalid):
    """Not an IP address, or one that could be read in two ways."""

    def __init__(self) -> None:
        super().__init__("address is not an IP address")


class LifetimeTooLong(Invalid):
    """Longer than anything may last."""

    def __init__(self, most: str) -> None:
        super().__init__(f"the lifetime is longer than {most}")


class UnknownPrincipal(NotFound):
    """Nobody has this id."""

    def __init__(self) -> None:
        super().__init__("no principal has this id")


class PrincipalNotActive(Forbidden):
    """Suspended or departed; `status` says which."""

    def __init__(self, status: str) -> None:
        super().__init__(f"the principal is {status}")
        self.status = status


class TooManySessions(TooMany):
    """One more session than a person may have."""

    def __init__(self) -> None:
        super().__init__(f"{SESSIONS_MAX} sessions are open", retry_after_s=60.0)


class TooManyApiKeys(TooMany):
    """One more key than a principal may have."""

    def __init__(self) -> None:
        super().__init__(f"{API_KEYS_MAX} API keys are in use", retry_after_s=3600.0)


class UnknownSession(NotFound):
    """No session has this id."""

    def __init__(self) -> None:
        super().__init__("no session has this id")


class UnknownApiKey(NotFound):
    """No API key has this id."""

    def __init__(self) -> None:
        super().__init__("no API key has this id")


class BadApiKey(Unauthenticated):
    """Not a key of ours, or one that has ended; which of them is not said."""

    def __init__(self) -> None:
        super().__init__("bad_api_key")


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody is signed in. `device_id` proved its key in this session; empty when none did."""

    session_id: str
    request_id: str
    principal_id: str
    epoch: int
    device_id: str
    address: str
    opened_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_open(self, principal: PrincipalPut | None, *, now: datetime) -> bool:
        """Whether it goes on: not revoked, not expired, and of the principal's present epoch."""
        if self.revoked_at is not None or now >= self.expires_at or principal is None:
            return False
        return principal.status == "active" and principal.epoch == self.epoch


@dataclass(frozen=True, slots=True)
class SignIn:
    """What is asked when a session is opened; a lifetime of 0 is the usual one."""

    request_id: str
    principal_id: str
    address: str
    device_id: str = ""
    device_proof: str = ""
    lifetime_s: int = 0

    def __post_init__(self) -> None:
        """Refuses what is malformed."""
        check_request_id(self.request_id)
        checked_name(self.principal_id, "principal_id")
        if self.device_id:
            checked_name(self.device_id, "device_id")
        checked_address(self.address)
        if self.lifetime_s > LIFETIME_S_MAX:
            raise LifetimeTooLong(f"{LIFETIME_S_MAX} s")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key by which a program proves to be a principal; only a hash of its secret is kept."""

    key_id: str
    principal_id: str
    secret_hash: bytes
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_proven_by(self, secret: str, *, now: datetime) -> bool:
        """Whether this is its secret and it is still good."""
        is_same = hmac.compare_digest(self.secret_hash, secret_hash(secret))
        return is_same and self.revoked_at is None and now < self.expires_at


def check_request_id(request_id: str) -> None:
    """Raises `BadRequestId` unless it can be an idempotency key."""
    if not _REQUEST_ID.fullmatch(request_id):
        raise BadRequestId


def checked_address(address: str) -> str:
    """The address in its one form, an IPv4-mapped one as IPv4; raises `BadAddress`."""
    parsed = parse_address(address)
    if parsed is None:
        raise BadAddress
    return str(parsed)


def check_active(principal: PrincipalPut | None) -> PrincipalPut:
    """The principal; raises `UnknownPrincipal` or `PrincipalNotActive`."""
    if principal is None:
        raise UnknownPrincipal
    if principal.status != "active":
        raise PrincipalNotActive(principal.status)
    return principal


def open_session(
    sign_in: SignIn,
    principal: PrincipalPut | None,
    *,
    session_id: str,
    open_count: int,
    now: datetime,
) -> Session:
    """The session of a sign-in; raises `UnknownPrincipal`, `PrincipalNotActive` or `TooManySessions`."""
    epoch = check_active(principal).epoch
    if open_count >= SESSIONS_MAX:
        raise TooManySessions
    lifetime = timedelta(seconds=sign_in.lifetime_s or LIFETIME_S)
    return Session(
        session_id=session_id,
        request_id=sign_in.request_id,
        principal_id=sign_in.principal_id,
        epoch=epoch,
        device_id=sign_in.device_id,
        address=checked_address(sign_in.address),
        opened_at=now,
        last_seen_at=now,
        expires_at=now + lifetime,
    )


def create_api_key(
    principal: PrincipalPut | None,
    *,
    key_id: str,
    secret: str,
    lifetime_days: int,
    now: datetime,
) -> ApiKey:
    """A key of an active principal; raises `LifetimeTooLong` for more than 366 days, 0 being 90."""
    holder = check_active(principal)
    if lifetime_days > KEY_LIFETIME_DAYS_MAX:
        raise LifetimeTooLong(f"{KEY_LIFETIME_DAYS_MAX} days")
    expires_at = now + timedelta(days=lifetime_days or KEY_LIFETIME_DAYS)
    return ApiKey(key_id, holder.principal_id, secret_hash(secret), now, expires_at)


def secret_hash(secret: str) -> bytes:
    """SHA-256; enough for a secret of 256 random bits, which nobody can try out."""
    return hashlib.sha256(secret.encode()).digest()


def written_key(key_id: str, secret: str) -> str:
    """The key as its holder keeps it."""
    return f"{API_KEY_PREFIX}.{key_id}.{secret}"


def read_key(api_key: str) -> tuple[str, str]:
    """Id and secret of a written key; raises `BadApiKey`."""
    parts = api_key.split(".")
    if len(parts) != 3 or parts[0] != API_KEY_PREFIX or len(api_key) > 200:
        raise BadApiKey
    if not parts[1].replace("-", "").isalnum():
        raise BadApiKey
    return parts[1], parts[2]
