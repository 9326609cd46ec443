"""The senders' lists, asked over HTTP: signed, paged, bounded, and refused in each vendor's own way."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from lead_intake.accounts import Secrets
from lead_intake.vendors.baidu import BaiduApi
from lead_intake.vendors.calls import VendorFailed
from lead_intake.vendors.feiyu import FeiyuApi
from lead_intake.vendors.graph import GraphApi
from lead_intake.vendors.pulling import Window
from leadctl.fakes.baidu_api import FakeBaiduApi
from leadctl.fakes.feiyu_api import FakeFeiyuApi
from leadctl.fakes.graph_api import FakeGraphApi, made_up_lead
from servicekit.http_host import HttpHost, send_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOW = datetime.now(UTC).replace(microsecond=0)
WINDOW = Window(NOW - timedelta(hours=3), NOW)
FORM = "551111744595541"


@asynccontextmanager
async def asked(fake: Any, client: Any) -> AsyncIterator[Any]:
    """A vendor's client, open, with the fake behind it."""
    host = HttpHost("127.0.0.1", 0, fake)
    await host.start()
    api = client(f"http://127.0.0.1:{host.port}")
    await api.start()
    try:
        yield api
    finally:
        await api.stop()
        await host.stop()


def graph(base_url: str) -> GraphApi:
    return GraphApi(base_url + "/v24.0", connections_max=2)


async def pulled(api: Any, secrets: Secrets, window: Window = WINDOW) -> list[Any]:
    return [lead async for page in api.pages(secrets, window) for lead in page]


async def failure_of(api: Any, secrets: Secrets, window: Window = WINDOW) -> VendorFailed:
    with pytest.raises(VendorFailed) as failed:
        await pulled(api, secrets, window)
    return failed.value


def clue(number: int, at: datetime = NOW - timedelta(hours=1)) -> dict[str, str]:
    return {
        "clue_id": f"70{number:014}",
        "create_time": str(int(at.timestamp())),
        "telphone": "13800138002",
        "name": "示例",
    }


FEIYU = Secrets(signing=("signature-key",), access_token="feiyu-token")
BAIDU = Secrets(access_token="baidu-token", settings={"user_name": "示例用户"})
PAGE = Secrets(
    signing=("app-secret",),
    access_token="page-token",
    settings={"form_ids": f"{FORM}, 7", "page_id": "5", "app_id": "9"},
)


async def test_feiyu_is_asked_page_by_page_and_gives_clues_as_they_are_pushed() -> None:
    fake = FakeFeiyuApi("signature-key", "feiyu-token", [clue(number) for number in range(250)])
    fake.clues.append(clue(999, NOW - timedelta(days=2)))

    async with asked(fake, FeiyuApi) as api:
        leads = await pulled(api, FEIYU)

    assert fake.page_count == 3
    assert len({lead.external_id for lead in leads}) == 250
    body = json.loads(leads[0].body)
    assert body["id"] == body["clue_id"] == leads[0].external_id
    assert body["telphone"] == "13800138002"


@pytest.mark.parametrize(
    "secrets",
    [
        Secrets(signing=("other-key",), access_token="feiyu-token"),
        Secrets(signing=("signature-key",), access_token="other-token"),
    ],
    ids=["signature", "token"],
)
async def test_feiyus_refusal_comes_with_status_200_and_is_seen(secrets: Secrets) -> None:
    async with asked(FakeFeiyuApi("signature-key", "feiyu-token"), FeiyuApi) as api:
        failed = await failure_of(api, secrets)

    assert failed.code == "feiyu_-2"
    assert not failed.is_permanent


@pytest.mark.parametrize(
    ("status", "is_permanent", "retry_after_s"),
    [(429, False, 1.0), (500, False, None), (401, True, None), (302, False, None)],
)
async def test_a_status_is_told_apart(
    status: int, *, is_permanent: bool, retry_after_s: float | None
) -> None:
    fake = FakeFeiyuApi("signature-key", "feiyu-token", statuses=[status])

    async with asked(fake, FeiyuApi) as api:
        failed = await failure_of(api, FEIYU)

    assert (failed.code, failed.is_permanent) == (f"status {status}", is_permanent)
    assert failed.retry_after_s == retry_after_s


