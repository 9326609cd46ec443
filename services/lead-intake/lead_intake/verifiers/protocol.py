"""What a proof of origin is given and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS_MAX = 2
"""How many secrets of a kind an account has at once: the new one, and the old one while senders change over."""


class InvalidSecret(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A secret is missing, too short for its scheme or not in its form; the text holds nothing of it."""


class Request(NamedTuple):
    """One request as it came: exact bytes, header names in lower case, query parameters decoded once.

    A header or parameter that decides and that is there twice never gets here: it is refused before.
    """

    raw: bytes
    headers: Mapping[bytes, bytes]
    query: Mapping[str, str]
    remote_ip: str = ""


class Proved(NamedTuple):
    """An authentic delivery: the bytes to keep and read, decrypted where the scheme encrypts.

    Where the proof held but the content could not be opened, `is_opened` is false and `body` is what came.
    """

    body: bytes
    is_opened: bool = True


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """What an account proves with; of each kind the newest first, at most two. `repr` reveals nothing.

    `identity` holds what deliveries must be addressed to or come from, such as `receive_id`, `app_id` or `mch_id`;
    `public_keys` holds PEM by serial.
    """

    signing: tuple[str, ...] = ()
    encryption: tuple[str, ...] = ()
    verify_token: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)
    public_keys: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "KeyMaterial(***)"


class Verifier(Protocol):
    """Says whether a delivery comes from whoever holds an account's secrets.

    `reads` names the headers that decide, in lower case: a request that has one of them twice is refused before.
    """

    @property
    def reads(self) -> frozenset[bytes]:
        """The headers that decide."""

    def prove(self, request: Request, *, now_s: float) -> Proved | None:
        """The delivery, opened, or None; `now_s` is the time in epoch seconds.

        May raise on a request of a wrong form; the caller takes that for None.
        """


class Unprovable:
    """Proves nothing: what stands for an account whose secrets cannot be used."""

    reads: frozenset[bytes] = frozenset()

    def prove(self, request: Request, *, now_s: float) -> Proved | None:  # noqa: ARG002
        """None, always."""
        return None


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What is kept of a delivery, sealed: its opened body and what the sender's client said of itself.

    `source` is `push`, `pull` (fetched by a reconciler), `form` (our own page), `import` or `mail`.
    """

    body: bytes
    is_opened: bool = True
    content_type: str = ""
    source: str = "push"
    client_version: str = ""
