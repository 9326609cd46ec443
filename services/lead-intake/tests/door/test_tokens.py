"""Client credentials for partner systems: tokens over the real endpoint, and what they open."""

from __future__ import annotations

import asyncio
import base64
import hmac
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from lead_intake.verifiers.oauth2_bearer import Oauth2Bearer
from lead_intake.verifiers.protocol import KeyMaterial, Request
from lead_intake.webhooks.oauth2 import TOKENS_BURST

SECRET = "a-secret-of-a-partner-of-this-test"
THE_KEY = OctKey.import_key(hmac.digest(SECRET.encode(), b"lead-intake/oauth2-bearer/1", "sha256"))
PATH = "/oauth2/token"
FORM = {"content-type": "application/x-www-form-urlencoded"}


async def ask(door: Any, *, headers: dict[str, str] | None = None, **form: str) -> tuple[int, Any]:
    named = {"grant_type": "client_credentials", **form}
    async with door.http.post(PATH, data=named, headers=headers or {}) as answer:
        assert answer.status == 429 or answer.headers["cache-control"] == "no-store"
        return answer.status, await answer.json() if answer.status != 429 else None


def basic(client_id: str, secret: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"authorization": f"Basic {encoded}"}


async def test_a_client_shows_its_secret_in_the_form_or_in_the_header(
    door: Any, cases: Any
) -> None:
    case = cases["oauth2"]
    await door.open_account(case)
    secret, client_id = case.keys("main").signing, "t_oauth2/main"

    for status, answer in (
        await ask(door, client_id=client_id, client_secret=secret),
        await ask(door, headers=basic(client_id, secret)),
        await ask(door, headers=basic("t_oauth2%2Fmain", secret)),
    ):
        assert (status, answer["token_type"], answer["expires_in"]) == (200, "Bearer", 600)


@pytest.mark.parametrize(
    ("form", "headers", "expected"),
    [
        ({"client_id": "t_oauth2/main", "client_secret": "wrong"}, {}, (401, "invalid_client")),
        ({"client_id": "t_oauth2/nobody", "client_secret": "x"}, {}, (401, "invalid_client")),
        ({"client_id": "t_hub256/main", "client_secret": "x"}, {}, (401, "invalid_client")),
        ({}, {}, (401, "invalid_client")),
        ({}, {"authorization": "Basic %%%"}, (401, "invalid_client")),
        ({}, {"authorization": "Digest x"}, (401, "invalid_client")),
        ({"grant_type": "password"}, {}, (400, "unsupported_grant_type")),
        ({"scope": "everything"}, {}, (400, "invalid_scope")),
        ({"client_secret": "x"}, {"authorization": "Basic YTpi"}, (400, "invalid_request")),
        ({}, {"content-type": "application/json"}, (400, "invalid_request")),
    ],
    ids=[
        "a wrong secret",
        "an unknown client",
        "a channel that takes no tokens",
        "no client",
        "no base64",
        "another scheme",
        "another grant",
        "a scope",
        "shown twice",
        "no form",
    ],
)
async def test_who_shows_no_secret_gets_an_error_of_the_standard(
    door: Any, cases: Any, form: dict[str, str], headers: dict[str, str], expected: Any
) -> None:
    await door.open_account(cases["oauth2"])
    await door.open_account(cases["hub256"])

    status, answer = await ask(door, headers=headers, **form)

    assert (status, answer) == (expected[0], {"error": expected[1]})


@pytest.mark.parametrize(
    "body",
    [b"", b"client_id=x", b"grant_type=client_credentials&grant_type=x", b"\xff=%ff", b"x" * 9000],
    ids=["empty", "no grant", "a field twice", "no UTF-8", "too large"],
)
async def test_what_is_no_form_is_refused(door: Any, body: bytes) -> None:
    async with door.http.post(PATH, data=body, headers=FORM) as answer:
        assert answer.status == (413 if len(body) > 8192 else 400)


async def test_a_secret_that_is_taken_away_takes_its_tokens_with_it(door: Any, cases: Any) -> None:
    case = cases["oauth2"]
    old, new = case.keys("main"), case.keys("new")
    path = await door.open_account(case)
    sender = await door.bearer(case)

    await door.open_account(case, keys=[new, old])
    assert (await door.send(path, case.sign(keys=sender)))[0] == 200
    await door.open_account(case, keys=[new])
    assert (await door.send(path, case.sign(keys=sender)))[0] == 401


async def test_an_account_that_asks_too_often_is_told_to_wait_and_nobody_else_is(
    door: Any, cases: Any
) -> None:
    case = cases["oauth2"]
    await door.open_account(case)
    await door.open_account(case, "other")

    async def status_of(account: str) -> int:
        secret = case.keys(account).signing
        return (await ask(door, client_id=f"t_oauth2/{account}", client_secret=secret))[0]

    answers = [await status_of("main") for _ in range(int(TOKENS_BURST))]
    more = await asyncio.gather(*(status_of("main") for _ in range(100)))

    assert answers == [200] * int(TOKENS_BURST)
    assert 429 in more
    assert await status_of("other") == 200


def a_verifier(client_id: str = "partner/main") -> Oauth2Bearer:
    return Oauth2Bearer(KeyMaterial(signing=(SECRET,), identity={"client_id": client_id}))


def bearing(token: str) -> Request:
    return Request(b"{}", {b"authorization": f"Bearer {token}".encode()}, {})


def test_a_token_is_good_for_ten_minutes_and_for_its_client_only() -> None:
    verifier, now_s = a_verifier(), time.time()
    token = verifier.token(0, now_s=now_s)

    assert verifier.prove(bearing(token), now_s=now_s + 599)
    assert not verifier.prove(bearing(token), now_s=now_s + 600)
    assert not verifier.prove(bearing(token), now_s=now_s - 60)
    assert not a_verifier("partner/other").prove(bearing(token), now_s=now_s)


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "someone-else"},
        {"sub": "partner/other"},
        {"exp": 10**12},
        {"iat": 10**9 + 600, "exp": 10**9 + 1200},
    ],
    ids=["audience", "subject", "too long", "from the future"],
)
def test_a_token_that_says_anything_else_is_none(change: dict[str, Any]) -> None:
    verifier, now_s = a_verifier(), 10**9
    claims = jwt.decode(verifier.token(0, now_s=now_s), THE_KEY, algorithms=["HS256"]).claims

    forged = jwt.encode({"alg": "HS256"}, {**claims, **change}, THE_KEY)

    assert not verifier.prove(bearing(forged), now_s=now_s)


def test_a_token_under_another_key_or_none_is_none() -> None:
    verifier = a_verifier()
    claims = {"aud": "leadchain-intake", "sub": "partner/main", "iat": 10**9, "exp": 10**9 + 600}
    other = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET.encode()))
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    unsigned = f"{head}.{other.split('.')[1]}."

    assert not verifier.prove(bearing(other), now_s=10**9)
    assert not verifier.prove(bearing(unsigned), now_s=10**9)
    wrong_scheme = bearing(other)
    headers = {b"authorization": b"Basic x"}
    assert not verifier.prove(replace_headers(wrong_scheme, headers), now_s=10**9)


def replace_headers(request: Request, headers: dict[bytes, bytes]) -> Request:
    return request._replace(headers=headers)
