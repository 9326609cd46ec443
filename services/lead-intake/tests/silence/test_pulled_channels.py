"""Leads of 飞鱼 and Baidu that were never pushed come by their lists, are read by their channel's file, and once."""

from __future__ import annotations

import secrets as random_secrets
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from lead_intake.accounts import Secrets
from lead_intake.seals import Seals
from leadctl.fakes.baidu_api import FakeBaiduApi
from leadctl.fakes.feiyu_api import FakeFeiyuApi
from servicekit.http_host import HttpHost
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ACCEPTED = 2
FEIYU, BAIDU = "ocean_engine_feiyu", "baidu_jimuyu"


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    host = HttpHost("127.0.0.1", 0, app)
    await host.start()
    try:
        yield f"http://127.0.0.1:{host.port}"
    finally:
        await host.stop()


async def add_account(watched: Any, channel: str, secrets: Secrets) -> str:
    """Adds an account as two people would; the path to post to."""
    seals = Seals.of(watched.settings)
    key = random_secrets.token_urlsafe(24)
    await watched.intake.rows.execute(
        "insert into accounts (channel, account, key_hmac, sealed_key, sealed_secrets, revision) "
        "values ($1, 'main', $2, $3, $4, 1)",
        channel,
        seals.account_keys.of(key),
        seals.seal_key(key, channel, "main"),
        seals.seal_secrets(msgspec.json.encode(secrets), channel, "main"),
    )
    return f"/in/v1/{channel}/{key}"


def clue(number: int, at: datetime) -> dict[str, str]:
    return {
        "clue_id": f"701234567890{number:04}",
        "create_time": str(int(at.timestamp())),
        "name": "示例客户",
        "telphone": f"1380013800{number}",
        "province_name": "广东省",
        "city_name": "深圳市",
        "remark_dict": "{}",
    }


def notice(number: int, at: datetime) -> dict[str, Any]:
    return {
        "clueId": f"170000000000{number:04}",
        "commitTime": f"{at + timedelta(hours=8):%Y-%m-%d %H:%M:%S}",
        "cluePhoneNumber": f"1380013800{number}",
        "userName": "示例客户",
        "area": "广东-深圳",
        "solutionTypeName": "表单",
        "formDetail": [],
    }


@pytest.mark.parametrize("channel", [FEIYU, BAIDU])
async def test_what_was_not_pushed_is_pulled_and_what_was_is_not_doubled(
    start_watched: Any, channel: str
) -> None:
    at = datetime.now(UTC) - timedelta(minutes=5)
    feiyu = FakeFeiyuApi("signature-key-of-this-test", "token", [clue(n, at) for n in range(4)])
    baidu = FakeBaiduApi("示例用户", "token", {"form": [notice(n, at) for n in range(4)]})
    secrets = Secrets(
        signing=("signature-key-of-this-test",),
        access_token="token",
        settings={"user_name": "示例用户"},
    )
    async with served(feiyu) as feiyu_url, served(baidu) as baidu_url:
        addresses = {"feiyu_base_url": feiyu_url, "baidu_base_url": baidu_url}
        async with start_watched(**addresses) as watched:
            path = await add_account(watched, channel, secrets)
            pushed = {**clue(0, at), "id": clue(0, at)["clue_id"]}
            body = pushed if channel == FEIYU else notice(0, at)

            async def accepted() -> bool:
                async with watched.intake.http.post(path, json=body) as answer:
                    assert answer.status in {200, 404}
                    return answer.status == 200

            await eventually(accepted, what="the account is known")
            items = await watched.intake.settled(4)

    assert {item["channel"] for item in items} == {channel}
    assert {item["state"] for item in items} == {ACCEPTED}
    assert len({item["external_id"] for item in items}) == 4
