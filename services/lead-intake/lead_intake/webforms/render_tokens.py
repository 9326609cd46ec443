"""Render tokens: proof that a post comes from a page that we rendered, for which form and version, and when.

Hidden decision: the token's form. `payload.mac`, both base64url; the payload is JSON, the MAC is keyed with a key that
is used for nothing else. It proves and hides nothing.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Final

import msgspec
from servicekit.sealing import BlindIndex

from lead_intake.domain.csrf_reports import TokenState

if TYPE_CHECKING:
    from lead_intake.settings import Settings

LIFETIME_S: Final = 12 * 3600.0
"""A page that stays open over a working day can still be sent."""

LENGTH_MAX: Final = 4096
_PURPOSE: Final = "lead-intake/render-token"


class Render(msgspec.Struct, frozen=True, array_like=True):
    """One rendering of a page: whose, of which version, when in epoch seconds, and from where the visitor came."""

    token_id: str
    form_id: int
    version: int
    rendered_at_s: float
    url: str = ""
    referrer: str = ""


class RenderTokens:
    """Writes and reads render tokens with one key."""

    def __init__(self, key: BlindIndex) -> None:
        self._key = key

    @classmethod
    def of(cls, settings: Settings) -> RenderTokens:
        """Tokens with the key that the settings give; raises `servicekit.sealing.InvalidKey`."""
        return cls(BlindIndex.parse(settings.index_key.get_secret_value(), _PURPOSE))

    def written(self, render: Render) -> str:
        """The token of a rendering."""
        payload = _text(msgspec.json.encode(render))
        return f"{payload}.{_text(self._key.of(payload))}"

    def read(self, token: str, *, form_id: int, now_s: float) -> tuple[TokenState, Render | None]:
        """What a post's token is worth, and the rendering where it is ours; `now_s` is the time in epoch seconds."""
        if not token:
            return TokenState.ABSENT, None
        render = self._proved(token)
        if render is None or render.form_id != form_id:
            return TokenState.FORGED, None
        if not 0 <= now_s - render.rendered_at_s <= LIFETIME_S:
            return TokenState.EXPIRED, render
        return TokenState.VALID, render

    def _proved(self, token: str) -> Render | None:
        payload, _, mac = token.partition(".")
        if len(token) > LENGTH_MAX or not token.isascii():
            return None
        if not hmac.compare_digest(mac, _text(self._key.of(payload))):
            return None
        try:
            return msgspec.json.decode(_bytes(payload), type=Render)
        except (msgspec.MsgspecError, binascii.Error, ValueError):
            return None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
