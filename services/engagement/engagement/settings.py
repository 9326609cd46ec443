"""Settings of engagement."""

from typing import ClassVar

from pydantic import Field, SecretStr
from servicekit.settings import FieldKeySettings


class Settings(FieldKeySettings):
    """The kit's settings, with the keys that open what customers said."""

    service: ClassVar[str] = "engagement"
    database_url: SecretStr = Field(validation_alias="ENGAGEMENT_DATABASE_URL")
    permissions_grpc: str
