"""Settings of engagement."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr
from servicekit.settings import FieldKeySettings


class Settings(FieldKeySettings):
    """The kit's settings, with the keys that open what customers said.

    `follow_up_policy_file`, `behaviour_policy_file`, `stages_file`, `tasks_file`, `watches_file` and `standings_file`
    replace the packaged documents; one that is not valid keeps the service from starting. Weeks begin on Monday in
    `time_zone`.
    `visits_file` is how days of visits are planned; travel times are those of `traffic_url` (AMap's distance
    measurement below that address, with `traffic_key`), and as the crow flies where none is set.
    Recordings of calls are written down by the recogniser at `speech_url`, asked with `speech_token`, if they are
    fetched from one of `speech_hosts` (names with commas between them); without it they are not written down.
    """

    service: ClassVar[str] = "engagement"
    database_url: SecretStr = Field(validation_alias="ENGAGEMENT_DATABASE_URL")
    permissions_grpc: str
    follow_up_policy_file: Path | None = None
    behaviour_policy_file: Path | None = None
    stages_file: Path | None = None
    tasks_file: Path | None = None
    watches_file: Path | None = None
    standings_file: Path | None = None
    visits_file: Path | None = None
    traffic_url: str = Field(default="", pattern=r"^(https?://[^\s?#]+)?$")
    traffic_key: SecretStr = SecretStr("")
    speech_url: str = Field(default="", pattern=r"^(https?://[^\s?#]+)?$")
    speech_token: SecretStr = SecretStr("")
    speech_hosts: str = ""
    time_zone: str = "Asia/Shanghai"

    def recording_hosts(self) -> frozenset[str] | None:
        """From where recordings may be fetched; None where nobody writes them down."""
        names = (name.strip().casefold() for name in self.speech_hosts.split(","))
        return frozenset(filter(None, names)) if self.speech_url else None
