"""permissions' settings."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr
from servicekit.settings import FieldKeySettings


class Settings(FieldKeySettings):
    """What every service needs, and what an installation begins with.

    `bootstrap_file` is YAML with principals, facts and networks that are added where they are missing.
    `authzen_base_url` is this service's own address in AuthZEN's metadata. The key that seals the audit log is made
    from `audit_signing_key`, base64 of 32 bytes. `field_keys` seal the personal values beside the log.
    """

    service: ClassVar[str] = "permissions"
    database_url: SecretStr = Field(validation_alias="PERMISSIONS_DATABASE_URL")
    audit_signing_key: SecretStr | None = None
    bootstrap_file: Path | None = Field(default=None, validation_alias="PERMISSIONS_BOOTSTRAP_FILE")
    authzen_base_url: str = Field(default="http://127.0.0.1:8080", pattern=r"^https?://[^?#]+$")
