"""Who is who on the local stack: passwords, keys and tokens, made once and kept in one folder.

Only the owner of the folder can read it. Nothing here is fit for production, where passwords,
keys and tokens come from its own secret store and identity provider.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack

from servicekit.auth import SessionClaims, mint_token, new_signing_key

AUDIENCE = "leadchain"
ISSUER = "leadchain-local"
OPERATOR = "leadctl"
TOKEN_LIFETIME_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class FieldKeys:
    """The keys for personal data: `ring` as `id:base64`, `index` as base64; 32 bytes each."""

    ring: str
    index: str


class Identities:
    """The folder of secrets of one stack. Reading what is not there yet makes it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._folder = folder

    @property
    def jwks_file(self) -> Path:
        """The public keys with which services check tokens."""
        self._signing_key()
        return self._folder / "jwks.json"

    def password(self, purpose: str) -> str:
        """The password for `purpose`, such as `nats-identity`: 128 random bits in hex."""
        return self._kept(f"{purpose}.password", secrets.token_hex(16))

    def field_keys(self) -> FieldKeys:
        """The keys that seal and index personal data."""
        return FieldKeys(
            ring=f"local-1:{self.key('field')}",
            index=self.key("index"),
        )

    def key(self, purpose: str) -> str:
        """The key for `purpose`: 32 random bytes in base64."""
        return self._kept(f"{purpose}.key", base64.b64encode(secrets.token_bytes(32)).decode())

    def token_file(self, subject: str) -> Path:
        """Where `subject` finds its token."""
        return self._folder / f"{subject}.token"

    def mint(self, subject: str, *, scopes: list[str], **session: Unpack[SessionClaims]) -> Path:
        """Write a fresh token for `subject`, good for a week; the file it is in. `session` is what it says of one."""
        token = mint_token(
            self._signing_key(),
            subject=subject,
            scopes=scopes,
            audience=AUDIENCE,
            lifetime_s=TOKEN_LIFETIME_S,
            now=datetime.now(UTC),
            **session,
        )
        return _write(self.token_file(subject), token)

    def _signing_key(self) -> Mapping[str, Any]:
        file = self._folder / "signing_key.json"
        if not file.exists():
            private, public = new_signing_key(ISSUER)
            _write(self._folder / "jwks.json", json.dumps(public))
            _write(file, json.dumps(private))
        key: Mapping[str, Any] = json.loads(file.read_text())
        return key

    def _kept(self, name: str, fresh: str) -> str:
        file = self._folder / name
        if not file.exists():
            _write(file, fresh)
        return file.read_text()


def _write(file: Path, text: str) -> Path:
    new = file.with_suffix(f"{file.suffix}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    return new.rename(file)
