"""What is read of a request before anything is proved: exact headers and query, bounded, nothing twice that decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from lead_intake.webhooks.answers import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicekit.http_host import Scope

    from lead_intake.channels.door_rules import DoorRules

HEADERS_MAX = 64
HEADER_BYTES_MAX = 16 * 1024
PARAMETERS_MAX = 64
VERSION_LENGTH_MAX = 64

CONTENT_TYPE: Final = b"content-type"
CLIENT_VERSION: Final = b"x-form-version"

_CONTENT_ENCODING: Final = b"content-encoding"
_CONTENT_LENGTH: Final = b"content-length"
_ALWAYS_ONCE: Final = frozenset({CONTENT_TYPE, _CONTENT_ENCODING, _CONTENT_LENGTH})


def read_headers(
    pairs: Sequence[tuple[bytes, bytes]], rules: DoorRules, reads: frozenset[bytes]
) -> dict[bytes, bytes]:
    """The headers by name; raises `Refused` for too many, and when one that decides is there twice."""
    size = sum([len(name) + len(value) for name, value in pairs])
    if len(pairs) > HEADERS_MAX or size > HEADER_BYTES_MAX:
        raise Refused(431, "headers")
    headers = dict(pairs)
    if len(headers) != len(pairs):
        _refuse_repeated(pairs, reads | _ALWAYS_ONCE | {rules.dedupe.header})
    return headers


def check_content(headers: Mapping[bytes, bytes], rules: DoorRules) -> None:
    """Raises `Refused` for an encoding, a media type that the channel does not name, or a declared length too large."""
    if headers.get(_CONTENT_ENCODING, b"identity") != b"identity":
        raise Refused(415, "encoding")
    if rules.content_types:
        media_type = headers.get(CONTENT_TYPE, b"").partition(b";")[0].strip().lower()
        if media_type.decode("latin-1") not in rules.content_types:
            raise Refused(415, "media_type")
    length = headers.get(_CONTENT_LENGTH, b"0")
    if not length.isdigit() or len(length) > 12 or int(length) > rules.body_bytes_max:
        raise Refused(413, "too_large")


def read_query(scope: Scope) -> dict[str, str]:
    """The query parameters, decoded once; raises `Refused` when one is there twice or is no UTF-8."""
    query_string: bytes = scope.get("query_string", b"")
    if not query_string:
        return {}
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )
    except ValueError as error:
        raise Refused(401, "signature") from error
    query = dict(pairs)
    if len(query) != len(pairs):
        raise Refused(401, "signature")
    return query


def remote_ip(scope: Scope, headers: Mapping[bytes, bytes], *, trusted_hops: int) -> str:
    """The address that the request comes from; behind `trusted_hops` proxies of ours, what the first of them saw."""
    client: Any = scope.get("client")
    direct = str(client[0]) if client else ""
    if not trusted_hops:
        return direct
    seen = headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
    return seen[-trusted_hops].strip() if len(seen) >= trusted_hops else ""


def client_version(headers: Mapping[bytes, bytes]) -> str:
    """The version of its form that the sender says it has; empty when it says none."""
    return headers.get(CLIENT_VERSION, b"")[:VERSION_LENGTH_MAX].decode("latin-1")


def _refuse_repeated(pairs: Sequence[tuple[bytes, bytes]], once: frozenset[bytes]) -> None:
    seen: set[bytes] = set()
    for name, _ in pairs:
        if name in once and name in seen:
            raise Refused(401, "signature")
        seen.add(name)
