"""Whatever is sent to the door: an answer that is documented, never a failure, and success if and only if stored."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from servicekit.testing.thoroughness import rounds
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

SUCCESS = {200, 202, 204}
REFUSALS = {400, 401, 403, 404, 405, 413, 415, 422, 429, 431}
CHECKED = settings(
    max_examples=rounds(30, long=600),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SEPARATORS = ':"(),/;<=>?@[\\]{}'
NAMES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=SEPARATORS),
    min_size=1,
    max_size=20,
)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
HOP_BY_HOP = {
    "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip
DECIDING = (
    "webhook-id", "webhook-timestamp", "webhook-signature", "x-hub-signature-256",
    "x-douyin-signature", "x-lark-signature", "wechatpay-serial", "wechatpay-timestamp",
)  # fmt: skip
PROMISED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=9)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=20,
)


async def test_any_request_gets_a_documented_answer_and_nothing_is_kept(
    door: Any, cases: Mapping[str, Any]
) -> None:
    loop = asyncio.get_running_loop()
    paths = [await door.open_account(case) for case in cases.values()]
    # The one channel that proves nothing more than the address would rightly keep what it is sent.
    paths = [path for path in paths if "token_path" not in path]
    reads = ["authorization", "content-encoding", "content-type", *DECIDING]

    async def send(path: str, method: str, query: str, headers: dict[str, str], raw: bytes) -> None:
        address = URL(f"{door.address}{path}?{query}", encoded=True)
        async with door.http.request(method, address, data=raw, headers=headers) as answer:
            assert answer.status in REFUSALS

    @CHECKED
    @given(
        path=st.sampled_from(paths) | st.sampled_from(["/", "/in/v1/", "/in/v1/t_hub256/x", "//"]),
        method=st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "DELETE", "PATCH"]),
        query=st.text("ab=&%+signatureonce0123456789", max_size=40),
        headers=st.dictionaries(NAMES | st.sampled_from(reads), VALUES, max_size=8),
        raw=st.binary(max_size=300) | DOCUMENTS.map(lambda each: json.dumps(each).encode()),
    )
    def bombard(path: str, method: str, query: str, headers: dict[str, str], raw: bytes) -> None:
        kept = {name: v for name, v in headers.items() if name.lower() not in HOP_BY_HOP}
        coroutine = send(path, method, query, kept, raw)
        asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

    await asyncio.to_thread(bombard)

    assert await door.stored() == []


async def test_what_is_signed_is_acknowledged_exactly_when_it_is_stored(
    door: Any, cases: Mapping[str, Any]
) -> None:
    loop = asyncio.get_running_loop()
    senders = {}
    for name, case in cases.items():
        await door.open_account(case)
        senders[name] = await door.sender(case)

    async def send(name: str, body: bytes) -> bool:
        case = cases[name]
        before = await door.rows.fetchval("select sum(attempt_count) from deliveries") or 0
        status, _ = await door.send(door.paths[name, "main"], case.sign(body, keys=senders[name]))
        after = await door.rows.fetchval("select sum(attempt_count) from deliveries") or 0
        assert status in SUCCESS | {422, 401}
        return (status in SUCCESS) == (after == before + 1)

    @CHECKED
    @given(
        name=st.sampled_from(sorted(set(cases) - {"alipay", "token_body"})),
        body=st.binary(max_size=200)
        | DOCUMENTS.map(lambda each: json.dumps(each).encode())
        | DOCUMENTS.map(
            lambda each: json.dumps(each, ensure_ascii=False).encode("utf-8", "surrogatepass")
        )
        | st.text(max_size=60).map(
            lambda text: f"<xml><a>{text}</a></xml>".encode("utf-8", "replace")
        ),
    )
    def bombard(name: str, body: bytes) -> None:
        assert asyncio.run_coroutine_threadsafe(send(name, body), loop).result(20)

    await asyncio.to_thread(bombard)


async def test_the_door_does_what_its_document_says(door: Any, cases: Mapping[str, Any]) -> None:
    await door.open_account(cases["hub256"])
    key = door.paths["hub256", "main"].rpartition("/")[2]
    async with door.http.get("/openapi.json") as answer:
        described = schemathesis.openapi.from_dict(await answer.json())

    def check(operation: Any) -> None:
        @settings(parent=CHECKED, max_examples=rounds(15, long=300))
        @given(operation.as_strategy())
        def call(case: Any) -> None:
            if "account_key" in (case.path_parameters or {}):
                case.path_parameters = {"channel": "t_hub256", "account_key": key}
            case.call_and_validate(base_url=door.address, timeout=10, checks=PROMISED)

        call()

    for operation in described.get_all_operations():
        await asyncio.to_thread(check, operation.ok())

    assert await door.stored() == []


async def test_truncated_requests_get_their_answer(door: Any, cases: Mapping[str, Any]) -> None:
    case = cases["hub256"]
    path = await door.open_account(case)
    signed = case.sign()
    head = "".join(f"{name}: {value}\r\n" for name, value in signed.headers.items())
    request = (
        f"POST {path} HTTP/1.1\r\nhost: x\r\n{head}content-length: {len(signed.raw) + 5}\r\n\r\n"
    ).encode() + signed.raw
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(door.address).port)

    writer.write(request)
    writer.write_eof()

    async with asyncio.timeout(15):
        assert b" 200 " not in await reader.read()
    writer.close()
    await writer.wait_closed()
    assert await door.stored() == []
    assert (await door.send(path, replace(signed)))[0] == 200
