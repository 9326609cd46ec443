"""An import and its undoing over the whole stack: nobody is reminded of what was taken back, and the ledger agrees."""

import asyncio
import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from leadchain.assignment.v1.assignment_service_pb2 import (
    ExplainAssignmentRequest,
    MarkContactedRequest,
)
from leadchain.assignment.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from leadctl.clients import Services
from leadctl.demo.environment import addresses, demo_stack, introduce_people, open_doors
from leadctl.demo.performance import gateway
from leadctl.ledger import current_ledger
from leadctl.reps import all_reps
from servicekit.testing.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROWS = 30
CONTACTED = 5
CONTACT_WITHIN_S = 15


@pytest.fixture
async def patient_stack(tmp_path, place):
    """A stack whose reps have time enough for a person at the command line."""
    sla = tmp_path / "sla.yaml"
    sla.write_text(f"contact_within_s: {CONTACT_WITHIN_S}\nmax_hops: 2\n")
    running = demo_stack(place / "imports", settings={"assignment": {"SLA_POLICY_FILE": str(sla)}})
    try:
        await running.up()
        yield running
    finally:
        await running.down(purge=True)


@pytest.fixture
async def known(patient_stack):
    targets = {name: target.grpc for name, target in patient_stack.targets().items()}
    async with Services(targets, patient_stack.operator_token_file()) as services:
        yield services


def file_of(folder: Path, numbers) -> Path:
    """A file of made-up leads in Shenzhen."""
    file = folder / f"leads-{numbers[0]}.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["线索ID", "姓名", "手机号", "城市"])
        writer.writerows([f"L{n}", "赵示例", f"138001380{n:02}", "深圳"] for n in numbers)
    return file


async def leadctl(stack, *arguments):
    """What a command of the operator's says in JSON."""
    command = [
        sys.executable, "-m", "leadctl", *arguments, "--json",
        "--target", f"lead-intake={stack.targets()['lead-intake'].grpc}",
        "--token-file", str(stack.operator_token_file()),
    ]  # fmt: skip
    done = await asyncio.to_thread(
        subprocess.run, command, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return json.loads(done.stdout)


async def imported(stack, file):
    """Imports a file to its end."""
    return await leadctl(
        stack, "import", str(file), "--channel", "website_form", "--account", "demo-site"
    )


def reminders(stack):
    """Each reminder that the reps and their managers got: lead, kind, recipient."""
    file = addresses(stack).reminders_file
    lines = file.read_text().splitlines() if file.exists() else []
    told = [json.loads(line) for line in lines]
    return [(each["lead_id"], each["kind"], each["recipient_id"]) for each in told]


async def until_reminded(stack, count):
    """The first reminders of so many leads."""

    async def are_reminded():
        found = {lead_id: rep for lead_id, kind, rep in reminders(stack) if kind == "lead_assigned"}
        return found if len(found) >= count else None

    return await eventually(are_reminded, deadline_s=60, what=f"{count} owners are reminded")


async def contact(known, stack, owners):
    """The owners of these leads make contact."""
    async with gateway(known, stack) as speaking:
        for lead_id, rep_id in owners.items():
            request = MarkContactedRequest(lead_id=lead_id, rep_id=rep_id)
            with speaking.asking("assignment") as channel:
                await AssignmentServiceStub(channel).MarkContacted(request)


async def until_the_ledger_says(known, **counts):
    """The ledger, once it has these counts."""

    async def says():
        answer = await current_ledger(known)
        found = {name: getattr(answer.total, f"{name}_count") for name in counts}
        return answer if found == counts and not answer.unreachable else None

    return await eventually(says, deadline_s=60, what=f"a ledger of {counts}")


async def test_an_undone_import_leaves_a_clean_ledger_and_nobody_is_reminded_of_it_again(
    known, patient_stack, tmp_path
):
    await open_doors(known, patient_stack)
    await introduce_people(known, patient_stack)
    one = await imported(patient_stack, file_of(tmp_path, range(ROWS)))
    owners = await until_reminded(patient_stack, ROWS)
    kept = dict(sorted(owners.items())[:CONTACTED])
    taken_back = owners.keys() - kept.keys()
    await contact(known, patient_stack, kept)

    undone = await leadctl(patient_stack, "imports", "undo", one["import_id"])

    books = await until_the_ledger_says(
        known, accepted=ROWS, assigned=CONTACTED, rejected=ROWS - CONTACTED, waiting=0, missing=0
    )
    assert one["counts"]["accepted_count"] == ROWS
    assert undone["state"] == "IMPORT_STATE_UNDONE"
    assert list(books.missing) == []
    assert sum(each.open_count for each in (await all_reps(known)).reps) == CONTACTED
    # The clock of a lead that comes now runs out after all of theirs would have.
    await imported(patient_stack, file_of(tmp_path, [ROWS]))
    await eventually(
        lambda: any(
            kind != "lead_assigned" and lead_id not in owners
            for lead_id, kind, _ in reminders(patient_stack)
        ),
        deadline_s=60,
        what="the manager of the last lead's owner is told",
    )
    told = Counter(lead_id for lead_id, _, _ in reminders(patient_stack))
    assert {told[lead_id] for lead_id in owners} == {1}
    request = ExplainAssignmentRequest(lead_id=min(taken_back))
    with known.asking("assignment") as channel:
        answer = await AssignmentServiceStub(channel).ExplainAssignment(request)
    assert [each.outcome for each in answer.decisions] == ["assigned", "withdrawn"]
    assert f"import_id={one['import_id']}" in answer.decisions[-1].inputs
    await until_the_ledger_says(
        known, accepted=ROWS + 1, assigned=CONTACTED + 1, rejected=ROWS - CONTACTED, missing=0
    )
