"""The weakest proof there is: the secret address, and where the vendor has them a token and known addresses.

Its deliveries are marked as of weak trust.
"""

from __future__ import annotations

import hmac
import json
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

from lead_intake.verifiers.protocol import InvalidSecret, KeyMaterial, Proved, Request
from lead_intake.verifiers.secret_forms import active

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOKEN_CHARS_MIN = 8
PLACES: Final = frozenset({"path", "header", "query", "body"})


class SharedToken:
    """A token in a header, in the query or at a path of the JSON body; with `in: path` the address alone.

    Options: `in` (one of `path`, `header`, `query`, `body`; `path` by default), `name` (the header, the parameter, or
    the dotted path in the body), `ip_allow` (networks; `identity["ip_allow"]` adds some, with commas). A token in the
    body is taken out of the bytes to keep.
    """

    def __init__(self, material: KeyMaterial, options: Mapping[str, Any]) -> None:
        self._place = options.get("in", "path")
        self._name = str(options.get("name", ""))
        if self._place not in PLACES or (self._place != "path" and not self._name):
            raise InvalidSecret("a shared token is in a path, header, query or body, under a name")
        self._tokens: tuple[bytes, ...] = ()
        if self._place != "path":
            self._tokens = active(material.signing, bytes_min=TOKEN_CHARS_MIN)
        self._networks = _networks(options, material)
        self._header = self._name.lower().encode()
        self.reads = frozenset({self._header} if self._place == "header" else ())

    def prove(self, request: Request, *, now_s: float) -> Proved | None:  # noqa: ARG002
        """See `Verifier`; no time is known."""
        if self._networks and not _is_in(request.remote_ip, self._networks):
            return None
        if self._place == "path":
            return Proved(request.raw)
        if self._place == "body":
            return self._prove_body(request.raw)
        given = (
            request.headers[self._header]
            if self._place == "header"
            else request.query[self._name].encode()
        )
        return Proved(request.raw) if self._is_token(given) else None

    def _prove_body(self, raw: bytes) -> Proved | None:
        given = json.loads(raw)
        for name in self._name.split("."):
            given = given[name]
        if not isinstance(given, str) or not self._is_token(given.encode()):
            return None
        stripped = raw.replace(_quoted(given), b'""')
        return Proved(stripped) if stripped != raw else None

    def _is_token(self, given: bytes) -> bool:
        return any([hmac.compare_digest(token, given) for token in self._tokens])  # noqa: C419 - every one


def _quoted(token: str) -> bytes:
    """The token as a sender writes it; one that escapes what needs no escape is not known here and is refused."""
    return json.dumps(token, ensure_ascii=False).encode()


def _networks(
    options: Mapping[str, Any], material: KeyMaterial
) -> tuple[IPv4Network | IPv6Network, ...]:
    own = (text for text in material.identity.get("ip_allow", "").split(",") if text.strip())
    try:
        return tuple(ip_network(text.strip()) for text in (*options.get("ip_allow", ()), *own))
    except ValueError as error:
        raise InvalidSecret("an allowed address is not a network") from error


def _is_in(remote_ip: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    address = ip_address(remote_ip)
    return any(address in network for network in networks)
