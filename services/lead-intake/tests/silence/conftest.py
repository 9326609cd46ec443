"""What the tests of silence share: a calendar, and senders that do not exist."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import grpc
import msgspec
import pytest
from lead_intake.accounts import Secrets
from lead_intake.domain.silence import Calendar
from lead_intake.seals import Seals
from leadchain.intake.v1.watching_service_pb2_grpc import WatchingServiceStub
from leadctl.fakes.graph_api import made_up_lead
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from lead_intake.settings import Settings

MONDAY = datetime(2026, 2, 23, 16, tzinfo=UTC)
"""Midnight in Shanghai before Tuesday, 24 February 2026: nine weeks without a long holiday follow."""

HOLIDAY = date(2026, 4, 6)
SUNDAY = date(2026, 3, 1)
"""Holidays are like this day, and weaker."""


@dataclass
class Sender:
    """An advertiser whose leads come by chance.

    `rate` gives leads an hour at a local time; `spread` is the standard deviation of the logarithm of its days' levels.
    """

    rate: Callable[[datetime], float]
    seed: int
    spread: float = 0.25
    _levels: dict[date, float] = field(default_factory=dict)

    def arrivals(self, since: datetime, until: datetime, calendar: Calendar) -> list[datetime]:
        """The moments of its leads between two moments, the same at every run."""
        chance = random.Random(self.seed)
        found: list[datetime] = []
        at = since
        while at < until:
            local = at.astimezone(calendar.zone)
            level = self._level(local.date(), chance)
            if calendar.is_quiet(at):
                local = local.replace(day=SUNDAY.day, month=SUNDAY.month)
                level *= 0.6
            expected = self.rate(local) * level
            found += [
                at + timedelta(hours=1) * chance.random() for _ in range(_poisson(expected, chance))
            ]
            at += timedelta(hours=1)
        return sorted(found)

    def _level(self, day: date, chance: random.Random) -> float:
        if day not in self._levels:
            self._levels[day] = chance.lognormvariate(-(self.spread**2) / 2, self.spread)
        return self._levels[day]


def _poisson(expected: float, chance: random.Random) -> int:
    count, passed = 0, chance.expovariate(1)
    while passed < expected:
        count += 1
        passed += chance.expovariate(1)
    return count


def busy_all_week(local: datetime) -> float:
    """217 leads a day, three quarters of them by day."""
    return 217 * 0.75 / 14 if 8 <= local.hour < 22 else 217 * 0.25 / 10


def busy_in_office_hours(local: datetime) -> float:
    """217 leads on a working day, from nine to six, fewer at noon."""
    if local.weekday() >= 5 or not 9 <= local.hour < 18:
        return 0.0
    return 10.0 if local.hour == 12 else 217 / 8.4


def five_a_day(local: datetime) -> float:
    """Five leads on a working day, from nine to six."""
    return 5 / 9 if local.weekday() < 5 and 9 <= local.hour < 18 else 0.0


@pytest.fixture
def calendar() -> Calendar:
    return Calendar(ZoneInfo("Asia/Shanghai"), frozenset({HOLIDAY}))


@pytest.fixture
def senders() -> Any:
    """The kinds of senders, for simulations."""
    return _Senders


class _Senders:
    start = MONDAY
    holiday = HOLIDAY
    Sender = Sender
    busy_all_week = staticmethod(busy_all_week)
    busy_in_office_hours = staticmethod(busy_in_office_hours)
    five_a_day = staticmethod(five_a_day)


APP_ID, PAGE_ID, FORM_ID = "100200300", "51044240199134611", "551111744595541"


@dataclass
class Watched:
    """A running lead-intake that watches fast, its page account, and clients of what it says."""

    intake: Any
    rpc: Any
    settings: Settings
    account_id: int = 0

    @property
    def business(self) -> Any:
        """What the account's advertiser has at Facebook."""
        return self.intake.graph.business

    async def configure(self, samples: Any, **settings: str) -> None:
        """Gives the page account what it takes to be compared and audited."""
        row = await self.intake.rows.fetchrow(
            "select account_id, channel, account from accounts where channel = 'facebook_leadgen'"
        )
        self.account_id = row["account_id"]
        secrets = Secrets(
            signing=(samples.page_secret,),
            verify_token=samples.verify_token,
            access_token=samples.access_token,
            settings={"form_ids": FORM_ID, "page_id": PAGE_ID, "app_id": APP_ID, **settings},
        )
        sealed = Seals.of(self.settings).seal_secrets(
            msgspec.json.encode(secrets), row["channel"], row["account"]
        )
        await self.intake.rows.execute(
            "update accounts set sealed_secrets = $2, revision = revision + 1 where account_id = $1",
            self.account_id,
            sealed,
        )
        self.business.app_secret = samples.page_secret
        self.business.form_leads.setdefault(FORM_ID, [])

    def advertise(self, *leadgen_ids: str) -> None:
        """Lets people fill in the form; whether we are told is another matter."""
        for leadgen_id in leadgen_ids:
            created = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S+0000}"
            lead = {**made_up_lead(leadgen_id), "created_time": created}
            self.intake.graph.leads[leadgen_id] = lead
            self.business.form_leads[FORM_ID].append(lead)

    async def has_history(self, *, hourly: int = 30) -> None:
        """Makes the account one that has delivered as much in every hour of the last four weeks."""
        await self.intake.rows.execute(
            "insert into traffic_hours (account_id, hour, delivery_count) "
            "select $1, hour, $2 from generate_series(date_trunc('hour', now()) - interval '28 days', "
            "date_trunc('hour', now()) - interval '4 hours', interval '1 hour') as hour on conflict do nothing",
            self.account_id,
            hourly,
        )

    async def falls_silent(self, *, for_s: float) -> None:
        """Moves the account's last delivery into the past."""
        moved = await self.intake.rows.execute(
            "update accounts set last_delivery_at = now() - $2 * interval '1 second' where account_id = $1",
            self.account_id,
            for_s,
        )
        assert moved == "UPDATE 1"

    async def compared(self) -> Any:
        """The account's comparison, once one has succeeded."""

        async def found() -> Any:
            return await self.intake.rows.fetchrow(
                "select * from pulls where account_id = $1 and failure is null and lease_id is null "
                "and seen_count >= $2",
                self.account_id,
                len(self.business.form_leads[FORM_ID]),
            )

        return await eventually(found, deadline_s=20, what="a comparison")

    async def told(self, name: str, *, count: int = 1) -> list[bytes]:
        """The payloads of the events of a type, once there are `count`."""

        async def found() -> list[bytes] | None:
            rows = await self.intake.rows.fetch(
                "select payload from outbox where event_type = $1 order by id",
                f"leadchain.intake.v1.{name}",
            )
            return [row[0] for row in rows] if len(rows) >= count else None

        payloads = await eventually(found, deadline_s=20, what=f"{count} {name}")
        assert payloads is not None
        return payloads


