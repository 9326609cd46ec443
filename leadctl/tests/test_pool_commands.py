"""The public pool over the command line: what lies in it, and a claim that is granted or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from leadchain.assignment.v1 import pool_service_pb2 as pb
from leadchain.assignment.v1 import pool_service_pb2_grpc as grpc_pb
from leadctl.__main__ import app
from leadctl.testing import CliRunner, Served, serving
from servicekit.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

LEAD = "01a20073-1560-702f-bc7f-019744272e17"


class _Pool(grpc_pb.PoolServiceServicer):
    async def ListPool(self, request, _context):
        lead = pb.PooledLead(lead_id=LEAD, previous_owner_id="ana", region_display="广东 深圳")
        return pb.ListPoolResponse(leads=[lead] * (request.limit > 1))

    async def ClaimLead(self, request, _context):
        if request.rep_id == "ana":
            raise Conflict(f"lead {request.lead_id} was yours")
        return pb.ClaimLeadResponse(left_today=19)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    add = (
        grpc_pb.add_PoolServiceServicer_to_server,
        _Pool(),
        "leadchain.assignment.v1.PoolService",
    )
    with serving(tmp_path_factory.mktemp("pool"), add) as running:
        yield running


def ran(served: Served, *command: str) -> Result:
    return CliRunner().invoke(app, ["pool", *command, *served.options("assignment")])


def test_the_pool_is_listed_or_said_to_be_empty(served: Served) -> None:
    shown, empty = ran(served, "list").output, ran(served, "list", "--limit", "1").output

    assert LEAD in shown
    assert "广东 深圳" in shown
    assert "the pool is empty" in empty


def test_a_claim_says_how_many_more_there_may_be_and_a_refusal_why(served: Served) -> None:
    claimed = ran(served, "claim", LEAD, "--for", "bo")
    refused = ran(served, "claim", LEAD, "--for", "ana")

    assert (claimed.exit_code, refused.exit_code) == (0, 1)
    assert "19 more may be claimed today" in claimed.output
    assert "was yours" in refused.output
