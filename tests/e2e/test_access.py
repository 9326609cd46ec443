"""Who may, over the whole stack: refusals that say why, exports that hurt nobody, and people who leave."""

import asyncio
import base64
import json
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from accesskit.notes import Signer
from leadchain.assignment.v1.assignment_service_pb2 import (
    GetAssignmentRequest,
    MarkContactedRequest,
)
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadchain.permissions.v1 import exports_service_pb2 as exports_pb
from leadchain.permissions.v1.approvals_service_pb2 import Actor
from leadchain.permissions.v1.audit_service_pb2 import GetCheckpointRequest, WhoChangedRequest
from leadchain.permissions.v1.audit_service_pb2_grpc import AuditServiceStub
from leadchain.permissions.v1.changes_pb2 import Entity, Fact
from leadchain.permissions.v1.exports_service_pb2_grpc import ExportsServiceStub
from leadchain.permissions.v1.facts_service_pb2 import WriteFactsRequest
from leadchain.permissions.v1.facts_service_pb2_grpc import FactsServiceStub
from leadchain.permissions.v1.permissions_service_pb2 import (
    CheckRequest,
    Consistency,
    LookupRequest,
    VerifyAuditRequest,
)
from leadchain.permissions.v1.permissions_service_pb2_grpc import PermissionsServiceStub
from leadchain.permissions.v1.sessions_service_pb2 import OffboardRequest
from leadctl.clients import NotAnswered, Services
from leadctl.demo.deliveries import simple_deliveries
from leadctl.demo.environment import introduce_people, open_doors
from leadctl.demo.sender import send
from leadctl.identities import OPERATOR
from leadctl.perm.leaving import end_access, report_of
from servicekit.access import CONSISTENCY_METADATA
from servicekit.events import new_id
from servicekit.testing.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LEADS = 24
SOUTH = {"rep-01", "rep-02", "rep-03", "rep-04", "rep-05", "rep-11", "rep-12"}
CONFIRMING = {"lead-intake", "identity", "assignment", "engagement", "notification", "reporting"}


@pytest.fixture(scope="module")
def stack(shared_stack):
    return shared_stack


@pytest.fixture(scope="module")
def begun() -> dict[str, dict[str, list[str]]]:
    """What the module's one delivery came to."""
    return {}


@pytest.fixture
async def leads(begun, stack, known):
    """Leads by owner, after two dozen have found theirs and were contacted, so that no timer hands them on."""
    if not begun:
        doors = await open_doors(known, stack)
        await introduce_people(known, stack)
        deliveries = list(simple_deliveries(LEADS, seed=77, at=datetime.now(UTC)))
        receipts = await send(deliveries, doors, rate_per_s=50, connections=4, arrived=_noted)
        ids = [receipt.item_id for receipt in receipts]
        await eventually(lambda: _owners(known, ids), deadline_s=60, what="owners")
        async with as_person(stack, "engagement") as gateway:
            keepers = {lead_id: await _contacted(gateway, known, lead_id) for lead_id in ids}
        begun["leads"] = await eventually(
            lambda: _owners(known, ids, keepers=keepers), deadline_s=60, what="owners who stay"
        )
    return begun["leads"]


def _noted(_: object) -> None:
    """Nobody watches."""


async def _contacted(gateway, known, lead_id):
    """Whoever has the lead, once they have said that contact was made."""

    async def marked():
        rep_id = (await assignment_of(known, lead_id)).assignee_id
        request = MarkContactedRequest(lead_id=lead_id, rep_id=rep_id)
        try:
            with gateway.asking("assignment") as channel:
                await AssignmentServiceStub(channel).MarkContacted(request)
        except NotAnswered as refused:
            if refused.code != "PERMISSION_DENIED":
                raise
            return None  # it was handed on in between
        return rep_id

    return await eventually(marked, deadline_s=30, what="contact")


