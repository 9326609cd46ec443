"""Devices that prove their key, and networks that are trusted (PM-05).

A device is a public key of a person. It is worked with after somebody else has approved it; until then it may only
read. A proof is a JWT over a nonce of ours, which is good once and for a minute.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey
from servicekit.errors import Conflict, Forbidden, Invalid, NotFound, TooMany

PROOF_AUDIENCE = "leadchain-devices"
PROOF_ALGORITHMS = ("Ed25519", "EdDSA", "ES256")
NONCE_LIFETIME = timedelta(seconds=60)
DEVICES_MAX = 10
"""Devices that one person may have, revoked ones not counted."""

_KEY_CHARS_MAX = 2048
_PROOF_CHARS_MAX = 4096
_PRIVATE_MEMBERS = frozenset({"d", "k", "p", "q", "dp", "dq", "qi"})

Status: TypeAlias = Literal["pending", "registered", "revoked"]
_Key: TypeAlias = OKPKey | ECKey


class BadDeviceKey(Invalid):
    """Not a public key that a device can prove: Ed25519 or P-256, and no private member."""

    def __init__(self) -> None:
        super().__init__("public_key_jwk is not a public JWK of type OKP (Ed25519) or EC (P-256)")


class BadProof(Forbidden):
    """The device has not proven its key; `code` says why: signature, nonce, or revoked."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the proof is refused: {code}")
        self.code = code


class UnknownDevice(NotFound):
    """No device has this id."""

    def __init__(self) -> None:
        super().__init__("no device has this id")


class DeviceTaken(Conflict):
    """The key is registered for somebody else, or was revoked."""

    def __init__(self) -> None:
        super().__init__("this key cannot be registered")


class DeviceRevoked(Conflict):
    """A revoked device never comes back."""

    def __init__(self) -> None:
        super().__init__("the device is revoked")


class OwnDevice(Forbidden):
    """Whoever works with a device does not approve it."""

    def __init__(self) -> None:
        super().__init__("a device is approved by somebody else than its owner")


class TooManyDevices(TooMany):
    """One more device than a person may have."""

    def __init__(self) -> None:
        super().__init__(f"{DEVICES_MAX} devices are registered", retry_after_s=3600.0)


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A public key in its one written form, and its RFC 7638 thumbprint."""

    jwk: str
    thumbprint: str

    @classmethod
    def parse(cls, text: str) -> "DeviceKey":
        """The key that a JWK states; raises `BadDeviceKey`."""
        stated = _imported(text)
        # Base64 has several forms of the same bytes; a key read from DER is written in one.
        key = type(stated).import_key(stated.as_der(private=False))
        public = json.dumps(key.as_dict(private=False), sort_keys=True, separators=(",", ":"))
        return cls(public, key.thumbprint())


@dataclass(frozen=True, slots=True)
class Device:
    """A device of a person; `approved_by` is empty until somebody did."""

    device_id: str
    principal_id: str
    key: DeviceKey
    status: Status
    registered_at: datetime
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A nonce for one device, good once until it expires."""

    nonce: str
    device_id: str
    expires_at: datetime


def challenge(device: Device, *, nonce: str, now: datetime) -> Challenge:
    """A nonce for the device to sign; raises `BadProof` for a revoked one."""
    if device.status == "revoked":
        raise BadProof("revoked")
    return Challenge(nonce, device.device_id, now + NONCE_LIFETIME)


def proven_nonce(device: Device, proof: str, *, now: datetime) -> str:
    """The nonce that the device signed, which the caller has to use up; raises `BadProof`."""
    if device.status == "revoked":
        raise BadProof("revoked")
    claims = _verified(device, proof, now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str):
        raise BadProof("nonce")
    return nonce


def check_registrable(existing: Device | None, *, principal_id: str, device_count: int) -> None:
    """Raises `DeviceTaken` or `TooManyDevices`; `existing` is the device with the same key, if there is one."""
    if existing is not None and (
        existing.principal_id != principal_id or existing.status == "revoked"
    ):
        raise DeviceTaken
    if existing is None and device_count >= DEVICES_MAX:
        raise TooManyDevices


def check_approvable(device: Device, *, approver_id: str) -> None:
    """Raises `OwnDevice` or `DeviceRevoked`."""
    if device.principal_id == approver_id:
        raise OwnDevice
    if device.status == "revoked":
        raise DeviceRevoked


def _imported(text: str) -> _Key:
    if len(text) > _KEY_CHARS_MAX:
        raise BadDeviceKey
    try:
        members = json.loads(text)
        return _import(members)
    except (ValueError, TypeError, RecursionError, JoseError):
        raise BadDeviceKey from None


def _import(members: dict[str, Any]) -> _Key:
    if not isinstance(members, dict) or _PRIVATE_MEMBERS & members.keys():
        raise BadDeviceKey
    match members.get("kty"), members.get("crv"):
        case "OKP", "Ed25519":
            return OKPKey.import_key({name: members.get(name, "") for name in ("kty", "crv", "x")})
        case "EC", "P-256":
            names = ("kty", "crv", "x", "y")
            return ECKey.import_key({name: members.get(name, "") for name in names})
        case _:
            raise BadDeviceKey


def _verified(device: Device, proof: str, now: datetime) -> dict[str, Any]:
    rules = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        aud={"essential": True, "value": PROOF_AUDIENCE},
        sub={"essential": True, "value": device.device_id},
    )
    if len(proof) > _PROOF_CHARS_MAX:
        raise BadProof("signature")
    try:
        key = _import(json.loads(device.key.jwk))
        claims = jwt.decode(proof, key, algorithms=list(PROOF_ALGORITHMS)).claims
        rules.validate(claims)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise BadProof("signature") from None
    return claims
