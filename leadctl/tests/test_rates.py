"""Follow-up rates, heat maps and settlements over the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from leadchain.reporting.v1 import rates_service_pb2 as pb
from leadchain.reporting.v1 import rates_service_pb2_grpc as rates_grpc
from leadchain.reporting.v1 import settlements_service_pb2 as settlements_pb
from leadchain.reporting.v1 import settlements_service_pb2_grpc as settlements_grpc
from leadchain.reporting.v1.settlement_events_pb2 import SettledRate
from leadctl.__main__ import app
from leadctl.rates.periods import parsed_period
from leadctl.testing import Served, serving
from servicekit.errors import Forbidden
from typer.testing import CliRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

CLOSED = settlements_pb.Settlement(
    settlement_no=3, period="2026-02", revision=2, settled_by="dee", sha256="ab" * 32
)
LINE = SettledRate(
    rep_id="ana",
    given_count=9,
    due_count=8,
    within_72h_count=6,
    rate_72h=0.75,
    within_72h_difference=1,
)
DEFINITION = pb.MetricDefinition(
    metric="follow_up_rate", version=1, text_en="the share of [those due]"
)


class _Rates(rates_grpc.RatesServiceServicer):
    async def GetFollowUpRates(self, request, _context):
        counts = pb.RateCounts(given_count=9, due_72h_count=8, within_72h_count=6, rate_72h=0.75)
        line = pb.RateLine(key="ana", counts=counts)
        if request.HasField("before_since"):
            span = request.until.seconds - request.since.seconds
            assert request.since.seconds - request.before_since.seconds == pytest.approx(
                span, abs=1
            )
            line.before.rate_72h, line.change_72h = 0.5, 0.25
        lines = [line] * (request.grouping == pb.RATE_GROUPING_REP)
        return pb.GetFollowUpRatesResponse(definition=DEFINITION, total=line, lines=lines)

    async def GetFollowUpTargets(self, request, _context):
        met = pb.TargetState(target=0.98, actual=0.99, gap=0.01, is_met=True)
        faster = pb.TargetState(target=0.4, is_met=request.HasField("until"))
        response = pb.ResponseTimes(lead_count=3, contacted_count=2, median_s=3600)
        return pb.GetFollowUpTargetsResponse(
            window_days=30, follow_up_24h=met, response_faster=faster, response=response
        )

    async def GetMissedFollowUps(self, request, _context):
        cells = [
            pb.MissedCell(weekday=1, hour=9, due_count=40, missed_count=33),
            pb.MissedCell(weekday=7, hour=23, due_count=4),
        ]
        return pb.GetMissedFollowUpsResponse(
            cells=cells,
            due_count=44,
            missed_count=33,
            deadline_h=request.deadline_h,
            time_zone="Asia/Shanghai",
        )


class _Settlements(settlements_grpc.SettlementsServiceServicer):
    async def SettleFollowUpRates(self, request, _context):
        if not request.approval_id:
            deed = {
                "subject": "dee",
                "action": "publish",
                "resource": f"settlement:{request.period}",
                "params": {},
            }
            raise Forbidden(f"approval_required: {json.dumps(deed)}")
        return settlements_pb.SettleFollowUpRatesResponse(
            settlement=CLOSED, lines=[LINE], is_repeated=True
        )

    async def PreviewSettlement(self, _request, _context):
        return settlements_pb.PreviewSettlementResponse(lines=[LINE], revision=2, running_count=5)

    async def ListSettlements(self, request, _context):
        return settlements_pb.ListSettlementsResponse(settlements=[CLOSED] * (not request.period))

    async def GetSettlement(self, _request, _context):
        return settlements_pb.GetSettlementResponse(settlement=CLOSED, lines=[LINE])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    rates = (
        rates_grpc.add_RatesServiceServicer_to_server,
        _Rates(),
        "leadchain.reporting.v1.RatesService",
    )
    settlements = (
        settlements_grpc.add_SettlementsServiceServicer_to_server,
        _Settlements(),
        "leadchain.reporting.v1.SettlementsService",
    )
    with serving(tmp_path_factory.mktemp("rates"), rates, settlements) as running:
        yield running


def ran(served: Served, *command: str) -> Result:
    return CliRunner().invoke(app, ["rates", *command, *served.options("reporting")])


def test_rates_are_shown_beside_as_long_a_time_before(served: Served) -> None:
    alone, compared = ran(served, "show"), ran(served, "show", "--period", "30d", "--compare")

    assert "75.0%" in alone.output
    assert "+25.0%" not in alone.output
    assert "+25.0%" in compared.output
    assert "follow_up_rate v1: the share of [those due]" in compared.output
    assert ran(served, "show", "--compare").exit_code == 2


def test_targets_that_are_not_met_end_the_command_with_three(served: Served) -> None:
    unmet, met = ran(served, "targets"), ran(served, "targets", "--until", "1h")

    assert (unmet.exit_code, met.exit_code) == (3, 0)
    assert "not met" in unmet.output
    assert "median 3,600 s, p90 -, 2 of 3 leads contacted" in unmet.output


def test_the_heat_map_has_a_row_for_each_day_and_a_column_for_each_hour(served: Served) -> None:
    shown = ran(served, "heat-map", "--hours", "48").output

    monday = next(line for line in shown.splitlines() if line.startswith("Mon"))
    assert monday.split() == ["Mon", "33"]
    assert "33 of 44 deadlines of 48 h missed, by the clocks of Asia/Shanghai" in shown


@pytest.mark.parametrize(
    ("text", "days"), [("2026-02", 28), ("2026-12", 31), ("7d", 7), ("2026-02-01/2026-02-03", 2)]
)
def test_a_period_is_a_month_an_age_or_two_moments(text: str, days: int) -> None:
    period = parsed_period(text, now=datetime(2026, 6, 1, tzinfo=UTC))

    assert period.since is not None
    assert period.until - period.since == timedelta(days=days)


def test_a_month_is_settled_after_others_have_agreed(served: Served) -> None:
    refused = ran(served, "settle", "2026-02")
    previewed = ran(served, "settle", "2026-02", "--dry-run").output
    closed = ran(served, "settle", "2026-02", "--approval", "a1").output

    assert refused.exit_code == 1
    assert "leadctl perm request dee publish settlement:2026-02" in refused.output
    assert "5 assignments are not due yet" in previewed
    assert "settlement 3: 2026-02 revision 2" in closed
    assert "nothing has changed since" in closed


def test_settlements_are_listed_and_shown_by_number(served: Served) -> None:
    listed, one = ran(served, "settlements").output, ran(served, "settlements", "3").output

    assert CLOSED.sha256 in listed
    assert "75.0%" in one
    assert "nothing is settled" in ran(served, "settlements", "--month", "2026-01").output
