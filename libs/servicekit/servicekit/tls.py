"""Certificates on disk, as gRPC credentials."""

from dataclasses import dataclass
from pathlib import Path

import grpc


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the certificate chain and key of this process, and the authority it trusts.

    A server with an `authority` demands a client certificate signed by it (mutual TLS). A client
    without an `authority` trusts the system's roots; without a `certificate` it shows none.
    """

    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a TLS certificate and its key come together")

    def server_credentials(self) -> grpc.ServerCredentials:
        """Credentials to listen with; ValueError without a certificate, OSError if unreadable."""
        if self.certificate is None or self.key is None:
            raise ValueError("a TLS server needs a certificate and its key")
        return grpc.ssl_server_credentials(
            [(self.key.read_bytes(), self.certificate.read_bytes())],
            root_certificates=_content(self.authority),
            require_client_auth=self.authority is not None,
        )

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Credentials to call with; OSError if a file cannot be read."""
        return grpc.ssl_channel_credentials(
            root_certificates=_content(self.authority),
            private_key=_content(self.key),
            certificate_chain=_content(self.certificate),
        )


def _content(file: Path | None) -> bytes | None:
    return None if file is None else file.read_bytes()