async def _owners(known, lead_ids, *, keepers=None):
    """Leads by owner as permissions knows them; nothing until each has one, and it is who keeps it."""
    owned = {}
    with known.asking("permissions") as channel:
        stub = PermissionsServiceStub(channel)
        for number in range(1, 14):
            rep_id = f"rep-{number:02d}"
            owned[rep_id] = [id_ for id_ in await _followed_up(stub, rep_id) if id_ in lead_ids]
    found = {lead_id: rep_id for rep_id, ids in owned.items() for lead_id in ids}
    return owned if len(found) == len(lead_ids) and keepers in (None, found) else None


async def _held(known, rep_id):
    """Every lead of a rep, those of other modules too."""
    with known.asking("permissions") as channel:
        return set(await _followed_up(PermissionsServiceStub(channel), rep_id))


async def _followed_up(stub, rep_id):
    request = LookupRequest(subject_id=rep_id, action="follow_up", resource_type="lead")
    return [id_ async for page in stub.Lookup(request) for id_ in page.ids]


@asynccontextmanager
async def as_person(stack, person, **session):
    """The services of the stack, asked with a person's own token."""
    targets = {name: target.grpc for name, target in stack.targets().items()}
    scopes = ["operator"] if person == OPERATOR else []
    token_file = stack.identities.mint(person, scopes=scopes, epoch=1, **session)
    async with Services(targets, token_file) as services:
        yield services


async def assignment_of(services, lead_id, token=""):
    metadata = ((CONSISTENCY_METADATA, token),) if token else ()
    with services.asking("assignment") as channel:
        request = GetAssignmentRequest(lead_id=lead_id)
        return await AssignmentServiceStub(channel).GetAssignment(request, metadata=metadata)


def busiest(leads):
    return max(leads, key=lambda rep_id: len(leads[rep_id]))


async def test_a_refusal_by_any_service_says_why_and_what_would_change_it(stack, leads):
    owner = busiest(leads)
    stranger = "rep-13"

    async with as_person(stack, stranger) as theirs:
        with pytest.raises(NotAnswered) as refused:
            await assignment_of(theirs, leads[owner][0])

    assert refused.value.code == "PERMISSION_DENIED"
    assert "read: " in str(refused.value)
    assert owner in str(refused.value)


async def test_a_grant_is_in_force_wherever_its_token_is_shown(stack, known, leads):
    owner, lead_id = busiest(leads), leads[busiest(leads)][0]
    shared = Fact(
        resource=Entity(type="lead", id=lead_id),
        relation="viewer",
        subject=Entity(type="user", id="rep-12"),
    )
    async with as_person(stack, "rep-12") as theirs:
        with pytest.raises(NotAnswered):
            await assignment_of(theirs, lead_id)
        with known.asking("permissions") as channel:
            written = await FactsServiceStub(channel).WriteFacts(WriteFactsRequest(puts=[shared]))
        answer = await assignment_of(theirs, lead_id, written.token)

    assert answer.assignee_id == owner


@pytest.mark.parametrize(
    ("caller", "rep_id", "missing"),
    [("engagement", "rep-13", "owner"), ("leadctl", "rep-01", "act_for: ")],
)
async def test_nobody_marks_contact_for_somebody_else(stack, leads, caller, rep_id, missing):
    request = MarkContactedRequest(lead_id=leads[busiest(leads)][0], rep_id=rep_id)

    async with as_person(stack, caller) as asking:
        with pytest.raises(NotAnswered) as refused, asking.asking("assignment") as channel:
            await AssignmentServiceStub(channel).MarkContacted(request)

    assert refused.value.code == "PERMISSION_DENIED"
    assert missing in str(refused.value)


async def test_a_rep_edits_no_director_reads_all_and_a_supervisor_edits_no_customer(known, leads):
    lead_id = leads[busiest(leads)][0]

    async def may(who, action):
        with known.asking("permissions") as channel:
            request = CheckRequest(subject_id=who, action=action, lead_id=lead_id)
            return (await PermissionsServiceStub(channel).Check(request)).allowed

    assert await may("director", "read")
    assert not await may("director", "edit")
    assert not await may("manager-south", "edit")
    assert not await may("manager-north", "edit")


def opening(person, scope, rows):
    return exports_pb.OpenExportRequest(
        request_id=new_id(),
        actor=Actor(person_id=person),
        resource=Entity(type="lead"),
        scope=scope,
        filter_json="{}",
        fields=["city"],
        row_estimate=rows,
    )


