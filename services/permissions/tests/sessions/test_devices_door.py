"""Devices and networks at the gRPC door: registered, approved by somebody else, proven by a signature, ended."""

import json
from typing import Any

import pytest
from accesskit.changes import FactPut, NetworkPut, PolicyPut
from accesskit.decisions import Circumstances, Outcome
from accesskit.facts import Fact
from joserfc.jwk import OKPKey
from leadchain.permissions.v1 import sessions_service_pb2 as pb
from permissions.domain.devices import DEVICES_MAX
from permissions.policies import default_policy
from permissions.queries.live import Live


@pytest.fixture
async def trusting_office(office: Any) -> Any:
    """An office whose policy lets an officer approve devices without anybody else."""
    document = default_policy().replace(
        "- id: register_device\n    on: device", "- id: register_device\n    on: key"
    )
    document = document.replace(
        "actions: [register]\n    steps", "actions: [register_it]\n    steps"
    )
    await office.state(PolicyPut(2, document, "live"))
    return office


async def proven(office: Any, phone: Any, session_id: str, proof: str, *, by: str = "ana") -> str:
    request = pb.ProveDeviceRequest(session_id=session_id, device_id=phone.device_id, proof=proof)
    return str((await office.call("ProveDevice", request, by=by)).device_status)


async def refused_proof(office: Any, phone: Any, session_id: str, proof: str) -> str:
    request = pb.ProveDeviceRequest(session_id=session_id, device_id=phone.device_id, proof=proof)
    code, text = await office.refusal("ProveDevice", request, by="ana")
    return f"{code}: {text}"


async def approve(office: Any, phone: Any, *, by: str = "sec") -> None:
    request = pb.ApproveDeviceRequest(device_id=phone.device_id)
    await office.call("ApproveDevice", request, by=by)


async def may_edit(office: Any, device_id: str = "", *, address: str = "203.0.113.9") -> str:
    given = Circumstances(device_id=device_id, address=address)
    decision = await office.may("ana", "edit", "lead:l-1", circumstances=given)
    return "allow" if decision.outcome is Outcome.ALLOW else str(decision.reason)


@pytest.mark.parametrize("curve", ["Ed25519", "P-256"])
async def test_a_session_is_bound_to_the_device_that_signed_the_nonce(
    office: Any, curve: str
) -> None:
    phone = await office.phone("ana", curve=curve)
    session = await office.sign_in("ana")
    nonce = await office.challenge(phone, by="ana")

    assert await proven(office, phone, session.id, phone.proof(nonce)) == "pending"

    listed = await office.call("ListSessions", pb.ListSessionsRequest(), by="ana")
    assert listed.sessions[0].device_id == phone.device_id


async def test_a_session_can_be_opened_with_a_proof(office: Any) -> None:
    phone = await office.phone("ana")
    proof = phone.proof(await office.challenge(phone, by="engagement"))

    session = await office.sign_in("ana", device_id=phone.device_id, device_proof=proof)

    assert session.device_id == phone.device_id


async def test_a_nonce_is_good_once(office: Any) -> None:
    phone = await office.phone("ana")
    one, other = [await office.sign_in("ana") for _ in range(2)]
    proof = phone.proof(await office.challenge(phone, by="ana"))
    await proven(office, phone, one.id, proof)

    again = await refused_proof(office, phone, other.id, proof)

    assert again == "PERMISSION_DENIED: the proof is refused: nonce"


async def test_a_nonce_is_good_for_a_minute(office: Any) -> None:
    phone = await office.phone("ana")
    session = await office.sign_in("ana")
    early, late = [await office.challenge(phone, by="ana") for _ in range(2)]

    office.clock.now_s += 59
    assert await proven(office, phone, session.id, phone.proof(early)) == "pending"
    office.clock.now_s += 1
    assert "nonce" in await refused_proof(office, phone, session.id, phone.proof(late))


async def test_a_nonce_is_for_one_device(office: Any) -> None:
    phone, other = [await office.phone("ana") for _ in range(2)]
    session = await office.sign_in("ana")
    nonce = await office.challenge(other, by="ana")

    assert "nonce" in await refused_proof(office, phone, session.id, phone.proof(nonce))


@pytest.mark.parametrize(
    "changed",
    [
        {"sub": "another"},
        {"sub": None},
        {"aud": "leadchain"},
        {"aud": None},
        {"nonce": 7},
        {"exp": 1},
    ],
    ids=str,
)
async def test_a_proof_that_says_something_else_is_refused(
    office: Any, changed: dict[str, Any]
) -> None:
    phone = await office.phone("ana")
    session = await office.sign_in("ana")
    nonce = await office.challenge(phone, by="ana")

    refused = await refused_proof(office, phone, session.id, phone.proof(nonce, **changed))

    assert refused.startswith("PERMISSION_DENIED: the proof is refused")


