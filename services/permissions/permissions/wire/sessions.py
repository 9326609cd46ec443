"""Sessions, API keys, devices and networks: protobuf to domain and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.permissions.v1 import sessions_service_pb2 as pb

from permissions.domain.sessions import SignIn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accesskit.changes import NetworkPut, PrincipalPut

    from permissions.commands.sessions import Revocation
    from permissions.domain.devices import Challenge, Device
    from permissions.domain.sessions import ApiKey, Session
    from permissions.queries.sessions import SessionsPage


def sign_in(request: pb.OpenSessionRequest) -> SignIn:
    """Who signs in; raises `BadRequestId`, `BadAddress` or `LifetimeTooLong`."""
    return SignIn(
        request_id=request.request_id,
        principal_id=request.principal_id,
        address=request.address,
        device_id=request.device_id,
        device_proof=request.device_proof,
        lifetime_s=request.lifetime_s,
    )


def open_session_response(session: Session) -> pb.OpenSessionResponse:
    """The session as an answer."""
    return pb.OpenSessionResponse(session=_session(session))


def list_sessions_response(page: SessionsPage) -> pb.ListSessionsResponse:
    """A page of sessions as an answer."""
    return pb.ListSessionsResponse(
        sessions=[_session(session) for session in page.sessions],
        next_page_token=page.next_token,
    )


def revoke_sessions_response(
    revocation: Revocation, *, is_confirmed: bool
) -> pb.RevokeSessionsResponse:
    """What ended as an answer."""
    return pb.RevokeSessionsResponse(
        revoked_count=revocation.revoked_count,
        epoch=revocation.epoch,
        token=revocation.token,
        is_confirmed=is_confirmed,
    )


def create_api_key_response(key: ApiKey, written: str) -> pb.CreateApiKeyResponse:
    """A new key as an answer."""
    response = pb.CreateApiKeyResponse(key_id=key.key_id, api_key=written)
    response.expires_at.FromDatetime(key.expires_at)
    return response


def verify_api_key_response(key: ApiKey, principal: PrincipalPut) -> pb.VerifyApiKeyResponse:
    """Whom a key proves as an answer."""
    return pb.VerifyApiKeyResponse(
        principal_id=principal.principal_id, epoch=principal.epoch, key_id=key.key_id
    )


def list_devices_response(devices: Iterable[Device]) -> pb.ListDevicesResponse:
    """Devices as an answer."""
    response = pb.ListDevicesResponse()
    for device in devices:
        added = response.devices.add(
            device_id=device.device_id, status=device.status, thumbprint=device.key.thumbprint
        )
        added.registered_at.FromDatetime(device.registered_at)
    return response


def challenge_response(challenge: Challenge) -> pb.ChallengeDeviceResponse:
    """A nonce as an answer."""
    response = pb.ChallengeDeviceResponse(nonce=challenge.nonce)
    response.expires_at.FromDatetime(challenge.expires_at)
    return response


def list_networks_response(networks: Iterable[NetworkPut]) -> pb.ListNetworksResponse:
    """Networks as an answer."""
    return pb.ListNetworksResponse(
        networks=[pb.ListedNetwork(cidr=put.cidr, name=put.name) for put in networks]
    )


def _session(session: Session) -> pb.Session:
    message = pb.Session(
        id=session.session_id,
        principal_id=session.principal_id,
        epoch=session.epoch,
        device_id=session.device_id,
        address=session.address,
    )
    message.opened_at.FromDatetime(session.opened_at)
    message.last_seen_at.FromDatetime(session.last_seen_at)
    message.expires_at.FromDatetime(session.expires_at)
    if session.revoked_at is not None:
        message.revoked_at.FromDatetime(session.revoked_at)
    return message