@pytest.fixture
def start_watched(
    start_intake: Any,
    intake_settings: Any,
    samples: Any,
    keys: Any,
    unused_tcp_port_factory: Callable[[], int],
) -> Any:
    """Starts a lead-intake whose page account can be compared and audited."""

    @asynccontextmanager
    async def start(**named: Any) -> AsyncIterator[Watched]:
        token = grpc.aio.Metadata(("authorization", f"Bearer {keys.token('operator')}"))
        port = unused_tcp_port_factory()
        usual = {"watch_scale": 0.001, "grpc_port": port}
        async with (
            start_intake(**{**usual, **named}) as intake,
            grpc.aio.insecure_channel(
                f"127.0.0.1:{port}", interceptors=[_WithToken(token)]
            ) as channel,
        ):
            watched = Watched(intake, WatchingServiceStub(channel), intake_settings())
            await watched.configure(samples)
            yield watched

    return start


@pytest.fixture
async def watched(start_watched: Any) -> AsyncIterator[Watched]:
    async with start_watched() as running:
        yield running


class _WithToken(grpc.aio.UnaryUnaryClientInterceptor):
    """Sends the operator's token with every call."""

    def __init__(self, metadata: grpc.aio.Metadata) -> None:
        self._metadata = metadata

    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(details._replace(metadata=self._metadata, timeout=20), request)
