"""Certificates for tests of TLS: a made-up authority, what it signed, and a stranger's."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from servicekit.tls import TlsFiles


def certificates(folder: Path) -> tuple[Path, TlsFiles, TlsFiles]:
    """An authority's certificate, files it signed for localhost, and files of another's signing.

    All are written into `folder` as PEM and are good for an hour.
    """
    for name in ("ours", "theirs"):
        authority_key = ec.generate_private_key(ec.SECP256R1())
        authority = _signed(f"{name} authority", authority_key, authority_key, None)
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = _signed("localhost", key, authority_key, authority)
        (folder / f"{name}-ca.pem").write_bytes(_pem(authority))
        (folder / f"{name}.pem").write_bytes(_pem(leaf))
        (folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    ca = folder / "ours-ca.pem"
    own, strangers = (
        TlsFiles(folder / f"{name}.pem", folder / f"{name}.key", ca) for name in ("ours", "theirs")
    )
    return ca, own, strangers


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    authority_key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate | None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if authority is None else authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
