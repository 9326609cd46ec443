"""A server agrees with the stream definitions, and each user with its row of rights."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import ConsumerConfig
from servicekit.local.nats_permissions import BusRights, BusUsers, load_users, render_authorization
from servicekit.local.nats_server import NatsServer
from servicekit.streams import (
    Login,
    StreamChange,
    StreamDefinition,
    WouldLoseMessages,
    apply_streams,
    load_definitions,
)
from servicekit.testing.servers import own_nats
from servicekit.testing.waiting import eventually

DEPLOYED = Path(__file__).parents[3] / "deploy" / "nats"

WEATHER = StreamDefinition(
    name="WEATHER",
    subjects=("weather.v1.>",),
    max_age_s=7 * 86_400.0,
    max_size_bytes=64 * 2**20,
    max_message_size_bytes=2**20,
    duplicate_window_s=120.0,
    replicas=1,
)
TRAFFIC = replace(WEATHER, name="TRAFFIC", subjects=("traffic.v1.>",))


async def test_applying_twice_creates_once_and_then_changes_nothing(nats_url: str) -> None:
    first = await apply_streams(nats_url, [WEATHER, TRAFFIC])
    second = await apply_streams(nats_url, [WEATHER, TRAFFIC])

    assert first == [StreamChange("WEATHER", "created"), StreamChange("TRAFFIC", "created")]
    assert second == [StreamChange("WEATHER", "unchanged"), StreamChange("TRAFFIC", "unchanged")]


async def test_a_stream_that_grows_is_updated_and_keeps_its_messages(nats_url: str) -> None:
    await apply_streams(nats_url, [WEATHER])
    async with _connected(nats_url) as client:
        await client.jetstream().publish("weather.v1.RainSeen.00", b"rain")

        changes = await apply_streams(nats_url, [replace(WEATHER, max_age_s=8 * 86_400.0)])

        info = await client.jetstream().stream_info("WEATHER")
        assert changes == [StreamChange("WEATHER", "updated", ("max_age: 604800.0 -> 691200.0",))]
        assert (info.state.messages, info.config.max_age) == (1, 8 * 86_400.0)


@pytest.mark.parametrize(
    ("smaller", "reason"),
    [
        (replace(WEATHER, max_age_s=3600.0), "keeps messages 3600 s"),
        (replace(WEATHER, subjects=("weather.v2.>",)), "no longer takes weather.v1.>"),
        (replace(WEATHER, max_size_bytes=10), "10 fit"),
    ],
)
async def test_a_change_that_could_lose_messages_is_refused_whole_unless_forced(
    nats_url: str, smaller: StreamDefinition, reason: str
) -> None:
    await apply_streams(nats_url, [WEATHER])
    async with _connected(nats_url) as client:
        await client.jetstream().publish("weather.v1.RainSeen.00", b"rain")

        with pytest.raises(WouldLoseMessages, match=reason):
            await apply_streams(nats_url, [TRAFFIC, smaller])
        streams = await client.jetstream().streams_info()
        forced = await apply_streams(nats_url, [smaller], force=True)

    assert [stream.config.name for stream in streams] == ["WEATHER"]
    assert forced[0].action == "updated"


async def test_streams_take_atomic_batches(nats_url: str) -> None:
    await apply_streams(nats_url, [WEATHER])
    async with _connected(nats_url) as client:
        batch = {"Nats-Batch-Id": "b1", "Nats-Batch-Sequence": "1"}
        await client.publish("weather.v1.RainSeen.00", b"1", headers=batch)
        last = {"Nats-Batch-Id": "b1", "Nats-Batch-Sequence": "2", "Nats-Batch-Commit": "1"}
        answer = await client.request("weather.v1.RainSeen.01", b"2", headers=last, timeout=5)

    assert b'"count":2' in answer.data


async def test_the_advisories_stream_keeps_the_notice_of_a_message_given_up(nats_url: str) -> None:
    advisories = [d for d in load_definitions(DEPLOYED / "streams.yaml") if d.name == "ADVISORIES"]
    await apply_streams(nats_url, [WEATHER, *advisories])
    async with _connected(nats_url) as client:
        jetstream = client.jetstream()
        await jetstream.publish("weather.v1.RainSeen.00", b"rain")
        reader = await jetstream.pull_subscribe("weather.v1.>", durable="reader", stream="WEATHER")
        (message,) = await reader.fetch(1, timeout=5)

        await message.term()

        async def kept() -> bool:
            return (await jetstream.stream_info("ADVISORIES")).state.messages == 1

        await eventually(kept, what="the notice is in the stream")


def test_the_deployed_rows_name_deployed_streams_and_replicas_follow_the_environment() -> None:
    production = load_definitions(DEPLOYED / "streams.yaml", replicas=3)
    users = load_users(DEPLOYED / "permissions.yaml")
    passwords = dict.fromkeys(users.names(), "made-up")

    rendered = render_authorization(users, production, passwords=passwords)

    assert {stream.replicas for stream in production} == {3}
    assert "$JS.ACK.ASSIGNMENT.notification-ContactOverdue.>" in rendered


def test_a_misspelt_setting_is_refused(tmp_path: Path) -> None:
    document = tmp_path / "streams.yaml"
    document.write_text("defaults: {max_age: 7}\nstreams: {WEATHER: {subjects: [w.>]}}\n")

    with pytest.raises(TypeError, match="max_age"):
        load_definitions(document)


STATION = BusRights("station", publishes=("WEATHER",), consumes={})
FORECAST = BusRights(
    "forecast",
    publishes=("TRAFFIC",),
    consumes={"WEATHER": ("RainSeen",)},
    hears={"WEATHER": ("StormSeen",)},
)
USERS = BusUsers(services=(STATION, FORECAST), operator="operator")
PASSWORDS = {name: f"{name}-secret" for name in USERS.names()}


async def test_a_service_does_what_its_row_says(guarded: NatsServer) -> None:
    async with _as_user(guarded, "station") as station, _as_user(guarded, "forecast") as forecast:
        await station.client.jetstream().publish("weather.v1.RainSeen.07", b"rain")
        await station.client.jetstream().publish("weather.v1.SunSeen.07", b"sun")

        reader = await forecast.client.jetstream().pull_subscribe(
            "weather.v1.RainSeen.*", durable="forecast-RainSeen", stream="WEATHER"
        )
        messages = await reader.fetch(2, timeout=1)
        await messages[0].ack_sync(timeout=5)
        info = await reader.consumer_info()

    assert [message.data for message in messages] == [b"rain"]
    assert (info.num_ack_pending, info.num_pending) == (0, 0)
    assert station.refusals == []
    assert forecast.refusals == []


async def test_a_service_cannot_publish_anothers_facts(guarded: NatsServer) -> None:
    async with _as_user(guarded, "forecast") as forecast:
        await forecast.client.publish("weather.v1.RainSeen.07", b"invented")

        await eventually(lambda: forecast.refusals, what="the server refuses")

    async with _as_user(guarded, "operator") as operator:
        info = await operator.client.jetstream().stream_info("WEATHER")
    assert info.state.messages == 0


@pytest.mark.parametrize(
    "subject",
    [
        "$JS.API.STREAM.DELETE.WEATHER",
        "$JS.API.STREAM.PURGE.WEATHER",
        "$JS.API.STREAM.UPDATE.WEATHER",
        "$JS.API.STREAM.MSG.GET.WEATHER",
        "$JS.API.DIRECT.GET.WEATHER",
        "$JS.API.CONSUMER.DELETE.WEATHER.forecast-RainSeen",
        "$JS.API.CONSUMER.DURABLE.CREATE.WEATHER.forecast-RainSeen",
        "$JS.API.CONSUMER.CREATE.WEATHER.forecast-RainSeen",
        "$JS.API.CONSUMER.CREATE.WEATHER.forecast-SunSeen.weather.v1.SunSeen.*",
        "$JS.API.CONSUMER.MSG.NEXT.TRAFFIC.station-Any",
    ],
)
async def test_a_service_cannot_delete_a_stream_or_read_without_a_row(
    guarded: NatsServer, subject: str
) -> None:
    async with _as_user(guarded, "forecast") as forecast:
        with pytest.raises(NatsTimeoutError):
            await forecast.client.request(subject, b"{}", timeout=0.2)

        await eventually(lambda: forecast.refusals, what="the server refuses")


async def test_a_service_cannot_widen_its_own_durable(guarded: NatsServer) -> None:
    async with _as_user(guarded, "forecast") as forecast:
        wider = ConsumerConfig(
            name="forecast-RainSeen",
            durable_name="forecast-RainSeen",
            filter_subject="weather.v1.RainSeen.*",
            filter_subjects=["weather.v1.>"],
        )

        with pytest.raises(nats.js.errors.Error):
            await forecast.client.jetstream().add_consumer("WEATHER", wider)


async def test_a_service_cannot_listen_to_subjects_or_to_anothers_inbox(
    guarded: NatsServer,
) -> None:
    async with _as_user(guarded, "forecast") as forecast:
        await forecast.client.subscribe("weather.v1.>")
        await forecast.client.subscribe("_INBOX_station.>")

        await eventually(lambda: len(forecast.refusals) == 2, what="the server refuses both")


async def test_a_service_hears_the_announcements_of_its_row_and_announces_its_own_only(
    guarded: NatsServer,
) -> None:
    heard: list[bytes] = []

    async def note(message: Any) -> None:
        heard.append(message.data)

    async with _as_user(guarded, "forecast") as forecast, _as_user(guarded, "station") as station:
        await forecast.client.subscribe("announce.weather.v1.StormSeen.*", cb=note)
        await forecast.client.flush()
        await forecast.client.publish("announce.weather.v1.StormSeen.07", b"invented")
        await eventually(lambda: forecast.refusals, what="the server refuses")
        await station.client.publish("announce.weather.v1.StormSeen.07", b"seen")
        await eventually(lambda: heard, what="the announcement")
        refused = len(forecast.refusals)
        await forecast.client.subscribe("announce.weather.v1.RainSeen.*", cb=note)
        await eventually(lambda: len(forecast.refusals) > refused, what="the server refuses")

    assert heard == [b"seen"]


async def test_nobody_connects_without_a_user(guarded: NatsServer) -> None:
    with pytest.raises(nats.errors.Error, match="Authorization"):
        await apply_streams(guarded.url, [WEATHER])


@dataclass
class Connection:
    """A client, and what the server refused it."""

    client: Client
    refusals: list[str] = field(default_factory=list)


@pytest.fixture
async def guarded() -> AsyncIterator[NatsServer]:
    """A server with the two streams on which each user has the rights of its row."""
    rendered = render_authorization(USERS, [WEATHER, TRAFFIC], passwords=PASSWORDS)
    with own_nats(authorization=rendered) as server:
        login = Login("operator", PASSWORDS["operator"])
        await apply_streams(server.url, [WEATHER, TRAFFIC], login=login)
        yield server


@asynccontextmanager
async def _as_user(server: NatsServer, user: str) -> AsyncIterator[Connection]:
    refusals: list[str] = []

    async def note(error: Exception) -> None:
        refusals.append(str(error))

    client = await nats.connect(
        server.url,
        user=user,
        password=PASSWORDS[user],
        inbox_prefix=f"_INBOX_{user}",
        error_cb=note,
    )
    try:
        yield Connection(client, refusals)
    finally:
        await client.close()


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Client]:
    client = await nats.connect(url)
    try:
        yield client
    finally:
        await client.close()
