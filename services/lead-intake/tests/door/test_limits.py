"""Rates, networks, and what tells a repetition from another delivery."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.webhooks.rate_limits import BUCKETS_MAX, RateLimits, TokenBucket


async def test_an_account_over_its_rate_waits_and_no_other_does(
    start_door: Any, cases: Any
) -> None:
    case = replace(
        cases["wxpay"],
        rules={**cases["wxpay"].rules, "limits": {"max_bytes": 65536, "rps": 0.02, "burst": 3}},
    )
    async with start_door([case.document()]) as door:
        await door.open_account(case)
        await door.open_account(case, "other")
        signed = case.sign()
        path = door.paths[case.name, "main"]

        answers = [await door.send(path, signed) for _ in range(4)]
        stranger = await door.send(path, replace(signed, raw=b"{}"))

        assert [status for status, _ in answers] == [204, 204, 204, 429]
        assert json.loads(answers[-1][1])["code"] == "FAIL"
        assert stranger[0] == 429
        async with door.http.post(path, data=b"") as answer:
            assert 1 <= int(answer.headers["retry-after"]) <= 50
        other = case.sign(keys=case.keys("other"))
        assert (await door.send(door.paths[case.name, "other"], other))[0] == 204


async def test_who_proves_nothing_uses_up_nobodys_rate(start_door: Any, cases: Any) -> None:
    case = replace(
        cases["hub256"], rules={"limits": {"max_bytes": 65536, "rps": 0.001, "burst": 2}}
    )
    async with start_door([case.document()]) as door:
        path = await door.open_account(case)
        signed = case.sign()

        forged = [await door.send(path, replace(signed, raw=b"{}")) for _ in range(5)]

        assert {status for status, _ in forged} == {401}
        assert (await door.send(path, signed))[0] == 200


@pytest.mark.parametrize(
    ("name", "body"),
    [("wxpay", b'{"code":"FAIL","message":"\xe5\xa4\xb1\xe8\xb4\xa5"}'), ("alipay", b"fail")],
    ids=["wxpay", "alipay"],
)
async def test_who_cannot_be_served_now_is_told_to_come_again_in_its_vendors_words(
    start_door: Any, cases: Any, name: str, body: bytes
) -> None:
    async with start_door(queue_max=0) as door:
        path = await door.open_account(cases[name])
        signed = cases[name].sign()

        async with door.http.post(path, data=signed.raw, headers=signed.headers) as answer:
            assert (answer.status, await answer.read()) == (503, body)
            assert answer.headers["retry-after"] == "1"
        assert await door.stored() == []


async def test_mail_is_kept_as_mail(door: Any, cases: Any) -> None:
    case = cases["email_gateway"]

    await door.send(await door.open_account(case), case.sign())

    (kept,) = await door.stored()
    assert (kept.source, kept.content_type) == ("mail", "message/rfc822")


async def test_only_known_networks_are_let_in_where_some_are_named(
    start_door: Any, cases: Any
) -> None:
    far = replace(cases["token_path"], name="far", options={"ip_allow": ["203.0.113.0/24"]})
    near = replace(cases["token_path"], name="near", options={"ip_allow": ["127.0.0.0/8"]})

    async with start_door([far.document(), near.document()]) as door:
        assert (await door.send(await door.open_account(far), far.sign()))[0] == 401
        assert (await door.send(await door.open_account(near), near.sign()))[0] == 200


async def test_behind_proxies_the_address_is_what_the_outermost_saw(
    start_door: Any, cases: Any
) -> None:
    far = replace(cases["token_path"], name="far", options={"ip_allow": ["203.0.113.0/24"]})

    async with start_door([far.document()], trusted_hops=2) as door:
        path = await door.open_account(far)

        async def status_of(*forwarded: str) -> int:
            named = [("x-forwarded-for", each) for each in forwarded]
            status, _ = await door.send(path, far.sign(), more_headers=named)
            return int(status)

        assert await status_of("203.0.113.7, 10.0.0.1") == 200
        assert await status_of("203.0.113.7, 198.51.100.1, 10.0.0.1") == 401
        assert await status_of("203.0.113.7") == 401
        assert await status_of() == 401


@pytest.mark.parametrize(
    ("dedupe", "first", "second", "kept_count"),
    [
        ({"paths": ["id"]}, {"id": 1, "n": 1}, {"id": 1, "n": 2}, 1),
        ({"paths": ["id"]}, {"id": 1}, {"id": "1"}, 2),
        ({"paths": ["id", "at"]}, {"id": 1, "at": 1}, {"id": 1, "at": 2}, 2),
        ({"paths": ["id"]}, {"id": "", "n": 1}, {"id": "", "n": 2}, 2),
        ({"paths": ["id"]}, {"n": 1}, {"n": 1}, 1),
        ("body", {"n": 1}, {"n": 1}, 1),
        ("body", {"n": 1}, {"n": 2}, 2),
    ],
    ids=["same id", "another type", "two paths", "empty id", "no id", "same body", "other body"],
)
async def test_what_tells_a_repetition_is_the_channels_own(
    start_door: Any, cases: Any, dedupe: Any, first: Any, second: Any, kept_count: int
) -> None:
    case = replace(cases["hub256"], rules={"dedupe": dedupe})
    async with start_door([case.document()]) as door:
        path = await door.open_account(case)

        for body in (first, second):
            assert (await door.send(path, case.sign(json.dumps(body).encode())))[0] == 200

        assert len(await door.stored()) == kept_count


async def test_fields_of_forms_and_xml_tell_repetitions_too(start_door: Any, cases: Any) -> None:
    wx = replace(cases["wx_secure"], rules={"dedupe": {"paths": ["FromUserName", "CreateTime"]}})
    async with start_door([wx.document(), cases["alipay"].document()]) as door:
        await door.open_account(wx)
        await door.open_account(cases["alipay"])

        for body in (wx.body, wx.body.replace(b"13800138001", b"13800138002")):
            assert (await door.send(door.paths[wx.name, "main"], wx.sign(body)))[0] == 200
        for subject in (b"subject=a", b"subject=b"):
            body = b"app_id=1&notify_id=n1&" + subject
            signed = cases["alipay"].sign(body)
            assert (await door.send(door.paths["alipay", "main"], signed))[0] == 200

        assert len(await door.stored()) == 2


async def test_what_the_client_says_of_itself_is_kept(door: Any, cases: Any) -> None:
    path = await door.open_account(cases["hub256"])

    await door.send(
        path, cases["hub256"].sign(), more_headers=[("X-Form-Version", "V3.2.6" + "x" * 100)]
    )

    (kept,) = await door.stored()
    assert kept.client_version == ("V3.2.6" + "x" * 100)[:64]
    assert (kept.content_type, kept.source) == ("application/json", "push")


@given(st.lists(st.floats(0, 100), max_size=60), st.floats(0.1, 100), st.integers(1, 50))
def test_a_bucket_never_gives_more_than_its_rate_and_burst(
    gaps_s: list[float], per_s: float, burst: int
) -> None:
    bucket, now_s, taken = TokenBucket(per_s, burst, burst, 0.0), 0.0, 0

    for gap_s in gaps_s:
        now_s += gap_s
        if bucket.wait_s(now_s) == 0:
            bucket.take()
            taken += 1

    assert taken <= burst + now_s * per_s + 1e-6


def test_the_buckets_are_bounded() -> None:
    rates = RateLimits()
    first = rates.bucket(0, per_s=1, burst=1, now_s=0)
    first.take()

    for name in range(1, BUCKETS_MAX + 1):
        rates.bucket(name, per_s=1, burst=1, now_s=0)

    assert rates.bucket(0, per_s=1, burst=1, now_s=0).left == 1
