"""Settings of reporting."""

from typing import ClassVar

from pydantic import Field, SecretStr
from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Where the other books are (`host:port` or a gRPC name), and how the ledger is checked.

    An item may be on its way for `in_flight_grace_s` seconds before it counts as missing. The ledger is checked every
    `ledger_check_interval_s` seconds. Days in reports are those of `report_time_zone`.
    """

    service: ClassVar[str] = "reporting"
    database_url: SecretStr = Field(validation_alias="REPORTING_DATABASE_URL")
    permissions_grpc: str
    lead_intake_grpc: str
    identity_grpc: str
    assignment_grpc: str
    in_flight_grace_s: float = Field(default=60.0, ge=0)
    ledger_check_interval_s: float = Field(default=30.0, gt=0)
    report_time_zone: str = "Asia/Shanghai"