async def test_baidu_is_asked_for_each_kind_in_china_time() -> None:
    local = (NOW - timedelta(hours=1) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
    notices = {
        kind: [{"clueId": f"{kind}{number}", "commitTime": local} for number in range(count)]
        for kind, count in (("form", 1200), ("call", 3))
    }
    fake = FakeBaiduApi("示例用户", "baidu-token", notices)
    both = Secrets(
        access_token="baidu-token",
        settings={"user_name": "示例用户", "solution_types": "form,call"},
    )

    async with asked(fake, BaiduApi) as api:
        leads = await pulled(api, both)

    assert len(leads) == 1203
    assert fake.page_count == 3
    assert {"form0", "call2"} <= {lead.external_id for lead in leads}


async def test_baidus_refusal_comes_with_status_200_and_is_seen() -> None:
    fake = FakeBaiduApi("示例用户", "baidu-token", codes=[8904])
    stranger = Secrets(access_token="x", settings={"user_name": "示例用户"})

    async with asked(fake, BaiduApi) as api:
        assert (await failure_of(api, BAIDU)).code == "baidu_8904"
        assert (await failure_of(api, stranger)).code == "baidu_8001"
        assert await pulled(api, BAIDU) == []


async def test_a_window_that_baidu_and_feiyu_would_refuse_is_never_asked_for() -> None:
    assert BaiduApi("http://localhost").window_max <= timedelta(days=30)
    assert FeiyuApi("http://localhost").window_max <= timedelta(days=7)

    async with asked(FakeBaiduApi("示例用户", "baidu-token"), BaiduApi) as api:
        assert await pulled(api, BAIDU, Window(NOW - api.window_max, NOW)) == []
        assert await failure_of(api, BAIDU, Window(NOW - timedelta(days=31), NOW))


def page_fake() -> FakeGraphApi:
    fake = FakeGraphApi(access_token="page-token")
    fake.business.app_secret = "app-secret"
    fake.business.form_leads = {FORM: [], "7": []}
    return fake


def listed(leadgen_id: str, at: datetime) -> dict[str, Any]:
    return {**made_up_lead(leadgen_id), "created_time": f"{at:%Y-%m-%dT%H:%M:%S+0000}"}


async def test_every_form_is_paged_through_and_the_next_address_is_ours_alone() -> None:
    fake = page_fake()
    fake.business.form_leads[FORM] = [listed(str(n), WINDOW.until) for n in range(1100)]
    fake.business.form_leads["7"] = [
        listed("at the beginning", WINDOW.since),
        listed("too old", WINDOW.since - timedelta(seconds=2)),
    ]

    async with asked(fake, graph) as api:
        leads = await pulled(api, PAGE)

    assert fake.business.listed_pages == 4
    assert len(leads) == 1101
    event = json.loads(leads[0].body)
    (change,) = event["entry"][0]["changes"]
    assert (event["object"], change["field"]) == ("page", "leadgen")
    assert change["value"]["leadgen_id"] == leads[0].external_id
    assert change["value"]["form_id"] == FORM


@pytest.mark.parametrize(
    ("code", "is_permanent", "retry_after_s"),
    [
        (80005, False, 60.0),
        (4, False, 60.0),
        (190, True, None),
        (100, True, None),
        (2, False, None),
    ],
)
async def test_facebooks_codes_are_told_apart(
    code: int, *, is_permanent: bool, retry_after_s: float | None
) -> None:
    fake = page_fake()
    fake.business.refusals = [code]

    async with asked(fake, graph) as api:
        failed = await failure_of(api, PAGE)

    assert failed.code == f"graph_{code}"
    assert (failed.is_permanent, failed.retry_after_s) == (is_permanent, retry_after_s)


async def test_a_wrong_app_secret_is_refused() -> None:
    async with asked(page_fake(), graph) as api:
        with pytest.raises(VendorFailed, match="graph_190"):
            await api.subscriptions(Secrets(signing=("other",), settings={"app_id": "9"}))
        assert await api.subscriptions(PAGE) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"data": 1}', b'{"data": [1]}', b"\xff", b"[" * 5000],
    ids=["empty", "list", "cut", "number", "numbers", "bytes", "deep"],
)
@pytest.mark.parametrize("name", ["graph", "feiyu", "baidu"])
async def test_an_odd_answer_is_a_failure_to_try_again(name: str, body: bytes) -> None:
    clients = {"graph": (graph, PAGE), "feiyu": (FeiyuApi, FEIYU), "baidu": (BaiduApi, BAIDU)}

    async def odd(_scope: Any, _receive: Any, send: Any) -> None:
        await send_answer(send, 200, body)

    client, secrets = clients[name]
    async with asked(odd, client) as api:
        assert not (await failure_of(api, secrets)).is_permanent


async def test_an_answer_without_end_is_cut() -> None:
    async def endless(_scope: Any, _receive: Any, send: Any) -> None:
        await send_answer(send, 200, b"[" + b"1," * 5_000_000)

    async with asked(endless, FeiyuApi) as api:
        assert (await failure_of(api, FEIYU)).code == "body too large"


async def test_a_vendor_that_is_away_is_a_failure_to_try_again() -> None:
    api = FeiyuApi("http://127.0.0.1:1")
    await api.start()
    try:
        failed = await failure_of(api, FEIYU)
    finally:
        await api.stop()

    assert not failed.is_permanent
    assert "127.0.0.1" not in failed.code


def test_accounts_without_what_it_takes_are_not_asked_for() -> None:
    nothing = Secrets()

    assert not FeiyuApi("http://localhost").can_pull(nothing)
    assert not BaiduApi("http://localhost").can_pull(nothing)
    assert not graph("http://localhost").can_pull(nothing)