@pytest.mark.parametrize("proof", ["", "x", "a.b.c", "y" * 5000])
async def test_a_text_that_is_no_proof_is_refused(office: Any, proof: str) -> None:
    phone = await office.phone("ana")
    session = await office.sign_in("ana")

    assert "signature" in await refused_proof(office, phone, session.id, proof)


async def test_a_proof_by_another_key_is_refused(office: Any) -> None:
    phone, thief = [await office.phone(person) for person in ("ana", "bo")]
    session = await office.sign_in("ana")
    nonce = await office.challenge(phone, by="ana")
    thief.device_id = phone.device_id

    assert "signature" in await refused_proof(office, phone, session.id, thief.proof(nonce))


async def test_a_device_proves_nothing_in_somebody_elses_session(office: Any) -> None:
    phone = await office.phone("bo")
    session = await office.sign_in("ana")
    nonce = await office.challenge(phone, by="bo")

    request = pb.ProveDeviceRequest(
        session_id=session.id, device_id=phone.device_id, proof=phone.proof(nonce)
    )

    assert (await office.refusal("ProveDevice", request, by="ana"))[0] == "NOT_FOUND"
    assert (await office.refusal("ProveDevice", request, by="bo"))[0] == "PERMISSION_DENIED"


async def test_a_new_device_only_reads_until_somebody_else_has_approved_it(
    trusting_office: Any,
) -> None:
    office = trusting_office
    await office.give("ana", "lead:l-1")
    phone = await office.phone("ana")
    assert await may_edit(office, phone.device_id) == "untrusted_device"
    given = Circumstances(device_id=phone.device_id)
    reading = await office.may("ana", "read", "lead:l-1", circumstances=given)
    assert reading.outcome is Outcome.ALLOW

    await approve(office, phone)
    await approve(office, phone)

    assert await may_edit(office, phone.device_id) == "allow"
    assert [each["action"] for each in await office.entries()].count("device_approved") == 1


async def test_who_is_guarded_acts_at_the_door_from_a_registered_device(
    trusting_office: Any,
) -> None:
    office = trusting_office
    await office.state(FactPut(Fact("role", "security_officer", "member", "user", "dee")))
    theirs, of_ana = await office.phone("dee"), await office.phone("ana")
    await approve(office, theirs)
    request = pb.RevokeDeviceRequest(device_id=of_ana.device_id)

    code, text = await office.refusal("RevokeDevice", request, by="dee")
    await office.call("RevokeDevice", request, by="dee", device_id=theirs.device_id)

    assert (code, "untrusted_device" in text) == ("PERMISSION_DENIED", True)
    listed = await office.call("ListDevices", pb.ListDevicesRequest(), by="ana")
    assert [device.status for device in listed.devices] == ["revoked"]


async def test_nobody_approves_a_device_of_their_own_or_without_the_right(
    trusting_office: Any,
) -> None:
    office = trusting_office
    own, other = await office.phone("sec"), await office.phone("ana")

    for phone, caller in ((own, "sec"), (other, "boss"), (other, "ana")):
        request = pb.ApproveDeviceRequest(device_id=phone.device_id)
        assert (await office.refusal("ApproveDevice", request, by=caller))[0] == "PERMISSION_DENIED"


async def test_a_device_is_approved_with_an_approval_where_the_policy_wants_one(
    office: Any,
) -> None:
    phone = await office.phone("ana")
    bare = pb.ApproveDeviceRequest(device_id=phone.device_id)
    invented = pb.ApproveDeviceRequest(device_id=phone.device_id, approval_id="approval-1")

    code, text = await office.refusal("ApproveDevice", bare, by="sec")
    assert (code, text.startswith("approval_required: {")) == ("PERMISSION_DENIED", True)
    assert phone.device_id in text
    assert await office.refusal("ApproveDevice", invented, by="sec") == (
        "PERMISSION_DENIED",
        "approval_unverifiable",
    )


async def test_a_revoked_device_never_comes_back(trusting_office: Any) -> None:
    office = trusting_office
    await office.give("ana", "lead:l-1")
    phone = await office.phone("ana")
    await approve(office, phone)

    await office.call("RevokeDevice", pb.RevokeDeviceRequest(device_id=phone.device_id), by="ana")

    assert await may_edit(office, phone.device_id) == "untrusted_device"
    again = pb.RegisterDeviceRequest(public_key_jwk=phone.jwk)
    assert (await office.refusal("RegisterDevice", again, by="ana"))[0] == "FAILED_PRECONDITION"
    approving = pb.ApproveDeviceRequest(device_id=phone.device_id)
    assert (await office.refusal("ApproveDevice", approving, by="sec"))[0] == "FAILED_PRECONDITION"
    challenge = pb.ChallengeDeviceRequest(device_id=phone.device_id)
    assert (await office.refusal("ChallengeDevice", challenge, by="ana"))[0] == "PERMISSION_DENIED"


