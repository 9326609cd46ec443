"""Settings of notification."""

import base64
from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr
from servicekit.settings import FieldKeySettings


class Settings(FieldKeySettings):
    """`reminder_delay_scale` multiplies the seconds between tries; 1 keeps the schedule (1 s to 10 min).

    `reminder_pace_s` is the least time between two messages to one recipient on one medium: what comes up meanwhile
    leaves together. `allow_loopback_http` lets messages go to plain http and smtp on this machine; only for local
    stacks. `reminder_policy_file` replaces the packaged policy, `reminder_templates_file` the packaged words.
    `beacon_base_url` is where people's devices reach this service's HTTP port: without it messages carry no links and
    nobody is seen to open them. `record_url` is a lead's page, with `{lead_id}` in it.
    """

    service: ClassVar[str] = "notification"
    database_url: SecretStr = Field(validation_alias="NOTIFICATION_DATABASE_URL")
    permissions_grpc: str
    allow_loopback_http: bool = False
    reminder_delay_scale: float = Field(default=1.0, gt=0, le=10)
    reminder_pace_s: float = Field(default=0.5, ge=0, le=60)
    reminder_policy_file: Path | None = None
    reminder_templates_file: Path | None = None
    beacon_base_url: str = Field(default="", pattern=r"^(https?://[^\s?#]+)?$")
    record_url: str = Field(default="", pattern=r"^(https?://[^\s]+)?$")

    def beacon_key(self) -> bytes:
        """The key from which the key of the links is derived."""
        return base64.b64decode(self.index_key.get_secret_value())
