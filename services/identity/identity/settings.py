"""identity's settings."""

import base64
import binascii
from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr
from servicekit.sealing import InvalidKey
from servicekit.settings import FieldKeySettings

from identity.domain.golden_ids import FIRST_KEY_ID, GoldenIdKeys, Recipe

GOLDEN_KEY_BYTES = 32
KEY_ID_CHARS_MAX = 32


class Settings(FieldKeySettings):
    """What identity needs besides every service's settings.

    `golden_id_keys` is `id:base64,id:base64` of 32 bytes each, the active one first, by which new Golden IDs are made;
    ids that were made with a former key resolve for ever. `golden_id_key`, one key in base64, is the same as
    `k1:` and that key. `golden_id_recipes` names the recipes in use by number, the default one first.
    `matching_model` is the file of a model other than the shipped one of Chinese business customers.

    `connectors_file` names the doors of other systems and holds their secrets (`connectors.installed`). Nights, such as
    that of the comparison at 02:00, are those of `time_zone`.
    """

    service: ClassVar[str] = "identity"
    database_url: SecretStr = Field(validation_alias="IDENTITY_DATABASE_URL")
    permissions_grpc: str
    golden_id_key: SecretStr | None = None
    golden_id_keys: SecretStr | None = None
    golden_id_recipes: str = "1"
    matching_model: Path | None = None
    connectors_file: Path | None = None
    time_zone: str = "Asia/Shanghai"

    def golden_keys(self) -> GoldenIdKeys:
        """The keys and recipes of Golden IDs; raises `InvalidKey`, without any key, when one is malformed."""
        return GoldenIdKeys(self._keys(), self._recipes())

    def _keys(self) -> dict[str, bytes]:
        if self.golden_id_keys is None:
            alone = self.golden_id_key.get_secret_value() if self.golden_id_key else ""
            return {FIRST_KEY_ID: _key(alone, "GOLDEN_ID_KEY")}
        keys: dict[str, bytes] = {}
        for entry in self.golden_id_keys.get_secret_value().split(","):
            key_id, _, encoded = entry.strip().partition(":")
            if not (key_id.isascii() and 0 < len(key_id) <= KEY_ID_CHARS_MAX) or key_id in keys:
                raise InvalidKey("GOLDEN_ID_KEYS needs ids of 1 to 32 ASCII characters, each once")
            keys[key_id] = _key(encoded, f"GOLDEN_ID_KEYS, {key_id}")
        return keys

    def _recipes(self) -> tuple[Recipe, ...]:
        try:
            return tuple(Recipe(int(number)) for number in self.golden_id_recipes.split(","))
        except ValueError:
            raise InvalidKey("GOLDEN_ID_RECIPES names a recipe that does not exist") from None


def _key(encoded: str, where: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != GOLDEN_KEY_BYTES:
        raise InvalidKey(f"{where} is not base64 of {GOLDEN_KEY_BYTES} bytes")
    return key
