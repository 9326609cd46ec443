"""The guard of form posts: what a post lacks, who sent it, and how that is counted without telling people apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from lead_intake.domain.forms import GuardMode

if TYPE_CHECKING:
    from collections.abc import Collection

ROWS_PER_FORM_MAX: Final = 500
HOST_LENGTH_MAX: Final = 200
NO_HOST: Final = "(none)"
OTHER_HOST: Final = "(other)"
_NULL_ORIGIN: Final = "null"

_FAMILIES: Final = (
    ("micromessenger", "wechat"), ("dingtalk", "dingtalk"), ("lark", "lark"), ("edg/", "edge"),
    ("firefox/", "firefox"), ("chrome/", "chrome"), ("safari/", "safari"), ("curl/", "curl"),
    ("python", "python"), ("java", "java"), ("okhttp", "okhttp"),
)  # fmt: skip


class TokenState(StrEnum):
    """What was found of a post's render token."""

    VALID = "valid"
    ABSENT = "absent"
    FORGED = "forged"
    EXPIRED = "expired"


class Cause(StrEnum):
    """Why the guard refuses a post, or would."""

    NO_TOKEN = "no_token"  # noqa: S105 - a reason, not a secret
    BAD_TOKEN = "bad_token"  # noqa: S105 - same
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - same
    FOREIGN_ORIGIN = "foreign_origin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who posted, as far as it is kept: no address and nothing about a person."""

    form: str
    origin_host: str
    client_version: str
    agent_family: str
    cause: Cause


_OF_TOKEN: Final = {
    TokenState.ABSENT: Cause.NO_TOKEN,
    TokenState.FORGED: Cause.BAD_TOKEN,
    TokenState.EXPIRED: Cause.EXPIRED_TOKEN,
}


def cause_of(
    token: TokenState, origin: str, *, own: str, allowed: Collection[str], exempt: Collection[str]
) -> Cause | None:
    """What the guard objects to in a post; None when nothing.

    `origin` is that of the page the post came from, empty when it did not say; `own` is ours. A frame without an origin
    of its own says `null`: a valid token vouches for it.
    """
    if origin in exempt:
        return None
    is_vouched_for = origin == _NULL_ORIGIN and token is TokenState.VALID
    if origin and origin != own and origin not in allowed and not is_vouched_for:
        return Cause.FOREIGN_ORIGIN
    return _OF_TOKEN.get(token)


def is_refused(mode: GuardMode, cause: Cause | None) -> bool:
    """Whether a post is turned away."""
    return cause is not None and mode is GuardMode.ENFORCE


def origin_of(origin: str, referer: str) -> str:
    """The origin of the page that a post came from, by `Origin` or else `Referer`; empty when it does not say."""
    if origin:
        return origin.lower()[:HOST_LENGTH_MAX]
    try:
        parts = urlsplit(referer)
    except ValueError:
        return ""
    is_web = parts.scheme in ("http", "https") and parts.netloc
    return f"{parts.scheme}://{parts.netloc}".lower()[:HOST_LENGTH_MAX] if is_web else ""


def host_of(origin: str) -> str:
    """The host of an origin, fit to be listed."""
    if not origin:
        return NO_HOST
    host = origin.rpartition("://")[2]
    is_plain = host.isascii() and host.isprintable() and " " not in host and "@" not in host
    return host[:HOST_LENGTH_MAX] if is_plain and host else OTHER_HOST


def family_of(agent: str) -> str:
    """The family of a user agent; its version and device are nobody's business."""
    agent = agent.lower()
    return next(
        (family for sign, family in _FAMILIES if sign in agent), "other" if agent else "none"
    )
