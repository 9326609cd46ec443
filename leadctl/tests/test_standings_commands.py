"""`leadctl standings` and `opportunities` against services that say what a test wants."""

import json
from collections.abc import Iterator

import pytest
from leadchain.engagement.v1 import opportunities_service_pb2 as opportunities_pb
from leadchain.engagement.v1 import opportunities_service_pb2_grpc as opportunities_grpc
from leadchain.engagement.v1 import standings_service_pb2 as pb
from leadchain.engagement.v1 import standings_service_pb2_grpc as pb_grpc
from leadctl.__main__ import app
from leadctl.testing import CliRunner, Served, serving

LEAD = "0199c0de-0000-7000-8000-000000000001"


class _Standings(pb_grpc.StandingsServiceServicer):
    def __init__(self):
        self.asked = []

    async def GetStanding(self, _request, _context):
        figures = [
            pb.Figure(name="account_count", count=60),
            pb.Figure(name="member_level", word="银卡"),
        ]
        figures.append(pb.Figure(name="last_order_at"))
        figures[2].moment.FromJsonString("2026-02-07T00:00:00Z")
        return pb.GetStandingResponse(figures=figures)

    async def GetHealth(self, _request, _context):
        answer = pb.GetHealthResponse(health=pb.Health(score=48, level="yellow", policy_version=1))
        dimensions = answer.health.dimensions
        share = {"value": 20, "part_count": 12, "whole_count": 60, "alarm": 30}
        dimensions.add(name="activity", points=26, is_alarm=True, **share)
        dimensions.add(name="executives", value=4, alarm=2, points=100)
        dimensions.add(name="payment", alarm=90, left_out_because="no data")
        answer.weeks.add(score=61, level="yellow", left_out=["payment"])
        answer.weeks.add()
        return answer

    async def ListDormantCustomers(self, request, _context):
        self.asked.append(request)
        found = pb.DormantCustomer(golden_id="a" * 64, visit_count=7, member_level="金卡")
        return pb.ListDormantCustomersResponse(customers=[found], next_page_token="b" * 64)


class _Opportunities(opportunities_grpc.OpportunitiesServiceServicer):
    async def ListOpportunities(self, request, _context):
        told = opportunities_pb.Opportunity(
            opportunity_no="OPP-20260207-000001", is_downgraded=True
        )
        told.downgraded_at.FromJsonString("2026-02-07T12:00:00Z")
        return opportunities_pb.ListOpportunitiesResponse(
            opportunities=[told] if request.of_team else []
        )


@pytest.fixture(scope="module")
def standings():
    return _Standings()


@pytest.fixture(scope="module")
def served(standings, tmp_path_factory) -> Iterator[Served]:
    package = "leadchain.engagement.v1"
    add = opportunities_grpc.add_OpportunitiesServiceServicer_to_server
    with serving(
        tmp_path_factory.mktemp("installation"),
        (pb_grpc.add_StandingsServiceServicer_to_server, standings, f"{package}.StandingsService"),
        (add, _Opportunities(), f"{package}.OpportunitiesService"),
    ) as running:
        yield running


def asked(served: Served, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, *served.options("engagement")])
    assert result.exit_code == 0, result.output
    return result.output


def test_figures_are_shown_with_their_values(served):
    printed = asked(served, "standings", "show", LEAD)

    for told in ("account_count", "60", "银卡", "2026-02-07"):
        assert told in printed


def test_health_is_explained_dimension_by_dimension_and_week_by_week(served):
    printed = asked(served, "standings", "health", LEAD)

    for told in ("health 48 (yellow)", "12/60 = 20.0 %", "alarm", "no data"):
        assert told in printed
    for told in ("61 yellow without payment", "no score"):
        assert told in printed


def test_customers_who_may_be_woken_are_listed_by_pages(served, standings):
    printed = asked(served, "standings", "dormant", "--page-size", "1", "--page-token", "c" * 64)

    assert (standings.asked[-1].page_size, standings.asked[-1].page_token) == (1, "c" * 64)
    for told in ("nobody", "金卡", f"--page-token {'b' * 64}"):
        assert told in printed.replace("\n", "")
    again = json.loads(asked(served, "standings", "dormant", "--json"))
    assert again["customers"][0]["visit_count"] == 7


def test_downgraded_opportunities_are_marked(served):
    printed = asked(served, "opportunities", "list", "--team")

    assert "OPP-20260207-000001" in printed
    assert "2026-02-07" in printed
    assert "nothing is open" in asked(served, "opportunities", "list")
