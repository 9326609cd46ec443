"""Follow-up rates, targets and the heat map, asked for over gRPC as operators do."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from leadchain.reporting.v1 import rates_service_pb2 as pb
from leadchain.reporting.v1.rates_service_pb2_grpc import RatesServiceStub
from reporting import rpc
from reporting.policies import load_contracts
from servicekit.database import Database
from servicekit.documents import InvalidPolicy
from servicekit.grpc_server import GrpcServer

NOON = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)  # a Saturday, noon in Shanghai
NOW = NOON + timedelta(days=40)
MANAGERS = {"rep-01": "eve", "rep-02": "eve", "rep-03": "max"}


@pytest.fixture
async def rates(database: Database) -> AsyncIterator[RatesServiceStub]:
    terms = rpc.rates.Terms(
        load_contracts(), lambda rep: MANAGERS.get(rep, ""), "Asia/Shanghai", lambda: NOW
    )
    server = GrpcServer("127.0.0.1", 0, verifier=None, insecure=True)
    rpc.rates.serve(server, database, terms)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield RatesServiceStub(channel)
    finally:
        await server.stop()


@pytest.fixture
def a_month(a_lead: Callable[..., Any], tell: Any) -> Callable[..., Any]:
    """Leads given to the first rep at noon: so many that were followed up in 10 hours, in 60, late, and never."""

    async def happen(
        at: datetime, *, quick: int, slow: int = 0, late: int = 0, never: int = 0
    ) -> None:
        for hours in [10] * quick + [60] * slow:
            lead = a_lead(at=at)
            told = [lead.yellow()] if hours > 48 else []
            await tell([lead.assigned(1), *told, lead.effective(hours)])
        for hours in [80] * late + [0] * never:
            lead = a_lead(at=at)
            told = [lead.effective(hours)] if hours else []
            await tell([lead.assigned(1), lead.yellow(), lead.not_followed_up(), *told])

    return happen


def stamped(request: Any, **moments: datetime) -> Any:
    for name, moment in moments.items():
        getattr(request, name).FromDatetime(moment)
    return request


async def test_rates_of_two_periods_stand_side_by_side_with_what_they_mean(
    rates: Any, a_month: Any
) -> None:
    await a_month(NOON, quick=1, slow=1, late=1, never=1)
    await a_month(NOON + timedelta(days=20), quick=3, never=1)

    request = stamped(
        pb.GetFollowUpRatesRequest(grouping=pb.RATE_GROUPING_REP),
        since=NOON + timedelta(days=15),
        before_since=NOON,
        before_until=NOON + timedelta(days=15),
    )
    answer = await rates.GetFollowUpRates(request)

    now, before = answer.total.counts, answer.total.before
    assert (now.given_count, now.due_72h_count, now.rate_24h, now.rate_72h) == (4, 4, 0.75, 0.75)
    assert (before.rate_24h, before.rate_48h, before.rate_72h) == (0.25, 0.25, 0.5)
    assert (before.within_72h_count, before.late_count, before.never_count) == (2, 1, 1)
    assert (answer.total.change_24h, answer.total.change_72h) == (0.5, 0.25)
    assert [line.key for line in answer.lines] == ["rep-01"]
    assert (answer.definition.metric, answer.definition.version) == ("follow_up_rate", 1)
    assert {each.name for each in answer.definition.filters} >= {"not_due", "declined"}
    assert answer.as_of.ToDatetime(tzinfo=UTC) == NOW
    assert answer.watermark.ToDatetime(tzinfo=UTC) == NOON + timedelta(days=23)


async def test_lines_of_teams_and_channels_add_up_to_the_total(
    rates: Any, a_lead: Any, tell: Any
) -> None:
    for number in (1, 2, 3, 4):
        lead = a_lead()
        await tell([lead.assigned(1, number=number), lead.effective(5, number)])

    async def lines(grouping: pb.RateGrouping.ValueType) -> tuple[int, dict[str, int]]:
        answer = await rates.GetFollowUpRates(pb.GetFollowUpRatesRequest(grouping=grouping))
        by_key = {line.key: line.counts.within_24h_count for line in answer.lines}
        return answer.total.counts.within_24h_count, by_key

    assert await lines(pb.RATE_GROUPING_TEAM) == (4, {"": 1, "eve": 2, "max": 1})
    assert await lines(pb.RATE_GROUPING_CHANNEL) == (4, {"website_form": 4})
    assert await lines(pb.RATE_GROUPING_UNSPECIFIED) == (4, {})


async def test_without_anything_due_there_is_no_rate(rates: Any) -> None:
    answer = await rates.GetFollowUpRates(pb.GetFollowUpRatesRequest())

    assert not answer.total.counts.HasField("rate_72h")
    assert not answer.HasField("watermark")


async def test_targets_say_what_is_wanted_what_is_true_and_what_lies_between(
    rates: Any, a_lead: Any, tell: Any
) -> None:
    for begin, minutes in ((0, 100), (0, 100), (0, 200), (20, 50), (20, 60), (20, 0)):
        lead = a_lead(at=NOON + timedelta(days=begin))
        done = [lead.contacted(1 + minutes * 60), lead.effective(2)] if minutes else []
        await tell([lead.assigned(1), *done])

    answer = await rates.GetFollowUpTargets(pb.GetFollowUpTargetsRequest())

    now, before = answer.response, answer.response_before
    assert (before.lead_count, before.median_s, before.p90_s) == (3, 6000, 12000)
    assert (now.lead_count, now.contacted_count, now.median_s) == (3, 2, 3600)
    assert not now.HasField("p90_s"), "one of three was not contacted at all"
    assert answer.median_change == pytest.approx(-0.4)
    assert (answer.response_faster.target, answer.response_faster.is_met) == (0.4, True)
    rate = answer.follow_up_24h
    assert (rate.target, rate.is_met) == (0.98, False)
    assert (rate.actual, rate.gap) == (pytest.approx(2 / 3), pytest.approx(2 / 3 - 0.98))


async def test_missed_deadlines_fall_into_the_hours_of_the_teams_week(
    rates: Any, a_month: Any, a_lead: Any, tell: Any
) -> None:
    await a_month(NOON, quick=1, late=1, never=1)
    other = a_lead()
    await tell([other.assigned(1, number=3), other.not_followed_up(3, after_h=95)])

    async def cells(**wanted: Any) -> list[tuple[int, int, int, int]]:
        answer = await rates.GetMissedFollowUps(pb.GetMissedFollowUpsRequest(**wanted))
        return [(c.weekday, c.hour, c.due_count, c.missed_count) for c in answer.cells]

    assert await cells() == [(2, 12, 3, 2), (3, 11, 1, 1)]
    assert await cells(manager_id="max") == [(3, 11, 1, 1)]
    assert await cells(rep_id="rep-01", time_zone="UTC") == [(2, 4, 3, 2)]
    assert await cells(rep_id="rep-01", deadline_h=48) == [(1, 12, 3, 2)]
    assert await cells(rep_id="nobody") == []
    rates_of_all = await rates.GetFollowUpRates(pb.GetFollowUpRatesRequest())
    counts = rates_of_all.total.counts
    assert (counts.due_72h_count, counts.late_count + counts.never_count) == (4, 3)


@pytest.mark.parametrize(
    "request_",
    [
        stamped(pb.GetFollowUpRatesRequest(), before_since=NOON),
        stamped(pb.GetFollowUpRatesRequest(), since=NOON, until=NOON - timedelta(days=1)),
        pb.GetMissedFollowUpsRequest(deadline_h=36),
        pb.GetMissedFollowUpsRequest(time_zone="Asia/Nowhere"),
        pb.GetMissedFollowUpsRequest(time_zone="../etc/passwd"),
    ],
    ids=["half-a-comparison", "backwards", "no-deadline", "no-zone", "no-name-of-a-zone"],
)
async def test_a_question_that_makes_no_sense_is_refused(rates: Any, request_: Any) -> None:
    name = request_.DESCRIPTOR.name.removesuffix("Request")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await getattr(rates, name)(request_)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("name: declined", "name: on_leave", "no filter 'on_leave' is applied"),
        ("name: declined", "name: merged", "'merged' is named twice"),
        ("follow_up_24h_min: 0.98", "follow_up_24h_min: 98", "98 is greater than"),
        ("sources: [LeadAssigned, LeadContacted", "source: [LeadAssigned, LeadContacted", "source"),
    ],
    ids=["unknown-filter", "hidden-filter", "no-share", "typo"],
)
def test_a_contract_with_a_hidden_or_made_up_filter_is_refused_with_its_line(
    tmp_path: Any, before: str, after: str, reason: str
) -> None:
    from servicekit.documents import packaged

    text = packaged("reporting.policies", "metrics.yaml")
    assert before in text
    changed = tmp_path / "metrics.yaml"
    changed.write_text(text.replace(before, after, 1), encoding="utf-8")

    with pytest.raises(InvalidPolicy, match=r"metrics\.yaml:[1-9][0-9]*: ") as refused:
        load_contracts(changed)

    assert reason in str(refused.value)