async def exporting(services, method, request):
    with services.asking("permissions") as channel:
        return await getattr(ExportsServiceStub(channel), method)(request)


async def refusal_of(services, method, request):
    with pytest.raises(NotAnswered) as refused:
        await exporting(services, method, request)
    return refused.value.code, str(refused.value)


async def test_an_export_of_everything_is_refused_before_it_is_read_and_says_what_to_do(
    stack, leads
):
    async with as_person(stack, "engagement") as gateway:
        everything = opening("director", exports_pb.EXPORT_SCOPE_ALL, 50_000)
        code, text = await refusal_of(gateway, "OpenExport", everything)

    assert code == "PERMISSION_DENIED"
    assert "approval" in text


async def test_an_export_that_crashes_or_delivers_nothing_is_no_success(stack, leads):
    owner = busiest(leads)
    about = [Entity(type="lead", id=lead_id) for lead_id in leads[owner][:1]]
    async with as_person(stack, "engagement") as gateway:
        small = opening(owner, exports_pb.EXPORT_SCOPE_OWN, 1)
        export_id = (await exporting(gateway, "OpenExport", small)).export.export_id
        huge = exports_pb.AcquirePageRequest(export_id=export_id, rows=50_000)
        code, text = await refusal_of(gateway, "AcquirePage", huge)
        page = exports_pb.AcquirePageRequest(export_id=export_id)
        empty = exports_pb.ReportPageRequest(
            lease_id=(await exporting(gateway, "AcquirePage", page)).lease_id, ok=True
        )
        nothing = await exporting(gateway, "ReportPage", empty)
        one_row = exports_pb.ReportPageRequest(
            lease_id=(await exporting(gateway, "AcquirePage", page)).lease_id,
            ok=True,
            rows=1,
            resources=about,
        )
        delivered = await exporting(gateway, "ReportPage", one_row)
        done = await exporting(
            gateway, "CloseExport", exports_pb.CloseExportRequest(export_id=export_id)
        )

    assert (code, "2000 rows" in text) == ("RESOURCE_EXHAUSTED", True)
    assert nothing.outcome == exports_pb.PAGE_OUTCOME_EMPTY
    assert delivered.outcome == exports_pb.PAGE_OUTCOME_DELIVERED
    assert done.export.status == exports_pb.EXPORT_STATUS_COMPLETE


async def test_the_command_line_says_who_may_why_and_what_to(stack, leads):
    owner, lead_id = busiest(leads), leads[busiest(leads)][0]

    async def perm(*arguments):
        return await _leadctl("perm", *arguments, *_pointed_at(stack))

    allowed = await perm("check", owner, "edit", lead_id)
    refused = await perm("check", "rep-13", "edit", lead_id)
    why = await perm("explain", "rep-13", "edit", f"lead:{lead_id}")
    listed = await perm("lookup", owner, "follow_up")

    assert (allowed.returncode, "rep_works" in allowed.stdout) == (0, True)
    assert (refused.returncode, "no_relation" in refused.stdout) == (3, True)
    assert owner in why.stdout
    assert set(leads[owner]) <= set(listed.stdout.split())


async def test_a_sensitive_action_is_requested_and_decided_on_the_command_line(stack, leads):
    lead_id = next(ids[0] for rep, ids in leads.items() if rep in SOUTH and ids)
    proof = {"amr": ["pwd", "otp"], "auth_time": time.time()}
    asking = stack.identities.mint("manager-south", scopes=[], epoch=1, **proof)
    deciding = stack.identities.mint("director", scopes=[], epoch=1, **proof)

    async def perm(by, *arguments):
        return await _leadctl("perm", *arguments, *_pointed_at(stack, token_file=by))

    asked = await perm(asking, "request", "manager-south", "delete", lead_id, "--json")
    request_id = json.loads(asked.stdout)["request"]["request_id"]
    waiting = await perm(deciding, "requests")
    of_ones_own = await perm(asking, "approve", request_id)
    approved = await perm(deciding, "approve", request_id)
    too_late = await perm(deciding, "deny", request_id)

    assert request_id in waiting.stdout
    assert (of_ones_own.returncode, "refused" in of_ones_own.stderr) == (1, True)
    assert (approved.returncode, "approved" in approved.stdout) == (0, True)
    assert (too_late.returncode, "refused" in too_late.stderr) == (1, True)


