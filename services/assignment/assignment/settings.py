"""What assignment is told by its environment."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr
from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """The kit's settings, and the files with assignment's rules.

    `routing_rules_file`, `sla_policy_file` and `pool_policy_file` replace the packaged documents; a file that is not
    valid keeps the service from starting. Routing rules of a file are version 1, in force until others are published.
    """

    service: ClassVar[str] = "assignment"

    database_url: SecretStr = Field(validation_alias="ASSIGNMENT_DATABASE_URL")
    permissions_grpc: str
    routing_rules_file: Path | None = None
    sla_policy_file: Path | None = None
    pool_policy_file: Path | None = None
