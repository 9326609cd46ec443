"""`leadctl recordings` against a service that says what a test wants."""

from collections.abc import Iterator

import pytest
from leadchain.engagement.v1 import recordings_service_pb2 as pb
from leadchain.engagement.v1 import recordings_service_pb2_grpc as pb_grpc
from leadctl.__main__ import app
from leadctl.testing import CliRunner, Served, serving

CONTACT = "0199c0de-0000-7000-8000-000000000007"


class _Recordings(pb_grpc.RecordingsServiceServicer):
    async def ListFailedRecordings(self, _request, _context):
        told = pb.FailedRecording(contact_id=CONTACT, reason="status_503", attempt_count=6)
        return pb.ListFailedRecordingsResponse(recordings=[told])

    async def RetryRecordings(self, request, _context):
        return pb.RetryRecordingsResponse(count=len(request.contact_ids) or 17)


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    service = "leadchain.engagement.v1.RecordingsService"
    add = pb_grpc.add_RecordingsServiceServicer_to_server
    with serving(tmp_path_factory.mktemp("installation"), (add, _Recordings(), service)) as running:
        yield running


def printed(served: Served, *words: str) -> str:
    result = CliRunner().invoke(app, ["recordings", *words, *served.options("engagement")])
    assert result.exit_code == 0, result.output
    return result.output


def test_what_was_given_up_is_listed_with_the_reason(served):
    told = printed(served, "list")

    assert "status_503" in told
    assert CONTACT in told


def test_one_or_all_are_tried_again(served):
    assert "1 wait" in printed(served, "retry", CONTACT)
    assert "17 wait" in printed(served, "retry")
