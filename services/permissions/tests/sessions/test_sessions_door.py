"""Sessions and API keys at the gRPC door: opened by the identity provider, ended by their owner or an officer."""

from typing import Any

import pytest
from accesskit.changes import PrincipalPut
from accesskit.decisions import Circumstances, Outcome
from leadchain.permissions.v1 import sessions_service_pb2 as pb
from permissions.domain.sessions import LIFETIME_S, SESSIONS_MAX
from permissions.queries.live import Live
from permissions.store import sessions as store

DAY_S = 86_400


def opening(**changed: Any) -> pb.OpenSessionRequest:
    usual = {"request_id": "sign-in-1", "principal_id": "ana", "address": "10.1.2.3"}
    return pb.OpenSessionRequest(**(usual | changed))


async def beat(office: Any, session_id: str, *, address: str = "10.1.2.3") -> bool:
    request = pb.HeartbeatRequest(session_id=session_id, address=address)
    return bool((await office.call("Heartbeat", request, by="engagement")).is_open)


async def sessions_of(office: Any, principal_id: str) -> list[pb.Session]:
    request = pb.ListSessionsRequest(principal_id=principal_id)
    return list((await office.call("ListSessions", request, by="sec")).sessions)


async def test_a_session_carries_the_epoch_and_lasts_half_a_day(office: Any) -> None:
    await office.state(PrincipalPut("ana", "user", "active", 4))

    session = (await office.call("OpenSession", opening(), by="engagement")).session

    assert (session.principal_id, session.epoch, session.address) == ("ana", 4, "10.1.2.3")
    assert session.expires_at.seconds - session.opened_at.seconds == LIFETIME_S


async def test_the_same_request_opens_one_session(office: Any) -> None:
    first = await office.call("OpenSession", opening(), by="engagement")

    again = await office.call("OpenSession", opening(), by="engagement")

    assert again == first
    assert len(await sessions_of(office, "ana")) == 1
    other = opening(principal_id="bo")
    assert (await office.refusal("OpenSession", other, by="engagement"))[0] == "FAILED_PRECONDITION"


async def test_an_ipv4_mapped_address_is_kept_as_ipv4(office: Any) -> None:
    session = await office.sign_in("ana", address="::ffff:10.1.2.3")

    assert session.address == "10.1.2.3"


async def test_only_the_identity_provider_opens_sessions(office: Any) -> None:
    for caller in ("ana", "sec"):
        code, _ = await office.refusal("OpenSession", opening(), by=caller)
        assert code == "PERMISSION_DENIED"


@pytest.mark.parametrize("status", ["suspended", "departed"])
async def test_nobody_signs_in_who_is_not_active(office: Any, status: Any) -> None:
    await office.state(PrincipalPut("ana", "user", status, 2))

    assert await office.refusal("OpenSession", opening(), by="engagement") == (
        "PERMISSION_DENIED",
        f"the principal is {status}",
    )
    stranger = opening(principal_id="nobody")
    assert (await office.refusal("OpenSession", stranger, by="engagement"))[0] == "NOT_FOUND"


async def test_one_person_has_so_many_sessions_at_a_time(office: Any) -> None:
    for _ in range(SESSIONS_MAX):
        await office.sign_in("ana", lifetime_s=60)

    code, _ = await office.refusal("OpenSession", opening(), by="engagement")

    assert code == "RESOURCE_EXHAUSTED"
    office.clock.now_s += 61
    assert (await office.sign_in("ana")).id


async def test_a_session_goes_on_until_it_expires(office: Any) -> None:
    session = await office.sign_in("ana", lifetime_s=600)
    office.clock.now_s += 599

    assert await beat(office, session.id, address="10.9.9.9")

    [seen] = await sessions_of(office, "ana")
    assert seen.last_seen_at.seconds - seen.opened_at.seconds == 599
    assert seen.address == "10.9.9.9"
    office.clock.now_s += 1
    assert not await beat(office, session.id)


async def test_one_revoked_session_ends_and_the_others_go_on(office: Any) -> None:
    one, other = [await office.sign_in("ana") for _ in range(2)]
    tokens = [office.token("ana", epoch=1, session_id=each.id) for each in (one, other)]
    asked = pb.ListSessionsRequest()
    for token in tokens:
        await office.call("ListSessions", asked, by="ana", token=token)

    request = pb.RevokeSessionsRequest(session_id=one.id)
    revoked = await office.call("RevokeSessions", request, by="ana")
    again = await office.call("RevokeSessions", request, by="ana")

    assert (revoked.revoked_count, again.revoked_count) == (1, 0)
    assert (await office.refusal("ListSessions", asked, by="ana", token=tokens[0]))[1] == "revoked"
    await office.call("ListSessions", asked, by="ana", token=tokens[1])
    assert [await beat(office, each.id) for each in (one, other)] == [False, True]


async def test_revoking_all_ends_every_session_and_token_by_a_new_epoch(office: Any) -> None:
    for _ in range(3):
        await office.sign_in("ana")
    token = office.token("ana", epoch=1)

    request = pb.RevokeSessionsRequest(principal_id="ana")
    revoked = await office.call("RevokeSessions", request, by="sec")

    assert (revoked.revoked_count, revoked.epoch) == (3, 2)
    asked = pb.ListSessionsRequest()
    assert (await office.refusal("ListSessions", asked, by="ana", token=token))[1] == "revoked"
    stale = Circumstances(epoch=1)
    assert (
        await office.may("ana", "enrol", "device:d", circumstances=stale)
    ).reason == "stale_epoch"
    assert (await office.sign_in("ana")).epoch == 2


