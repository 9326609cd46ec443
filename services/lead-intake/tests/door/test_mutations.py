"""Every kind of proof, and everything that can be wrong with a delivery: the documented refusal, and nothing stored."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leadctl.fakes.signing import Signed

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEEP = b'{"a":' * 1000 + b"1" + b"}" * 1000
DEEP_XML = b"<a>" * 1000 + b"1" + b"</a>" * 1000
ENTITY = b'<!DOCTYPE xml [<!ENTITY a "b">]><xml><Content>&a;</Content></xml>'
ODD_JSON = {
    "NaN": b'{"phone":NaN}',
    "a key twice": b'{"phone":"1","phone":"2"}',
    "depth 1,000": DEEP,
    "an XML entity": ENTITY,
    "truncated inside": b'{"phone":"1',
}
ODD_XML = {
    "NaN": b"NaN",
    "depth 1,000": DEEP_XML,
    "an XML entity": ENTITY,
    "truncated inside": b"<xml><a>",
}


@pytest_asyncio.fixture(loop_scope="module")
async def door(lasting_door: Any) -> Any:
    await lasting_door.forget()
    return lasting_door


async def sent(door: Any, case: Any, signed: Signed, **more: Any) -> int:
    status, _ = await door.send(door.paths[case.name, "main"], signed, **more)
    return int(status)


async def test_an_authentic_delivery_is_acknowledged_and_stored_as_it_was_meant(
    door: Any, case: Any
) -> None:
    await door.open_account(case)
    signed = case.sign(keys=await door.sender(case))

    status, _ = await door.send(door.paths[case.name, "main"], signed)

    assert status == case.document()["ack"]["status"]
    (kept,) = await door.stored()
    assert kept.is_opened
    assert kept.body == _meant(case, signed)


async def test_a_repetition_gets_the_same_answer_and_is_counted(door: Any, case: Any) -> None:
    await door.open_account(case)
    signed = case.sign(keys=await door.sender(case))

    answers = [await door.send(door.paths[case.name, "main"], signed) for _ in range(3)]

    assert len({status for status, _ in answers}) == 1
    assert await door.rows.fetchval("select attempt_count from deliveries") == 3


async def test_no_proof_is_left_when_any_part_of_it_is_gone_doubled_or_another(
    door: Any, case: Any
) -> None:
    await door.open_account(case)
    signed = case.sign(keys=await door.sender(case))

    answers = {
        what: await sent(door, case, spoilt, **more)
        for what, spoilt, more in _without_proof(case, signed)
    }

    assert answers == dict.fromkeys(answers, 401)
    assert await door.stored() == []


async def test_another_accounts_proof_is_none(door: Any, keyed_case: Any) -> None:
    await door.open_account(keyed_case)
    await door.open_account(keyed_case, "other")
    others = await door.sender(keyed_case, "other")

    signed = keyed_case.sign(keys=others)

    assert await sent(door, keyed_case, signed) == 401
    status, _ = await door.send(door.paths[keyed_case.name, "other"], signed)
    assert status in {200, 204}


@pytest.mark.parametrize("skew_s", [-301, 320, -86_400])
async def test_a_stale_time_is_no_proof_where_the_sender_signs_a_fresh_one(
    door: Any, timed_case: Any, skew_s: float
) -> None:
    await door.open_account(timed_case)

    assert await sent(door, timed_case, timed_case.sign(at_s=time.time() + skew_s)) == 401


async def test_a_changed_body_is_refused_where_the_proof_covers_it(door: Any, case: Any) -> None:
    await door.open_account(case)
    signed = case.sign(keys=await door.sender(case))

    flipped = await sent(door, case, replace(signed, raw=_flipped(signed.raw)))
    cut = await sent(door, case, replace(signed, raw=signed.raw[:-9]))

    if case.covers == "nothing":
        assert (flipped, cut) in {(200, 422), (200, 401)}
    else:
        assert (flipped, cut) == (401, 401)
        assert await door.stored() == []


async def test_the_same_content_written_another_way_is_refused_where_bytes_are_signed(
    door: Any, rewritable_case: Any
) -> None:
    await door.open_account(rewritable_case)
    signed = rewritable_case.sign(keys=await door.sender(rewritable_case))

    status = await sent(door, rewritable_case, replace(signed, raw=_rewritten(signed.raw)))

    assert status == (401 if rewritable_case.covers == "bytes" else 200)


async def test_what_is_no_plain_document_is_refused_even_when_it_is_authentic(
    door: Any, read_case: Any
) -> None:
    odd = {"json": ODD_JSON, "xml": ODD_XML}.get(read_case.form)
    await door.open_account(read_case)
    keys = await door.sender(read_case)

    answers = {}
    for what, body in odd.items():
        signable = read_case.name != "token_body" or what == "NaN"
        if signable:
            answers[what] = await sent(door, read_case, read_case.sign(body, keys=keys))

    assert answers == dict.fromkeys(answers, 422)
    assert await door.stored() == []


async def test_a_body_that_is_too_large_compressed_or_of_another_type_is_refused(
    door: Any, case: Any
) -> None:
    await door.open_account(case)
    signed = case.sign(keys=await door.sender(case))
    other_type = {**signed.headers, "content-type": "text/csv"}
    no_type = {**signed.headers, "content-type": ""}

    assert await sent(door, case, replace(signed, raw=b" " * 10_000_000)) == 413
    assert await sent(door, case, signed, more_headers=[("content-encoding", "gzip")]) == 415
    assert await sent(door, case, replace(signed, headers=other_type)) == 415
    assert await sent(door, case, replace(signed, headers=no_type)) == 415
    assert await door.stored() == []


async def test_two_keys_are_active_while_one_replaces_the_other(
    door: Any, rotating_case: Any
) -> None:
    new = replace(rotating_case.keys("new"), identity=rotating_case.keys("main").identity)
    new = replace(new, verify_token=rotating_case.keys("main").verify_token)
    await door.open_account(rotating_case, keys=[new, rotating_case.keys("main")])

    assert await sent(door, rotating_case, rotating_case.sign()) in {200, 204}
    assert await sent(door, rotating_case, rotating_case.sign(keys=new)) in {200, 204}
    await door.open_account(rotating_case, keys=[new])
    assert await sent(door, rotating_case, rotating_case.sign()) == 401


async def test_without_usable_keys_everything_is_refused(door: Any, keyed_case: Any) -> None:
    await door.open_account(keyed_case)
    signed = keyed_case.sign(keys=await door.sender(keyed_case))
    key = door.paths[keyed_case.name, "main"].rpartition("/")[2]

    for secrets in (b"{}", b'{"signing":[""],"encryption":["x"]}', b"no JSON"):
        await door.put_secrets(f"t_{keyed_case.name}", "main", secrets, key)
        assert await sent(door, keyed_case, signed) == 401

    assert door.accounts.problem() is None


def _meant(case: Any, signed: Signed) -> bytes:
    """What must be kept of a delivery."""
    if case.name == "wxpay":
        return b'{"envelope":%b,"resource":%b}' % (signed.raw, case.body)
    if case.name == "token_body":
        return signed.raw.replace(case.keys("main").signing.encode(), b"")
    return signed.raw if case.name == "alipay" else bytes(case.body)


def _without_proof(case: Any, signed: Signed) -> Iterator[tuple[str, Signed, dict[str, Any]]]:
    """The request without each part of its proof, with each part twice, and with each part changed."""
    headers = [name for name in signed.headers if name not in {"content-type", "msg-id"}]
    for name in (name for name in headers if name != "x-jdy-deliverid"):
        value = signed.headers[name]
        rest = {each: v for each, v in signed.headers.items() if each != name}
        yield f"without {name}", replace(signed, headers=rest), {}
        yield f"{name} twice", signed, {"more_headers": [(name, value)]}
        other = replace(signed, headers={**rest, name: _other(value)})
        yield f"another {name}", other, {}
    for name, value in signed.query.items():
        rest = {each: v for each, v in signed.query.items() if each != name}
        yield f"without ?{name}", replace(signed, query=rest), {}
        yield f"?{name} twice", signed, {"more_query": [(name, value)]}
        yield f"another ?{name}", replace(signed, query={**rest, name: _other(value)}), {}
    if case.name == "token_body":
        token = case.keys("main").signing.encode()
        yield "another token", replace(signed, raw=signed.raw.replace(token, token[::-1])), {}
        yield "no token", replace(signed, raw=case.body), {}


def _other(value: str) -> str:
    """The value with its middle character changed."""
    place = len(value) // 2
    return f"{value[:place]}{'1' if value[place] != '1' else '2'}{value[place + 1 :]}"


def _flipped(raw: bytes) -> bytes:
    """The body with one character of its middle value changed for another."""
    place = raw.rindex(b"138001") if b"138001" in raw else len(raw) // 2
    return raw[:place] + (b"2" if raw[place : place + 1] != b"2" else b"3") + raw[place + 1 :]


def _rewritten(raw: bytes) -> bytes:
    if raw.startswith(b"<"):
        return raw.replace(b"><", b">\n <")
    return json.dumps(json.loads(raw), ensure_ascii=True, indent=1).encode()