async def test_a_key_is_one_device_of_one_person_however_it_is_written(office: Any) -> None:
    phone = await office.phone("ana")
    members = json.loads(phone.jwk)
    # The last character holds two bits that mean nothing; another one stands for the same key.
    last = members["x"][-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    members["x"] = members["x"][:-1] + alphabet[alphabet.index(last) ^ 1]
    disguised = pb.RegisterDeviceRequest(public_key_jwk=json.dumps(members))

    plain = pb.RegisterDeviceRequest(public_key_jwk=json.dumps(json.loads(phone.jwk), indent=1))

    again = await office.call("RegisterDevice", plain, by="ana")

    assert (again.device_id, again.status) == (phone.device_id, "pending")
    assert (await office.refusal("RegisterDevice", plain, by="bo"))[0] == "FAILED_PRECONDITION"
    assert (await office.refusal("RegisterDevice", disguised, by="bo"))[0] == "INVALID_ARGUMENT"


async def test_one_person_has_so_many_devices(office: Any) -> None:
    for _ in range(DEVICES_MAX):
        await office.phone("ana")

    key = OKPKey.generate_key("Ed25519").as_dict(private=False)
    request = pb.RegisterDeviceRequest(public_key_jwk=json.dumps(key))

    assert (await office.refusal("RegisterDevice", request, by="ana"))[0] == "RESOURCE_EXHAUSTED"


async def test_devices_are_seen_and_ended_by_their_owner_or_an_officer_only(office: Any) -> None:
    phone = await office.phone("ana")

    for rpc, request in (
        ("ListDevices", pb.ListDevicesRequest(principal_id="ana")),
        ("RevokeDevice", pb.RevokeDeviceRequest(device_id=phone.device_id)),
        ("ChallengeDevice", pb.ChallengeDeviceRequest(device_id=phone.device_id)),
    ):
        assert (await office.refusal(rpc, request, by="bo"))[0] == "PERMISSION_DENIED"
    mine = await office.call("ListDevices", pb.ListDevicesRequest(), by="ana")
    assert [device.device_id for device in mine.devices] == [phone.device_id]


async def test_a_trusted_network_stands_in_for_a_device_also_in_its_mapped_form(
    office: Any,
) -> None:
    await office.give("ana", "lead:l-1")
    assert await may_edit(office, address="10.1.2.3") == "untrusted_device"

    request = pb.PutNetworkRequest(cidr="::ffff:10.0.0.0/104", name="上海办公室")
    await office.call("PutNetwork", request, by="sec")

    for address in ("10.1.2.3", "::ffff:10.1.2.3"):
        assert await may_edit(office, address=address) == "allow"
    for address in ("11.1.2.3", "010.1.2.3", "", "fd00::1"):
        assert await may_edit(office, address=address) == "untrusted_device"
    listed = await office.call("ListNetworks", pb.ListNetworksRequest(), by="sec")
    assert [(each.cidr, each.name) for each in listed.networks] == [("10.0.0.0/8", "上海办公室")]


async def test_a_network_is_trusted_until_it_is_removed_also_after_a_restart(office: Any) -> None:
    await office.give("ana", "lead:l-1")
    await office.call("PutNetwork", pb.PutNetworkRequest(cidr="10.0.0.0/8", name="hq"), by="sec")
    restarted = Live(office.database, clock=office.clock)
    await restarted.start()
    await restarted.stop()
    assert NetworkPut("10.0.0.0/8", "hq") in restarted.engine.snapshot()

    for _ in range(2):
        await office.call("RemoveNetwork", pb.RemoveNetworkRequest(cidr="10.0.0.0/8"), by="sec")

    assert await may_edit(office, address="10.1.2.3") == "untrusted_device"
    assert [each["action"] for each in await office.entries()].count("network_removed") == 1


async def test_only_an_officer_edits_networks(office: Any) -> None:
    for rpc, request in (
        ("PutNetwork", pb.PutNetworkRequest(cidr="0.0.0.0/0", name="all")),
        ("RemoveNetwork", pb.RemoveNetworkRequest(cidr="10.0.0.0/8")),
        ("ListNetworks", pb.ListNetworksRequest()),
    ):
        assert (await office.refusal(rpc, request, by="ana"))[0] == "PERMISSION_DENIED"