async def test_a_revocation_survives_a_restart(office: Any) -> None:
    session = await office.sign_in("ana")
    request = pb.RevokeSessionsRequest(session_id=session.id)
    await office.call("RevokeSessions", request, by="ana")

    restarted = Live(office.database, clock=office.clock)
    await restarted.start()
    await restarted.stop()

    given = Circumstances(session_id=session.id, epoch=1)
    assert restarted.engine.is_void("ana", given)
    assert not restarted.engine.is_void("ana", Circumstances(epoch=1))
    async with office.database.raw() as raw:
        assert len(await store.load(raw)) == 1


async def test_sessions_are_seen_and_ended_by_their_owner_or_an_officer_only(office: Any) -> None:
    session = await office.sign_in("ana")
    reading = pb.ListSessionsRequest(principal_id="ana")
    one = pb.RevokeSessionsRequest(session_id=session.id)
    everything = pb.RevokeSessionsRequest(principal_id="ana")

    for rpc, request in (
        ("ListSessions", reading),
        ("RevokeSessions", one),
        ("RevokeSessions", everything),
    ):
        assert (await office.refusal(rpc, request, by="bo"))[0] == "PERMISSION_DENIED"
    assert (await office.call("ListSessions", reading, by="ana")).sessions[0].id == session.id


async def test_sessions_are_listed_newest_first_page_by_page(office: Any) -> None:
    opened = [(await office.sign_in("ana")).id for _ in range(5)]

    listed, page_token = [], ""
    while True:
        request = pb.ListSessionsRequest(page_size=2, page_token=page_token)
        page = await office.call("ListSessions", request, by="ana")
        listed += [session.id for session in page.sessions]
        page_token = page.next_page_token
        if not page_token:
            break

    assert listed == opened[::-1]


@pytest.mark.parametrize("text", ["\x00", "a:b", "x" * 201])
async def test_ids_that_are_no_names_are_refused(office: Any, text: str) -> None:
    for rpc, request, caller in (
        ("Heartbeat", pb.HeartbeatRequest(session_id=text, address="10.1.2.3"), "engagement"),
        ("RevokeSessions", pb.RevokeSessionsRequest(session_id=text), "sec"),
        ("RevokeSessions", pb.RevokeSessionsRequest(principal_id=text), "sec"),
        ("ListSessions", pb.ListSessionsRequest(page_token=text), "ana"),
        ("RevokeApiKey", pb.RevokeApiKeyRequest(key_id=text), "sec"),
        ("CreateApiKey", pb.CreateApiKeyRequest(principal_id=text), "sec"),
    ):
        assert (await office.refusal(rpc, request, by=caller))[0] == "INVALID_ARGUMENT"


async def test_an_api_key_proves_its_principal_until_it_is_revoked_or_expires(office: Any) -> None:
    making = pb.CreateApiKeyRequest(principal_id="engagement", lifetime_days=2)
    made = await office.call("CreateApiKey", making, by="sec")
    other = await office.call("CreateApiKey", making, by="sec")
    asked = pb.VerifyApiKeyRequest(api_key=made.api_key)

    proven = await office.call("VerifyApiKey", asked, by="engagement")

    assert (proven.principal_id, proven.epoch, proven.key_id) == ("engagement", 1, made.key_id)
    await office.call("RevokeApiKey", pb.RevokeApiKeyRequest(key_id=made.key_id), by="sec")
    assert (await office.refusal("VerifyApiKey", asked, by="engagement"))[1] == "bad_api_key"
    office.clock.now_s += 2 * DAY_S
    expired = pb.VerifyApiKeyRequest(api_key=other.api_key)
    assert (await office.refusal("VerifyApiKey", expired, by="engagement"))[1] == "bad_api_key"


async def test_the_secret_of_an_api_key_is_stored_and_recorded_nowhere(office: Any) -> None:
    making = pb.CreateApiKeyRequest(principal_id="engagement")
    made = await office.call("CreateApiKey", making, by="sec")

    secret = made.api_key.rpartition(".")[2]

    async with office.database.raw() as raw:
        stored = await raw.fetchval("select secret_hash from api_keys")
    assert secret.encode() not in stored
    assert secret not in str(await office.entries())


async def test_api_keys_are_made_by_an_officer_for_active_principals_only(office: Any) -> None:
    await office.state(PrincipalPut("bo", "user", "suspended", 2))

    own = pb.CreateApiKeyRequest(principal_id="ana")
    assert (await office.refusal("CreateApiKey", own, by="ana"))[0] == "PERMISSION_DENIED"
    suspended = pb.CreateApiKeyRequest(principal_id="bo")
    assert (await office.refusal("CreateApiKey", suspended, by="sec"))[0] == "PERMISSION_DENIED"
    lasting = pb.CreateApiKeyRequest(principal_id="ana", lifetime_days=367)
    assert (await office.refusal("CreateApiKey", lasting, by="sec"))[0] == "INVALID_ARGUMENT"
    assert (await office.may("sec", "create", "key:ana")).outcome is Outcome.ALLOW
