"""identity's settings."""

import base64
import binascii
from typing import ClassVar

from pydantic import Field, SecretStr
from servicekit.sealing import InvalidKey
from servicekit.settings import FieldKeySettings

GOLDEN_KEY_BYTES = 32


class Settings(FieldKeySettings):
    """What identity needs besides every service's settings.

    `golden_id_key` is base64 of 32 bytes. It must never change while Golden IDs made with it are in use, and is
    therefore not one of the field keys, which rotate.
    """

    service: ClassVar[str] = "identity"
    database_url: SecretStr = Field(validation_alias="IDENTITY_DATABASE_URL")
    permissions_grpc: str
    golden_id_key: SecretStr

    def golden_key(self) -> bytes:
        """The key of the Golden ID recipe; raises `InvalidKey`, without the key, when it is not 32 bytes."""
        try:
            key = base64.b64decode(self.golden_id_key.get_secret_value(), validate=True)
        except binascii.Error:
            key = b""
        if len(key) != GOLDEN_KEY_BYTES:
            raise InvalidKey(f"GOLDEN_ID_KEY is not base64 of {GOLDEN_KEY_BYTES} bytes")
        return key