async def test_who_leaves_is_out_everywhere_at_once_and_the_successor_knows_the_history(
    stack, known, leads
):
    leaver = busiest(leads)
    held = await _held(known, leaver)
    request = OffboardRequest(
        request_id=new_id(), principal_id=leaver, successor_id="rep-13", reason="resigned"
    )
    async with as_person(stack, leaver) as theirs, as_person(stack, "security-1") as security:
        await assignment_of(theirs, leads[leaver][0])

        report = (await end_access(security, request)).report
        with pytest.raises(NotAnswered) as refused:
            await assignment_of(theirs, leads[leaver][0])
        confirmed = await eventually(
            lambda: _all_confirmed(security, request.request_id), deadline_s=15, what="confirmation"
        )
        again = (await end_access(security, request)).report

    assert refused.value.code == "UNAUTHENTICATED"
    assert held >= set(leads[leaver])
    assert report.handed_over_count == len(held)
    assert (again.token, again.epoch) == (report.token, report.epoch)
    assert not confirmed.is_late
    await _the_successor_has_everything(known, leads[leaver], report.token)


async def _all_confirmed(security, request_id):
    answer = await report_of(security, request_id)
    return answer if {each.service for each in answer.confirmed} >= CONFIRMING else None


async def _the_successor_has_everything(known, lead_ids, token):
    with known.asking("permissions") as channel:
        stub = PermissionsServiceStub(channel)
        for lead_id in lead_ids:
            for action in ("edit", "read_history"):
                request = CheckRequest(
                    subject_id="rep-13",
                    action=action,
                    lead_id=lead_id,
                    consistency=Consistency(at_least=token),
                )
                assert (await stub.Check(request)).allowed
        history = await AuditServiceStub(channel).WhoChanged(
            WhoChangedRequest(resource=f"lead:{lead_ids[0]}")
        )
        verdict = await stub.VerifyAudit(VerifyAuditRequest())
    assert "security-1" in {change.actor for change in history.changes}
    assert verdict.intact


async def test_the_log_is_co_signed_by_reporting_and_verified_by_a_program_of_its_own(
    stack, known, leads, tmp_path
):
    dump, keys = tmp_path / "log.dump", tmp_path / "keys.txt"

    size, verifier_key = await eventually(
        lambda: _co_signed(known), deadline_s=60, what="a co-signature"
    )
    seed = base64.b64decode(stack.identities.key("reporting-WITNESS_SIGNING_KEY"))
    witness_key = Signer.from_seed("leadchain/reporting", seed).verifier_key
    keys.write_text(f"{verifier_key}\n{witness_key}\n")
    written = await _leadctl("audit", "dump", str(dump), *_pointed_at(stack))
    verified = await _leadctl("audit", "verify", str(dump), "--keys", str(keys))
    dump.write_bytes(dump.read_bytes().replace(b'"actor":', b'"acted":', 1))
    tampered = await _leadctl("audit", "verify", str(dump), "--keys", str(keys))

    assert size > 0
    assert written.returncode == 0, written.stderr
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert tampered.returncode == 2, tampered.stdout + tampered.stderr


async def _co_signed(known):
    """The newest checkpoint's size and the log's key, once reporting has co-signed it."""
    with known.asking("permissions") as channel:
        answer = await AuditServiceStub(channel).GetCheckpoint(GetCheckpointRequest())
    is_co_signed = "— leadchain/reporting " in answer.checkpoint.note
    return (answer.checkpoint.size, answer.verifier_key) if is_co_signed else None


def _pointed_at(stack, *, token_file=None):
    return (
        "--target",
        f"permissions={stack.targets()['permissions'].grpc}",
        "--token-file",
        str(token_file or stack.operator_token_file()),
    )


async def _leadctl(*arguments):
    command = [sys.executable, "-m", "leadctl", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, check=False, capture_output=True, text=True, timeout=60
    )
