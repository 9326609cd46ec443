"""What is refused at the doors of sessions, devices and offboarding, whatever the state of the office."""

import json
from typing import Any

import pytest
import pytest_asyncio
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from leadchain.permissions.v1 import sessions_service_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def office(lasting_office: Any) -> Any:
    return lasting_office


@pytest.mark.parametrize(
    "jwk",
    [
        "",
        "[]",
        "{}",
        '{"kty":"OKP","crv":"Ed25519"}',
        '{"kty":"OKP","crv":"Ed25519","x":7}',
        '{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}',
        json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)),
        json.dumps(OKPKey.generate_key("X25519").as_dict(private=False)),
        json.dumps(ECKey.generate_key("P-384").as_dict(private=False)),
        json.dumps(RSAKey.generate_key(2048).as_dict(private=False)),
        json.dumps(OctKey.generate_key(256).as_dict(private=True)),
        "[" * 2000,
        "x" * 3000,
    ],
    ids=[
        "nothing",
        "a list",
        "no members",
        "no x",
        "x is a number",
        "no point of its curve",
        "private",
        "of key agreement",
        "of a longer curve",
        "RSA",
        "symmetric",
        "a depth bomb",
        "too long",
    ],
)
async def test_a_key_that_no_device_can_prove_is_refused(office: Any, jwk: str) -> None:
    request = pb.RegisterDeviceRequest(public_key_jwk=jwk)

    assert (await office.refusal("RegisterDevice", request, by="ana"))[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "cidr",
    ["", "10.0.0.0", "10.0.0.1/8", "010.0.0.0/8", "10.0.0.0/33", "fe80::%1/64", "hq/8", "\x00"],
)
async def test_what_is_no_network_is_refused(office: Any, cidr: str) -> None:
    for rpc, request in (
        ("PutNetwork", pb.PutNetworkRequest(cidr=cidr, name="hq")),
        ("RemoveNetwork", pb.RemoveNetworkRequest(cidr=cidr)),
    ):
        assert (await office.refusal(rpc, request, by="sec"))[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "changed",
    [
        {"request_id": ""},
        {"address": ""},
        {"address": "10.01.2.3"},
        {"address": "010.1.2.3"},
        {"address": "fe80::1%eth0"},
        {"address": "example.org"},
        {"lifetime_s": 86_401},
        {"principal_id": "a\u200bna"},
        {"principal_id": ""},
        {"device_id": "d\x00"},
    ],
    ids=str,
)
async def test_a_malformed_sign_in_is_refused(office: Any, changed: dict[str, Any]) -> None:
    usual = {"request_id": "sign-in-1", "principal_id": "ana", "address": "10.1.2.3"}
    request = pb.OpenSessionRequest(**(usual | changed))

    code, _ = await office.refusal("OpenSession", request, by="engagement")

    assert code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "text", ["", "lck", "lck..", "lck.a.b", "lck.\x00.b", "abc.d.e", "l" * 999]
)
async def test_a_text_that_is_no_key_of_ours_is_refused(office: Any, text: str) -> None:
    request = pb.VerifyApiKeyRequest(api_key=text)

    assert await office.refusal("VerifyApiKey", request, by="engagement") == (
        "UNAUTHENTICATED",
        "bad_api_key",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"request_id": "short"},
        {"request_id": "x" * 65},
        {"request_id": "leave ana 1"},
        {"principal_id": "an\x00a"},
        {"principal_id": "an\u202ea"},
        {"successor_id": "b:o"},
        {"reason": "because 示例"},
        {"reason": ""},
    ],
    ids=str,
)
async def test_a_malformed_offboarding_is_refused(office: Any, changed: dict[str, Any]) -> None:
    usual = {"request_id": "leave-ana-1", "principal_id": "ana", "reason": "resigned"}
    request = pb.OffboardRequest(**(usual | changed))

    code, text = await office.refusal("Offboard", request, by="sec")

    assert code in {"INVALID_ARGUMENT", "PERMISSION_DENIED"}
    assert "示例" not in text
