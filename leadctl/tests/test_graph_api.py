"""The stand-in for the Graph API answers as the real one does, as far as lead-intake can tell."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from leadctl.fakes.graph_api import FakeGraphApi, made_up_lead
from servicekit.http_host import HttpHost


@asynccontextmanager
async def client_of(api: FakeGraphApi) -> AsyncIterator[aiohttp.ClientSession]:
    host = HttpHost("127.0.0.1", 0, api)
    await host.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{host.port}") as client:
            yield client
    finally:
        await host.stop()


async def fetched(client: aiohttp.ClientSession, path: str) -> tuple[int, Any]:
    async with client.get(path) as answer:
        return answer.status, await answer.json()


async def test_a_lead_that_was_put_is_given_below_any_version() -> None:
    async with client_of(FakeGraphApi()) as client:
        body = {"id": "7", "field_data": [{"name": "city", "values": ["深圳"]}]}
        async with client.put("/leads/7", json=body) as answer:
            assert answer.status == 200

        assert await fetched(client, "/7?access_token=t") == (200, body)
        assert await fetched(client, "/v24.0/7?access_token=t") == (200, body)


async def test_an_unknown_lead_is_made_up_and_stays_the_same() -> None:
    async with client_of(FakeGraphApi()) as client:
        status, body = await fetched(client, "/8?access_token=t")

        assert (status, body) == (200, made_up_lead("8"))
        assert {"full_name", "phone_number"} <= {each["name"] for each in body["field_data"]}


async def test_a_wrong_token_is_refused() -> None:
    async with client_of(FakeGraphApi(access_token="right")) as client:
        assert (await fetched(client, "/9"))[0] == 400
        assert (await fetched(client, "/9?access_token=wrong"))[0] == 400
        assert (await fetched(client, "/9?access_token=right"))[0] == 200


async def test_it_fails_as_often_as_it_is_told() -> None:
    async with client_of(FakeGraphApi()) as client:
        async with client.post("/failures", json={"status": 503, "count": 2}) as answer:
            assert answer.status == 200

        statuses = [(await fetched(client, "/9?access_token=t"))[0] for _ in range(3)]

        assert statuses == [503, 503, 200]
        stats = await fetched(client, "/stats")
        assert stats[1] == {"fetched": 1, "failed_on_purpose": 2, "without_token": 0}


async def test_a_body_that_is_no_lead_is_refused() -> None:
    async with client_of(FakeGraphApi()) as client:
        for path, raw in (("/leads/1", b"nothing"), ("/leads/1", b"3")):
            async with client.put(path, data=raw) as answer:
                assert answer.status == 400
