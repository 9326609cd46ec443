"""permissions' settings."""

from typing import ClassVar

from pydantic import Field, SecretStr
from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service needs; permissions has none of its own."""

    service: ClassVar[str] = "permissions"
    database_url: SecretStr = Field(validation_alias="PERMISSIONS_DATABASE_URL")
    audit_signing_key: SecretStr | None = None
