"""Address checks and answers, each as its vendor expects them; nothing is stored for a check."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from leadctl.fakes.signing import (
    Signed,
    lark_envelope,
    tencent_headers,
    wx_decrypt,
    wx_encrypt,
    wx_query,
)
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JSON = {"content-type": "application/json"}


async def ask(
    door: Any, path: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    written = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    address = URL(f"{door.address}{path}?{written}", encoded=True)
    async with door.http.get(address, headers=headers or {}) as answer:
        return answer.status, await answer.read()


async def test_wechat_reads_its_string_back_when_it_signed_with_our_token(
    door: Any, cases: Any
) -> None:
    case = cases["wx_plain"]
    path = await door.open_account(case)
    query = {**wx_query(case.keys("main").signing, time.time()), "echostr": "hello"}

    assert await ask(door, path, query) == (200, b"hello")
    assert await ask(door, path, {**query, "signature": "0" * 40}) == (403, b"")
    assert await ask(door, path, {**query, "nonce": "other"}) == (403, b"")
    assert await ask(door, path, {}) == (403, b"")
    assert await ask(door, path, {**query, "echostr": "x" * 300}) == (403, b"")


async def test_wecom_reads_back_what_it_sealed_for_us(door: Any, cases: Any) -> None:
    case = cases["wx_secure"]
    path = await door.open_account(case)
    keys = case.keys("main")

    def check(receiver: str, token: str) -> dict[str, str]:
        echo = wx_encrypt(b"1616140317555161061", keys.encryption, receiver)
        return {**wx_query(token, time.time(), echo, name="msg_signature"), "echostr": echo}

    ours = check(keys.identity["receive_id"], keys.signing)
    assert await ask(door, path, ours) == (200, b"1616140317555161061")
    assert (await ask(door, path, check("corp-other", keys.signing)))[0] == 403
    assert (await ask(door, path, check(keys.identity["receive_id"], "other")))[0] == 403
    assert await door.stored() == []


async def test_douyin_gets_its_number_back_signed_or_not(door: Any, cases: Any) -> None:
    case = cases["douyin"]
    path = await door.open_account(case)
    check = b'{"event":"verify_webhook","client_key":"","content":{"challenge":12345}}'
    answer = (200, b'{"challenge":12345}')

    assert await door.send(path, Signed(check, JSON)) == answer
    assert await door.send(path, case.sign(check)) == answer
    wrong = {**case.sign(check).headers, "x-douyin-signature": "0" * 40}
    assert (await door.send(path, Signed(check, wrong)))[0] == 401
    for other in (b'{"event":"verify_webhook","content":{"challenge":"<x>"}}', b"{}", b"["):
        assert (await door.send(path, Signed(other, JSON)))[0] == 401
    assert await door.stored() == []


async def test_feishu_gets_its_challenge_back_when_it_sends_our_token(
    door: Any, cases: Any
) -> None:
    case = cases["lark"]
    path = await door.open_account(case, keys=[case.keys("main")])
    check = {"type": "url_verification", "challenge": "ajls384", "token": "token-of-feishu"}

    unsigned = Signed(lark_envelope(json.dumps(check).encode(), case.keys("main").encryption), JSON)
    assert (await door.send(path, unsigned))[0] == 401
    signed = case.sign(json.dumps(check).encode())
    assert await door.send(path, signed) == (200, b'{"challenge":"ajls384"}')
    await door.put_secrets(
        "t_lark",
        "main",
        json.dumps(
            {"encryption": [case.keys("main").encryption], "verify_token": "token-of-feishu"}
        ).encode(),
        path.rpartition("/")[2],
    )
    assert await door.send(path, unsigned) == (200, b'{"challenge":"ajls384"}')
    other = json.dumps({**check, "token": "other"}).encode()
    sealed = Signed(lark_envelope(other, case.keys("main").encryption), JSON)
    assert (await door.send(path, sealed))[0] == 401
    assert await door.stored() == []


async def test_dingtalk_is_answered_with_success_sealed_for_it(door: Any, cases: Any) -> None:
    case = cases["dingtalk"]
    path = await door.open_account(case)
    keys = case.keys("main")

    for body, stored_count in ((b'{"EventType":"check_url"}', 0), (case.body, 1)):
        signed = case.sign(body)
        status, answer = await door.send(path, signed)
        sealed = json.loads(answer)
        assert status == 200
        assert wx_decrypt(sealed["encrypt"], keys.encryption) == (b"success", "corp-main")
        assert (sealed["timeStamp"], sealed["nonce"]) == (
            signed.query["timestamp"],
            signed.query["nonce"],
        )
        parts = sorted((keys.signing, sealed["timeStamp"], sealed["nonce"], sealed["encrypt"]))
        assert sealed["msg_signature"] == _sha1("".join(parts))
        assert len(await door.stored()) == stored_count


async def test_dingtalk_is_answered_under_the_keys_that_it_uses_itself(
    door: Any, cases: Any
) -> None:
    case = cases["dingtalk"]
    old = case.keys("main")
    new = replace(case.keys("new"), identity=old.identity)
    path = await door.open_account(case, keys=[new, old])

    for keys in (old, new):
        _, answer = await door.send(path, case.sign(keys=keys))
        sealed = json.loads(answer)
        assert wx_decrypt(sealed["encrypt"], keys.encryption) == (b"success", "corp-main")
        parts = sorted((keys.signing, sealed["timeStamp"], sealed["nonce"], sealed["encrypt"]))
        assert sealed["msg_signature"] == _sha1("".join(parts))


async def test_dingtalk_may_call_its_signature_either_name(door: Any, cases: Any) -> None:
    case = cases["dingtalk"]
    path = await door.open_account(case)
    signed = case.sign()
    query = {**signed.query, "signature": signed.query["msg_signature"]}
    del query["msg_signature"]

    assert (await door.send(path, Signed(signed.raw, signed.headers, query)))[0] == 200


async def test_tencent_meeting_reads_its_string_back(door: Any, cases: Any) -> None:
    case = cases["tencent"]
    path = await door.open_account(case)
    check = base64.b64encode(b"a string of theirs").decode()
    headers = tencent_headers(case.keys("main").signing, time.time(), check)

    assert await ask(door, path, {"check_str": check}, headers) == (200, b"a string of theirs")
    assert (await ask(door, path, {"check_str": check}, {**headers, "nonce": "1"}))[0] == 403
    assert (await ask(door, path, {"check_str": check}))[0] == 403


async def test_a_parameter_that_is_there_twice_checks_nothing(door: Any, cases: Any) -> None:
    case = cases["wx_plain"]
    path = await door.open_account(case)
    query = wx_query(case.keys("main").signing, time.time())
    written = "&".join(f"{name}={value}" for name, value in query.items())

    async with door.http.get(f"{path}?{written}&echostr=a&echostr=b") as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    ("name", "spoil", "answer"),
    [
        ("wxpay", lambda raw: raw + b" ", (401, b'{"code":"FAIL","message":"\xe5\xa4\xb1\xe8\xb4\xa5"}')),
        ("wxpay", lambda raw: raw.ljust(70_000), (413, b'{"code":"FAIL","message":"\xe5\xa4\xb1\xe8\xb4\xa5"}')),
        ("alipay", lambda raw: raw.replace(b"0.10", b"0.01"), (401, b"fail")),
    ],
    ids=["wxpay unsigned", "wxpay too large", "alipay amount"],
)  # fmt: skip
async def test_a_refusal_has_the_body_that_its_vendor_reads(
    door: Any, cases: Any, name: str, spoil: Callable[[bytes], bytes], answer: tuple[int, bytes]
) -> None:
    case = cases[name]
    path = await door.open_account(case)
    signed = case.sign()

    assert await door.send(path, Signed(spoil(signed.raw), signed.headers)) == answer


async def test_wechat_pays_probe_with_a_wrong_signature_fails_cleanly(
    door: Any, cases: Any
) -> None:
    case = cases["wxpay"]
    path = await door.open_account(case)
    signed = case.sign()
    probe = {
        **signed.headers,
        "wechatpay-signature": "WECHATPAY/SIGNTEST/" + signed.headers["wechatpay-signature"],
    }

    assert (await door.send(path, Signed(signed.raw, probe)))[0] == 401
    unknown = {**signed.headers, "wechatpay-serial": "no-such-serial"}
    assert (await door.send(path, Signed(signed.raw, unknown)))[0] == 401


@pytest.mark.parametrize("name", ["wx_secure", "dingtalk", "tencent_sealed", "lark", "wxpay"])
async def test_what_is_authentic_but_does_not_decrypt_is_acknowledged_and_kept_as_it_came(
    door: Any, cases: Any, name: str
) -> None:
    case = cases[name]
    keys = case.keys("main")
    other = case.keys("other")
    path = await door.open_account(case, keys=[keys])
    # 飞书 signs with the key it seals with, so its text is broken instead of sealed with another key.
    signed = _unreadable(case, keys, other)

    status, _ = await door.send(path, signed)

    assert status == case.document()["ack"]["status"]
    (kept,) = await door.stored()
    assert (kept.is_opened, kept.body) == (False, signed.raw)


def _unreadable(case: Any, keys: Any, other: Any) -> Signed:
    if case.name != "lark":
        signed: Signed = case.sign(keys=replace(keys, encryption=other.encryption))
        return signed
    raw = json.dumps({"encrypt": base64.b64encode(b"x" * 48).decode()}).encode()
    timestamp = str(int(time.time()))
    digest = hashlib.sha256((timestamp + "n" + keys.encryption).encode() + raw).hexdigest()
    headers = {
        **JSON,
        "x-lark-request-timestamp": timestamp,
        "x-lark-request-nonce": "n",
        "x-lark-signature": digest,
    }
    return Signed(raw, headers)


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
