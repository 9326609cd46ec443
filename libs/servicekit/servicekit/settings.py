"""Settings that every service has. Each is one environment variable; a service adds its own in its `settings.py`."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from servicekit.sealing import KeyRing
from servicekit.tls import TlsFiles


class ServiceSettings(BaseSettings):
    """Where a service finds its servers, keys and ports. Invalid values raise `pydantic.ValidationError` at start.

    A subclass names its own database variable, such as `IDENTITY_DATABASE_URL`, as the alias of `database_url`.
    """

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True, hide_input_in_errors=True)
    service: ClassVar[str]

    database_url: SecretStr
    database_pool_size: int = Field(default=10, ge=2, le=100)
    nats_url: str = "nats://127.0.0.1:4222"
    nats_user: str | None = None
    nats_password: SecretStr | None = None

    bind_host: str = "127.0.0.1"
    http_port: int = Field(default=8080, ge=0, le=65535)
    grpc_port: int = Field(default=9090, ge=0, le=65535)

    jwks_file: Path
    token_issuer: str = "leadchain"  # noqa: S105 - a name, not a secret
    token_audience: str = "leadchain"  # noqa: S105 - same
    service_token_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_ca_file: Path | None = None

    log_level: str = "INFO"
    spans_dir: Path | None = None
    grace_period_s: float = Field(default=20.0, gt=0)
    outbox_kept_days: int = Field(default=7, ge=1)
    inbox_kept_days: int = Field(default=30, ge=8)

    def tls(self) -> TlsFiles | None:
        """The certificates for gRPC; None when the network is trusted to be loopback or a mesh."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return TlsFiles(self.tls_cert_file, self.tls_key_file, self.tls_ca_file)


class FieldKeySettings(ServiceSettings):
    """Settings of a service that reads or writes personal data.

    `field_keys` is `id:base64,id:base64`, 32-byte keys, the active one first. `index_key` is base64 of 32 bytes.
    """

    field_keys: SecretStr
    index_key: SecretStr

    def key_ring(self) -> KeyRing:
        """The keys that seal personal data."""
        return KeyRing.parse(self.field_keys.get_secret_value())
