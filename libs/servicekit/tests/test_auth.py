"""Bearer tokens: what is accepted, what is refused and how keys change under way."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey
from servicekit.auth import (
    LOCAL_ISSUER,
    Caller,
    SessionClaims,
    TokenVerifier,
    become,
    current_caller,
    current_token,
    mint_token,
    new_signing_key,
)
from servicekit.errors import Forbidden, Unauthenticated, Unavailable

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Clock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now_s = NOON.timestamp()

    def __call__(self) -> float:
        """The present moment."""
        return self.now_s


class Issuer:
    """A signing key whose public half lies in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.private, self.public = new_signing_key()
        file.write_text(json.dumps(self.public))

    def rotate(self) -> None:
        """Replace the key and publish the new one only."""
        self.private, self.public = new_signing_key()
        self.file.write_text(json.dumps(self.public))

    def token(
        self,
        *,
        audience: str = "leadchain",
        lifetime_s: float = 300,
        **session: Unpack[SessionClaims],
    ) -> str:
        """A token that is good at noon."""
        return mint_token(
            self.private,
            subject="service:assignment",
            scopes=["operator", "service:assignment"],
            audience=audience,
            lifetime_s=lifetime_s,
            now=NOON,
            **session,
        )

    def signed(self, claims: dict[str, Any]) -> str:
        """A token that states just these claims."""
        members = {name: value for name, value in self.private.items() if name != "iss"}
        header = {"alg": "Ed25519", "kid": members["kid"]}
        return jwt.encode(header, claims, OKPKey.import_key(members), algorithms=["Ed25519"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path / "jwks.json")


@pytest.fixture
def verifier(issuer: Issuer, clock: Clock) -> TokenVerifier:
    return a_verifier(issuer.file, clock)


def a_verifier(source: Path | str, clock: Callable[[], float]) -> TokenVerifier:
    return TokenVerifier(source, issuer=LOCAL_ISSUER, audience="leadchain", clock=clock)


def claims(**changes: Any) -> dict[str, Any]:
    at_s = int(NOON.timestamp())
    usual = {"iss": LOCAL_ISSUER, "sub": "x", "aud": "leadchain", "exp": at_s + 60}
    return {name: value for name, value in (usual | changes).items() if value is not None}


async def refusal(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(token)
    return str(caught.value)


async def test_a_good_token_proves_its_subject_and_scopes(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    caller = await verifier.verify(issuer.token())

    assert caller.subject == "service:assignment"
    assert caller.scopes == {"operator", "service:assignment"}
    assert caller.token_id


async def test_a_verified_token_is_remembered_for_a_minute_and_never_past_its_end(
    issuer: Issuer, verifier: TokenVerifier, clock: Clock
) -> None:
    long, short = issuer.token(), issuer.token(lifetime_s=20)
    for token in (long, short):
        await verifier.verify(token)

    clock.now_s += 30
    assert verifier.remembered(long) is not None
    assert verifier.remembered(short) is None

    clock.now_s += 31
    assert verifier.remembered(long) is None


async def test_a_token_is_good_within_the_leeway_and_expired_after_it(
    issuer: Issuer, verifier: TokenVerifier, clock: Clock
) -> None:
    token = issuer.token(lifetime_s=10)

    clock.now_s += 13
    assert await verifier.verify(token)

    clock.now_s += 3
    assert await refusal(verifier, token) == "expired"


async def test_a_token_for_another_audience_is_not_for_us(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    assert await refusal(verifier, issuer.token(audience="payroll")) == "not_for_us"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "someone-else"},
        {"iss": None},
        {"aud": None},
        {"exp": None},
        {"sub": None},
        {"nbf": int(NOON.timestamp()) + 600},
    ],
    ids=str,
)
async def test_a_claim_that_is_wrong_or_absent_is_refused(
    issuer: Issuer, verifier: TokenVerifier, change: dict[str, Any]
) -> None:
    assert await refusal(verifier, issuer.signed(claims(**change))) == "not_for_us"


@pytest.mark.parametrize(
    "audience", [[], "", "leadchain2", ["payroll"], 7, {"leadchain": 1}], ids=str
)
async def test_a_token_that_does_not_name_us_as_its_audience_is_refused(
    issuer: Issuer, verifier: TokenVerifier, audience: object
) -> None:
    token = issuer.signed(claims(aud=audience))

    assert await refusal(verifier, token) in {"not_for_us", "malformed"}


async def test_a_token_states_its_epoch_session_and_second_factor(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    token = issuer.token(
        epoch=3, session_id="s1", device_id="d1", amr=["pwd", "hwk"], auth_time=NOON.timestamp()
    )

    caller = await verifier.verify(token)

    assert (caller.epoch, caller.session_id, caller.device_id) == (3, "s1", "d1")
    assert caller.amr == {"pwd", "hwk"}
    assert caller.auth_time == NOON.timestamp()


async def test_a_token_of_no_session_states_none(issuer: Issuer, verifier: TokenVerifier) -> None:
    caller = await verifier.verify(issuer.token())

    assert (caller.epoch, caller.session_id, caller.device_id) == (None, "", "")
    assert (caller.amr, caller.auth_time) == (frozenset(), None)


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": "3"},
        {"epoch": True},
        {"epoch": 0},
        {"epoch": 1.5},
        {"epoch": 10**400},
        {"epoch": float("inf")},
        {"sid": 4},
        {"device_id": ["d1"]},
        {"amr": "pwd"},
        {"amr": [1]},
        {"auth_time": "noon"},
        {"auth_time": float("nan")},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_session_claim_of_another_kind_makes_the_token_malformed(
    issuer: Issuer, verifier: TokenVerifier, change: dict[str, Any]
) -> None:
    assert await refusal(verifier, issuer.signed(claims(**change))) == "malformed"


async def test_a_revoked_token_is_refused_at_once_although_it_was_remembered(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    token, other = issuer.token(session_id="s1"), issuer.token(session_id="s2")
    await verifier.verify(token)
    await verifier.verify(other)
    revoked: set[str] = set()
    verifier.is_revoked = lambda caller: caller.session_id in revoked
    assert verifier.remembered(token) is not None

    revoked.add("s1")

    with pytest.raises(Unauthenticated, match="revoked"):
        verifier.remembered(token)
    assert await refusal(verifier, token) == "revoked"
    assert verifier.remembered(other) is not None


async def test_a_token_revoked_before_its_first_use_is_refused(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    verifier.is_revoked = lambda caller: caller.epoch == 1

    assert await refusal(verifier, issuer.token(epoch=1)) == "revoked"
    assert await verifier.verify(issuer.token(epoch=2))


async def test_a_signature_by_another_key_under_a_known_id_is_refused(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    stranger = OKPKey.generate_key("Ed25519")
    header = {"alg": "Ed25519", "kid": issuer.private["kid"]}

    token = jwt.encode(header, claims(), stranger, algorithms=["Ed25519"])

    assert await refusal(verifier, token) == "bad_signature"


async def test_a_token_that_chooses_its_own_algorithm_is_refused(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    public = OctKey.import_key(json.dumps(issuer.public["keys"][0]))
    header = {"alg": "HS256", "kid": issuer.private["kid"]}
    confused = jwt.encode(header, claims(), public, algorithms=["HS256"])
    _, body, _ = issuer.token().split(".")
    unsigned = f"eyJhbGciOiJub25lIiwia2lkIjoieCJ9.{body}."

    assert await refusal(verifier, confused) == "malformed"
    assert await refusal(verifier, unsigned) == "unknown_key"


async def test_elliptic_curve_keys_are_accepted(tmp_path: Path, clock: Clock) -> None:
    key = ECKey.generate_key("P-256", {"kid": "curve"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    verifier = a_verifier(tmp_path / "jwks.json", clock)

    token = jwt.encode({"alg": "ES256", "kid": "curve"}, claims(), key, algorithms=["ES256"])

    assert (await verifier.verify(token)).subject == "x"


async def test_a_new_key_is_found_when_a_token_names_it(
    issuer: Issuer, verifier: TokenVerifier, clock: Clock
) -> None:
    await verifier.verify(issuer.token())
    issuer.rotate()

    clock.now_s += 6

    assert await verifier.verify(issuer.token())


async def test_unknown_keys_cannot_make_the_key_set_be_read_more_than_every_5_s(
    issuer: Issuer, verifier: TokenVerifier, clock: Clock
) -> None:
    await verifier.verify(issuer.token())
    issuer.rotate()

    clock.now_s += 4

    assert await refusal(verifier, issuer.token()) == "unknown_key"


async def test_a_withdrawn_key_stops_working_within_two_minutes(
    issuer: Issuer, verifier: TokenVerifier, clock: Clock
) -> None:
    token = issuer.token()
    await verifier.verify(token)
    issuer.rotate()

    clock.now_s += 120

    assert await refusal(verifier, token) == "unknown_key"


async def test_the_last_keys_stay_in_use_while_the_set_cannot_be_read(
    issuer: Issuer, verifier: TokenVerifier, clock: Clock
) -> None:
    await verifier.verify(issuer.token())
    issuer.file.write_text("not json")

    clock.now_s += 90

    assert await verifier.verify(issuer.token())


@pytest.mark.parametrize("content", [None, "", "[]", '{"keys": []}', '{"keys": [{"kty": "RSA"}]}'])
async def test_without_any_key_set_the_verifier_is_unavailable_and_lets_nobody_in(
    tmp_path: Path, issuer: Issuer, clock: Clock, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "other.json").write_text(content)
    verifier = a_verifier(tmp_path / "other.json", clock)

    with pytest.raises(Unavailable):
        await verifier.load()
    with pytest.raises(Unavailable):
        await verifier.verify(issuer.token())


@asynccontextmanager
async def published(document: dict[str, Any]) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(document)

    app = web.Application()
    app.router.add_get("/jwks.json", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/jwks.json"
    finally:
        await runner.cleanup()


async def test_a_key_set_is_fetched_from_an_address(issuer: Issuer, clock: Clock) -> None:
    async with published(issuer.public) as address:
        verifier = a_verifier(address, clock)

        assert await verifier.verify(issuer.token())


async def test_an_oversized_key_set_is_not_used(issuer: Issuer, clock: Clock) -> None:
    async with published(issuer.public | {"filler": "x" * 300_000}) as address:
        verifier = a_verifier(address, clock)

        with pytest.raises(Unavailable):
            await verifier.load()


def test_a_key_set_over_plain_http_from_another_machine_is_refused(clock: Clock) -> None:
    with pytest.raises(ValueError, match="https"):
        a_verifier("http://keys.example/jwks.json", clock)


@pytest.fixture(scope="module")
def lasting_issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("keys") / "jwks.json")


@given(noise=st.one_of(st.text(max_size=60), st.from_regex(r"[A-Za-z0-9_-]{0,80}")))
async def test_any_text_is_refused_and_never_another_error(
    lasting_issuer: Issuer, noise: str
) -> None:
    verifier = a_verifier(lasting_issuer.file, Clock())
    head, body, signature = lasting_issuer.token().split(".")

    for text in (noise, f"{noise}.{body}.{signature}", f"{head}.{noise}.{signature}"):
        assert await refusal(verifier, text) in {"malformed", "unknown_key", "bad_signature"}
    assert await refusal(verifier, f"{head}.{body}.{noise}") in {"malformed", "bad_signature"}


async def test_an_overlong_token_is_refused_unread(verifier: TokenVerifier) -> None:
    assert await refusal(verifier, "a" * 10_000) == "malformed"


def test_a_caller_without_the_scope_is_forbidden() -> None:
    caller = Caller("service:reporting", frozenset({"read"}), "t1")

    caller.require("read")
    with pytest.raises(Forbidden):
        caller.require("write")


def test_the_current_caller_is_the_one_made_current() -> None:
    assert current_caller() is None

    caller = Caller("service:reporting", frozenset(), "t1")
    become(caller, token="t")

    assert (current_caller(), current_token()) == (caller, "t")
    become(None)
    assert current_token() == ""


def test_a_token_is_not_minted_at_a_time_without_a_zone() -> None:
    private, _ = new_signing_key()

    with pytest.raises(ValueError, match="time zone"):
        mint_token(
            private,
            subject="x",
            scopes=[],
            audience="a",
            lifetime_s=1,
            now=NOON.replace(tzinfo=None),
        )
