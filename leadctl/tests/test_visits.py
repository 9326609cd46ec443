"""`leadctl visits` against a service that says what a test wants."""

import json
from collections.abc import Iterator

import pytest
from leadchain.engagement.v1 import visits_service_pb2 as pb
from leadchain.engagement.v1 import visits_service_pb2_grpc as pb_grpc
from leadctl.__main__ import app
from leadctl.testing import CliRunner, Served, serving

LEADS = [f"0199c0de-0000-7000-8000-00000000000{number}" for number in (1, 2)]
START = ("--start", "22.54,114.05", "--day", "2026-03-02")


class _Visits(pb_grpc.VisitsServiceServicer):
    def __init__(self):
        self.asked = []

    async def PlanVisits(self, request, _context):
        self.asked.append(request)
        answer = pb.PlanVisitsResponse(travel_s=1200, traffic_fault="throttled")
        answer.travel_source = pb.TRAVEL_SOURCE_CROW
        visit = answer.visits.add(lead_id=request.visits[0].lead_id, length_s=2700, travel_s=1200)
        visit.is_travel_estimated, visit.length_source = True, pb.VISIT_LENGTH_SOURCE_PAST_VISITS
        reason = pb.UNPLANNED_REASON_NO_ADDRESS
        answer.unplanned.add(lead_id=request.visits[1].lead_id, reason=reason)
        return answer


@pytest.fixture(scope="module")
def visits():
    return _Visits()


@pytest.fixture(scope="module")
def served(visits, tmp_path_factory) -> Iterator[Served]:
    service = "leadchain.engagement.v1.VisitsService"
    add = pb_grpc.add_VisitsServiceServicer_to_server
    with serving(tmp_path_factory.mktemp("installation"), (add, visits, service)) as running:
        yield running


def test_a_day_is_planned_and_says_what_it_goes_by(served, visits):
    words = ["visits", "plan", "rep-07", *LEADS, *START, "--hours", "10:00-17:00", "--returning"]

    result = CliRunner().invoke(app, [*words, *served.options("engagement")])

    assert result.exit_code == 0, result.output
    request = visits.asked[-1]
    assert (request.rep_id, request.day, request.is_return) == ("rep-07", "2026-03-02", True)
    assert [each.lead_id for each in request.visits] == LEADS
    assert (request.start.latitude, request.start.datum) == (22.54, "wgs84")
    assert (request.working.since, request.working.until) == ("10:00", "17:00")
    for told in ("20?", "45", "past_visits", "(no_address)", "crow flies", "throttled"):
        assert told in result.output


def test_a_plan_is_shown_as_json_with_the_names_of_the_contract(served):
    words = ["visits", "plan", "rep-07", *LEADS, *START, "--json"]

    result = CliRunner().invoke(app, [*words, *served.options("engagement")])

    assert json.loads(result.output)["visits"][0]["length_s"] == 2700


def test_a_start_that_is_no_place_is_refused_before_anything_is_asked(served, visits):
    asked = len(visits.asked)
    words = ["visits", "plan", "rep-07", LEADS[0], "--start", "here", "--day", "2026-03-02"]

    result = CliRunner().invoke(app, [*words, *served.options("engagement")])

    assert (result.exit_code, len(visits.asked)) == (2, asked)
