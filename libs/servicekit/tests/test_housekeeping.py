"""What is forgotten in time, what never is, and what is measured meanwhile."""

from datetime import timedelta
from typing import ClassVar

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from servicekit import inbox
from servicekit.housekeeping import housekeeping
from servicekit.settings import ServiceSettings
from servicekit.testing.sample_event import SampleHappened
from servicekit.testing.waiting import eventually


class Settings(ServiceSettings):
    """The settings of a service of nobody's."""

    service: ClassVar[str] = "kit"


@pytest.fixture
def worker(database, tmp_path):
    settings = Settings(
        database_url=SecretStr(database.url), jwks_file=tmp_path / "jwks.json", outbox_kept_days=7
    )
    return housekeeping(database, settings)


async def test_what_is_older_than_its_time_is_forgotten_unless_it_still_has_to_leave(
    database, worker, running
):
    async with database.unit_of_work() as uow:
        for _ in range(4):
            uow.publish(SampleHappened(), key="k")
        await inbox.claim(uow.raw, "kit-SampleHappened", [_id(1), _id(2)])
    async with database.raw() as raw:
        await raw.execute("update outbox set published_at = now() where id <= 2")
        old = timedelta(days=40)
        await raw.execute(
            "update outbox set occurred_at = now() - $1::interval where id in (1, 3)", old
        )
        await raw.execute(
            "update inbox set handled_at = now() - $1::interval where event_id = $2", old, _id(1)
        )

    async with running(worker):
        await eventually(lambda: _left(database, outbox=[2, 3, 4], inbox=[_id(2)]))


async def test_the_backlog_is_measured(database, worker, running):
    async with database.unit_of_work() as uow:
        uow.publish(SampleHappened(), key="k")
    async with database.raw() as raw:
        await raw.execute("update outbox set occurred_at = now() - interval '1 minute'")

    async with running(worker):
        await eventually(lambda: metric("pending") == 1 and 60 <= metric("lag_seconds") < 120)


async def test_an_event_from_a_clock_ahead_has_no_negative_age(database, worker, running):
    async with database.unit_of_work() as uow:
        uow.publish(SampleHappened(), key="k")
        uow.publish(SampleHappened(), key="k")
    async with database.raw() as raw:
        await raw.execute("update outbox set occurred_at = now() + interval '1 hour'")

    async with running(worker):
        await eventually(lambda: metric("pending") == 2)
        await eventually(lambda: metric("lag_seconds") == 0)


def metric(name):
    return REGISTRY.get_sample_value(f"leadchain_outbox_{name}")


def _id(number):
    return f"0190a000-0000-7000-8000-00000000000{number}"


async def _left(database, *, outbox, inbox):
    async with database.raw() as raw:
        rows = [row[0] for row in await raw.fetch("select id from outbox order by id")]
        claims = [row[0] for row in await raw.fetch("select event_id::text from inbox")]
    return (rows, claims) == (outbox, inbox)
