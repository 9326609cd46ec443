"""Settings of reporting."""

import base64
from pathlib import Path
from typing import ClassVar

from accesskit.notes import Signer, public_key_of
from pydantic import Field, SecretStr
from servicekit.settings import ServiceSettings

WITNESS = "leadchain/reporting"
"""The name under which the audit log is co-signed."""


class Settings(ServiceSettings):
    """Where the other books are (`host:port` or a gRPC name), and how the ledger is checked.

    An item may be on its way for `in_flight_grace_s` seconds before it counts as missing. The ledger is checked every
    `ledger_check_interval_s` seconds. Days and months in reports are those of `report_time_zone`; `metrics_file`
    replaces the packaged contracts of figures.

    The audit log is co-signed with the key made from `witness_signing_key`, base64 of 32 bytes; without it, it is only
    watched. `audit_public_keys` are the keys that the log may sign with, in the form `name+id+base64`, separated by
    commas; where there are none, the first key that the log states is trusted and remembered.
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
    metrics_file: Path | None = None
    witness_signing_key: SecretStr | None = None
    audit_public_keys: str = ""

    def signer(self) -> Signer | None:
        """Who co-signs the audit log; raises ValueError for a malformed key."""
        text = self.witness_signing_key
        if text is None:
            return None
        return Signer.from_seed(WITNESS, base64.b64decode(text.get_secret_value(), validate=True))

    def trusted_keys(self) -> list[bytes]:
        """The public keys that the audit log may sign with; raises ValueError for a malformed one."""
        keys = (each.strip() for each in self.audit_public_keys.split(","))
        return [public_key_of(each) for each in keys if each]
