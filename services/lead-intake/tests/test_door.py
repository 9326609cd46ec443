"""The door over real sockets: who is let in, what is answered, and that nothing makes it fail."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

FORM = "website_form"
PAGE = "facebook_leadgen"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def intake(shared_intake: Any) -> Any:
    return shared_intake


async def deliveries(intake: Any) -> int:
    return len(await intake.deliveries())


async def post(intake: Any, path: str, raw: bytes, headers: dict[str, str]) -> int:
    async with intake.http.post(path, data=raw, headers=headers) as answer:
        await answer.read()
        return int(answer.status)


async def test_a_signed_form_is_answered_with_the_id_under_which_it_is_stored(
    intake: Any, samples: Any
) -> None:
    status, answer = await intake.post_form(samples.form())

    assert status == 202
    (stored,) = await intake.deliveries()
    assert UUID(answer["id"]) == stored["delivery_id"]


async def test_the_raw_body_is_stored_sealed(intake: Any, samples: Any) -> None:
    await intake.accepted_form(samples.form())

    (stored,) = await intake.deliveries()
    assert b"13800138004" not in stored["raw"]
    assert "赵六".encode() not in stored["raw"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda h: {**h, "webhook-signature": h["webhook-signature"][:-3] + "AA="},
        lambda h: {**h, "webhook-id": "msg_other"},
        lambda h: {**h, "webhook-timestamp": "soon"},
        lambda h: {**h, "webhook-timestamp": ""},
        lambda h: {**h, "webhook-signature": h["webhook-signature"].replace("v1,", "v2,")},
        lambda h: {**h, "webhook-signature": "é"},
        lambda h: {k: v for k, v in h.items() if k != "webhook-signature"},
        lambda h: {k: v for k, v in h.items() if k != "webhook-id"},
        lambda h: {k: v for k, v in h.items() if k != "webhook-timestamp"},
        lambda h: {**h, "webhook-id": "x" * 300},
    ],
)
async def test_a_form_with_spoilt_headers_is_refused(
    intake: Any, samples: Any, spoil: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    raw = json.dumps(samples.form()).encode()

    status = await post(intake, intake.paths[FORM], raw, spoil(samples.sign_form(raw)))

    assert status == 401
    assert await deliveries(intake) == 0


async def test_a_form_with_a_flipped_byte_is_refused(intake: Any, samples: Any) -> None:
    raw = json.dumps(samples.form()).encode()
    flipped = bytes([raw[0] ^ 1]) + raw[1:]

    status = await post(intake, intake.paths[FORM], flipped, samples.sign_form(raw))

    assert status == 401


@pytest.mark.parametrize("skew_s", [-301, 320, -86_400])
async def test_a_form_signed_at_another_time_is_refused(
    intake: Any, samples: Any, skew_s: float
) -> None:
    status, _ = await intake.post_form(samples.form(), at_s=time.time() + skew_s)

    assert status == 401


async def test_a_form_signed_for_another_account_is_refused(intake: Any, samples: Any) -> None:
    other = await intake.put_account(FORM, "other", secrets=["whsec_" + "QUJD" * 8])
    raw = json.dumps(samples.form()).encode()

    assert await post(intake, other, raw, samples.sign_form(raw)) == 401
    right = samples.sign_form(raw, secret="whsec_" + "QUJD" * 8)
    assert await post(intake, other, raw, right) == 202


async def test_a_repeated_header_is_refused(intake: Any, samples: Any) -> None:
    raw = json.dumps(samples.form()).encode()
    headers = [*samples.sign_form(raw).items(), ("webhook-id", "msg_other")]

    async with intake.http.post(intake.paths[FORM], data=raw, headers=headers) as answer:
        assert answer.status == 401


async def test_two_secrets_are_active_while_one_replaces_the_other(
    intake: Any, samples: Any
) -> None:
    new = "whsec_" + "WFla" * 8

    same_path = await intake.put_account(FORM, secrets=[new, samples.form_secret])

    assert same_path == intake.paths[FORM]
    assert (await intake.post_form(samples.form()))[0] == 202
    assert (await intake.post_form(samples.form(), secret=new))[0] == 202
    await intake.put_account(FORM, secrets=[new])
    assert (await intake.post_form(samples.form()))[0] == 401


async def test_a_page_event_is_proved_by_its_body_alone(intake: Any, samples: Any) -> None:
    raw = json.dumps(samples.page_event("1")).encode()
    right = samples.sign_page(raw)

    assert await post(intake, intake.paths[PAGE], raw, right) == 200
    assert await post(intake, intake.paths[PAGE], raw + b" ", right) == 401
    unsigned = {"content-type": "application/json"}
    assert await post(intake, intake.paths[PAGE], raw, unsigned) == 401
    signature = right["X-Hub-Signature-256"].replace("sha256", "sha1")
    sha1 = {**unsigned, "X-Hub-Signature-256": signature}
    assert await post(intake, intake.paths[PAGE], raw, sha1) == 401


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/in/v1/website_form/unknown",
        "/in/v1/nobody/x",
        "/in/v1/website_form",
        "/in/v1/website_form/",
        "/in/v1/x/y/z",
    ],
)  # fmt: skip
async def test_an_unknown_channel_or_account_gets_an_answer_without_a_hint(
    intake: Any, path: str
) -> None:
    async with intake.http.post(path, data=b"{}") as answer:
        assert (answer.status, await answer.read()) == (404, b"")


async def test_the_key_of_one_channel_opens_no_other(intake: Any, samples: Any) -> None:
    key = intake.paths[FORM].rpartition("/")[2]
    raw = json.dumps(samples.page_event("1")).encode()

    assert await post(intake, f"/in/v1/{PAGE}/{key}", raw, samples.sign_page(raw)) == 404


async def test_the_handshake_echoes_the_challenge_to_who_has_the_token(
    intake: Any, samples: Any
) -> None:
    async def ask(**query: str) -> tuple[int, str]:
        named = urlencode({f"hub.{name}": value for name, value in query.items()})
        async with intake.http.get(f"{intake.paths[PAGE]}?{named}") as answer:
            return answer.status, await answer.text()

    right = {"mode": "subscribe", "challenge": "1158201444", "verify_token": samples.verify_token}

    assert await ask(**right) == (200, "1158201444")
    assert await ask(**{**right, "verify_token": "wrong"}) == (403, "")
    assert await ask(**{**right, "verify_token": ""}) == (403, "")
    assert await ask(**{**right, "mode": "unsubscribe"}) == (403, "")
    assert await ask(**{**right, "challenge": "x" * 300}) == (403, "")
    assert await ask() == (403, "")
    async with intake.http.get(intake.paths[FORM]) as answer:
        assert answer.status == 404


async def test_a_repeated_delivery_gets_the_first_ones_answer(intake: Any, samples: Any) -> None:
    form = samples.form()

    first = await intake.post_form(form, webhook_id="msg_same")
    again = await asyncio.gather(
        *(intake.post_form(form, webhook_id="msg_same") for _ in range(20))
    )

    assert first[0] == 202
    assert again == [first] * 20
    assert await deliveries(intake) == 1


async def test_repetitions_in_one_group_are_one_delivery(intake: Any, samples: Any) -> None:
    answers = await asyncio.gather(
        *(intake.post_form(samples.form(), webhook_id=f"msg_{n % 5}") for n in range(50))
    )

    assert {status for status, _ in answers} == {202}
    assert len({answer["id"] for _, answer in answers}) == 5
    assert await deliveries(intake) == 5


async def test_a_repeated_page_event_is_stored_once(intake: Any, samples: Any) -> None:
    assert await intake.post_page(samples.page_event("1")) == 200
    assert await intake.post_page(samples.page_event("1")) == 200

    assert await deliveries(intake) == 1


async def test_a_huge_body_is_refused(intake: Any, samples: Any) -> None:
    status, _ = await intake.post_form(b'{"fields":"' + b"x" * 70_000 + b'"}')

    assert status == 413


async def test_deep_nesting_is_refused(intake: Any) -> None:
    assert (await intake.post_form(b"[" * 33 + b"]" * 33))[0] == 422
    assert (await intake.post_form(b"[" * 60_000))[0] == 422
    assert (await intake.post_form(b"[" * 32 + b"]" * 32))[0] == 202


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b'{"fields":{',
        b'{"fields":{"mobile":NaN}}',
        b'{"fields":{"mobile":1e999}}',
        b'{"fields":{"mobile":"1","mobile":"2"}}',
        b'{"fields":{"name":"\\ud800"}}',
        b'{"fields":{"name":"\xff"}}',
        b'\xef\xbb\xbf{"fields":{}}',
        b'{"fields":{}} {}',
        b'{"n":' + b"1" * 5000 + b"}",
        b"{" + b",".join(b'"k%d":1' % n for n in range(2001)) + b"}",
    ],
    ids=[
        "empty",
        "no JSON",
        "truncated",
        "NaN",
        "infinite",
        "a key twice",
        "half a character",
        "no UTF-8",
        "a byte order mark",
        "two documents",
        "a huge integer",
        "too many keys",
    ],
)
async def test_what_two_readers_could_read_differently_is_refused(intake: Any, raw: bytes) -> None:
    status, answer = await intake.post_form(raw)

    assert (status, answer) == (422, None)
    assert await deliveries(intake) == 0


async def test_a_body_with_as_many_keys_as_allowed_is_let_in(intake: Any) -> None:
    status, _ = await intake.post_form({f"k{n}": 2**70 for n in range(2000)})

    assert status == 202


async def test_how_often_a_delivery_was_sent_is_counted(intake: Any, samples: Any) -> None:
    for _ in range(3):
        await intake.post_form(samples.form(), webhook_id="msg_same")
    await intake.post_form(samples.form(), webhook_id="msg_other")

    stored = await intake.deliveries()
    counted = [(row["attempt_count"], row["last_attempt_at"] is not None) for row in stored]
    assert counted == [(3, True), (1, False)]


async def test_only_posts_are_deliveries(intake: Any) -> None:
    async with intake.http.put(intake.paths[FORM], data=b"{}") as answer:
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_too_many_headers_are_refused(intake: Any, samples: Any) -> None:
    raw = json.dumps(samples.form()).encode()
    signed = samples.sign_form(raw)

    many = {**signed, **{f"x-{n}": "1" for n in range(64)}}
    assert await post(intake, intake.paths[FORM], raw, many) == 431
    assert await post(intake, intake.paths[FORM], raw, {**signed, "x": "y" * 8000}) == 202
    large = {**signed, **{f"x-{n}": "y" * 6000 for n in range(3)}}
    assert await post(intake, intake.paths[FORM], raw, large) == 431


async def test_a_compressed_body_is_refused(intake: Any, samples: Any) -> None:
    headers = {**samples.sign_form(b"x"), "content-encoding": "gzip"}

    assert await post(intake, intake.paths[FORM], b"x", headers) == 415


async def test_no_bytes_make_the_door_fail_and_every_success_is_stored(intake: Any) -> None:
    loop = asyncio.get_running_loop()
    accepted: set[str] = set()

    async def send(raw: bytes) -> None:
        status, answer = await intake.post_form(raw)
        assert status in {202, 413, 422}
        if status == 202:
            accepted.add(answer["id"])

    @settings(
        max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.one_of(st.binary(max_size=300), json_bytes()))
    def bombard(raw: bytes) -> None:
        asyncio.run_coroutine_threadsafe(send(raw), loop).result(20)

    await asyncio.to_thread(bombard)

    assert await deliveries(intake) == len(accepted)
    settled = await intake.settled(len(accepted))
    assert {str(item["delivery_id"]) for item in settled} == accepted


async def test_no_headers_make_the_door_fail(intake: Any) -> None:
    loop = asyncio.get_running_loop()
    names = (
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "traceparent",
        "content-encoding",
    )

    async def send(headers: dict[str, str]) -> None:
        assert await post(intake, intake.paths[FORM], b"{}", headers) in {401, 415}

    @settings(max_examples=50, deadline=None)
    @given(st.dictionaries(st.sampled_from(names), st.text(HEADER_CHARACTERS, max_size=60)))
    def bombard(headers: dict[str, str]) -> None:
        asyncio.run_coroutine_threadsafe(send(headers), loop).result(20)

    await asyncio.to_thread(bombard)


HEADER_CHARACTERS = st.characters(min_codepoint=0x20, max_codepoint=0x7E)


def json_bytes() -> st.SearchStrategy[bytes]:
    leaves = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=20)
    )
    names = st.sampled_from(
        [
            "fields",
            "mobile",
            "name",
            "email",
            "page",
            "url",
            "consent",
            "checked_at",
            "hp",
            "city",
            "x",
        ]
    )
    values = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    )
    return values.map(lambda value: json.dumps(value).encode())
