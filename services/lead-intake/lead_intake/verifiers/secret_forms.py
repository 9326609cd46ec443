"""What a secret must look like before anything is proved with it: missing or weak material is refused at once."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from lead_intake.verifiers.protocol import SECRETS_MAX, InvalidSecret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECRET_BYTES_MIN = 16
"""The least for a secret that is the only thing between a stranger and a lead."""

TOKEN_CHARS_MIN = 3
"""The least that the WeChat family lets one type; their messages are protected by an AES key besides."""


def active(secrets: Sequence[str], *, bytes_min: int = SECRET_BYTES_MIN) -> tuple[bytes, ...]:
    """The active secrets as bytes, newest first; raises `InvalidSecret` for none, too many or a short one."""
    if not 0 < len(secrets) <= SECRETS_MAX:
        raise InvalidSecret(f"1 to {SECRETS_MAX} active secrets are needed")
    keys = tuple(secret.encode() for secret in secrets)
    return tuple(long_enough(key, bytes_min=bytes_min) for key in keys)


def long_enough(key: bytes, *, bytes_min: int = SECRET_BYTES_MIN) -> bytes:
    """The key itself; raises `InvalidSecret` when it is shorter than `bytes_min`."""
    if len(key) < bytes_min:
        raise InvalidSecret(f"a secret is shorter than {bytes_min} bytes")
    return key


def from_base64(secret: str) -> bytes:
    """The bytes that a secret in base64 stands for; raises `InvalidSecret`."""
    try:
        return base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidSecret("a secret is not base64") from error


def encoding_aes_keys(secrets: Sequence[str]) -> tuple[bytes, ...]:
    """The 32-byte keys behind `EncodingAESKey`s of 43 characters; raises `InvalidSecret`."""
    active(secrets, bytes_min=43)
    keys = tuple(from_base64(f"{secret}=") for secret in secrets)
    if any(len(key) != 32 for key in keys):
        raise InvalidSecret("an EncodingAESKey has 43 characters")
    return keys


def identity(known: Mapping[str, str], name: str) -> bytes:
    """What deliveries must be addressed to; raises `InvalidSecret` when the account does not say."""
    value = known.get(name, "")
    if not value:
        raise InvalidSecret(f"the account does not say its {name}")
    return value.encode()
