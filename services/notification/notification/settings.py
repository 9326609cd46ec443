"""Settings of notification."""

from typing import ClassVar

from pydantic import Field, SecretStr
from servicekit.settings import FieldKeySettings


class Settings(FieldKeySettings):
    """`reminder_delay_scale` multiplies the seconds between tries; 1 keeps the schedule (1 s to 10 min).

    `reminder_pace_s` is the least time between two webhooks to one recipient: what comes up meanwhile leaves together.
    `allow_loopback_http` lets webhooks go to plain http on this machine; only for local stacks. Times in reminders are
    of `reminder_time_zone`.
    """

    service: ClassVar[str] = "notification"
    database_url: SecretStr = Field(validation_alias="NOTIFICATION_DATABASE_URL")
    permissions_grpc: str
    allow_loopback_http: bool = False
    reminder_delay_scale: float = Field(default=1.0, gt=0, le=10)
    reminder_pace_s: float = Field(default=0.1, ge=0, le=60)
    reminder_time_zone: str = "Asia/Shanghai"
