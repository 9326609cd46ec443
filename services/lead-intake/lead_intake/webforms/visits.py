"""A visit to a page: what is read of a request besides its body, bounded and decoded once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from lead_intake.webforms.words import language_of
from lead_intake.webhooks.requests import client_version, remote_ip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.http_host import Scope

PREFIX: Final = "/forms/"
THANKS: Final = "/thanks"
URL_LENGTH_MAX: Final = 500
PARAMETERS_MAX: Final = 50
FORM_TYPE: Final = b"application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page of the form with this public key. `repr` shows nothing of the visitor."""

    method: str
    key: str
    is_thanks: bool
    headers: Mapping[bytes, bytes] = field(repr=False)
    query_string: str = field(repr=False)
    scheme: str
    ip: str = field(repr=False)

    @property
    def path(self) -> str:
        """The path of the form's page."""
        return f"{PREFIX}{self.key}"

    @property
    def language(self) -> str:
        """The page's language: `?lang=` or else the browser's."""
        return language_of(self._parameters().get("lang", ""), self.header(b"accept-language"))

    def header(self, name: bytes) -> str:
        """A header as text; empty when it is not there."""
        return self.headers.get(name, b"").decode("latin-1")

    def seen_from(self) -> tuple[str, str]:
        """Where the visitor is and where they came from: in a frame, the page around it counts."""
        referrer = self.header(b"referer")[:URL_LENGTH_MAX]
        if self.header(b"sec-fetch-dest") in ("iframe", "frame"):
            return referrer, ""
        query = f"?{self.query_string}" if self.query_string else ""
        own = f"{self.scheme}://{self.header(b'host')}{self.path}{query}"
        return own[:URL_LENGTH_MAX], referrer

    def own_origin(self, origin: str) -> str:
        """`origin` if it is ours, by the host that was asked for; empty otherwise."""
        host = self.header(b"host").lower()
        return origin if host and origin in (f"https://{host}", f"http://{host}") else ""

    def is_form_post(self) -> bool:
        """Whether the body is an urlencoded form, as it is."""
        media_type = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        encoding = self.headers.get(b"content-encoding", b"identity")
        return media_type == FORM_TYPE and encoding == b"identity"

    def stated_version(self) -> str:
        """The version that the client's header states; empty when it does not."""
        return client_version(self.headers)

    def _parameters(self) -> dict[str, str]:
        try:
            return dict(parse_qsl(self.query_string, max_num_fields=PARAMETERS_MAX))
        except ValueError:
            return {}


def visit_of(scope: Scope, *, trusted_hops: int) -> Visit:
    """What a request asks for; any request is welcome."""
    headers = dict(scope["headers"])
    key, is_thanks = scope["path"].removeprefix(PREFIX), False
    if key.endswith(THANKS):
        key, is_thanks = key.removesuffix(THANKS), True
    scheme = str(scope.get("scheme", "http"))
    if trusted_hops:
        forwarded = headers.get(b"x-forwarded-proto", b"").decode("latin-1")
        scheme = forwarded if forwarded in ("http", "https") else scheme
    return Visit(
        method=scope["method"],
        key=key,
        is_thanks=is_thanks,
        headers=headers,
        query_string=scope.get("query_string", b"").decode("latin-1"),
        scheme=scheme,
        ip=remote_ip(scope, headers, trusted_hops=trusted_hops),
    )
