"""A version of the policy is proposed, tried and published; what cannot be sound never decides."""

import asyncio
import hashlib
import json

import pytest
from accesskit.decisions import Outcome, Question
from leadchain.permissions.v1 import approvals_service_pb2 as approvals_pb
from leadchain.permissions.v1 import changes_pb2, permissions_service_pb2
from leadchain.permissions.v1 import policies_service_pb2 as pb
from permissions.commands.policies import start_policy
from permissions.commands.shadowing import ShadowBook
from permissions.policies import default_policy
from servicekit.database import Database

from .conftest import UNAPPROVED, WRITER, Door, policy_with

RULES = "\nrules:\n"
VIEWERS_EDIT = (
    RULES,
    f"{RULES}  - {{id: viewer_edits, roles: [salesperson], on: lead, as: viewer, actions: [edit]}}\n",
)
VIEWERS = "      define superior: superior from owner\n      define viewer: "
NO_VIEWERS = (f"{VIEWERS}[user, role#member]\n", f"{VIEWERS}[role#member]\n")
EDIT = Question("bo", "edit", "lead", "l-1")


@pytest.fixture
def policy() -> str:
    return policy_with(WRITER, UNAPPROVED)


async def proposed(door: Door, *changes: tuple[str, str]) -> int:
    document = policy_with(WRITER, UNAPPROVED, *changes)
    request = pb.ProposePolicyRequest(document=document)
    number: int = (await door.call("ProposePolicy", request, by="gov")).version
    return number


async def tried(door: Door, *changes: tuple[str, str]) -> int:
    number = await proposed(door, *changes)
    await door.call("DryRun", pb.DryRunRequest(version=number), by="gov")
    return number


async def published(door: Door, number: int, **how: object) -> None:
    request = pb.PublishPolicyRequest(version=number, **how)  # type: ignore[arg-type]
    answer = await door.call("PublishPolicy", request, by="gov")
    await door.live.at_least(answer.token)


def may(door: Door, question: Question = EDIT) -> bool:
    return door.live.engine.decide(question, now_s=door.live.now_s).outcome is Outcome.ALLOW


async def stage_of(door: Door, number: int) -> int:
    answer = await door.call("GetPolicy", pb.GetPolicyRequest(version=number))
    stage: int = answer.policy.stage
    return stage


async def test_the_first_start_has_one_policy_whoever_comes_first(database: Database) -> None:
    await asyncio.gather(*[start_policy(database, default_policy()) for _ in range(4)])

    async with database.raw() as raw:
        assert await raw.fetch("select version, stage from policies") == [(1, "live")]
        assert await raw.fetchval("select count(*) from audit_entries") == 1


async def test_a_published_version_decides_from_its_token_on(door: Door) -> None:
    await door.write("lead:l-1#viewer@user:bo")
    await door.live.catch_up()
    before = may(door)

    await published(door, await tried(door, VIEWERS_EDIT))

    assert (before, may(door)) == (False, True)
    assert door.live.engine.policy_version == 2
    assert await stage_of(door, 1) == pb.POLICY_STAGE_RETIRED
    assert await stage_of(door, 0) == pb.POLICY_STAGE_LIVE


async def test_there_is_a_way_back(door: Door) -> None:
    await door.write("lead:l-1#viewer@user:bo")
    await published(door, await tried(door, VIEWERS_EDIT))

    answer = await door.call("RollBack", pb.RollBackRequest(reason="too wide"), by="gov")

    await door.live.at_least(answer.token)
    assert (answer.version, may(door)) == (1, False)


async def test_the_first_version_replaced_none(door: Door) -> None:
    code, _ = await door.refusal("RollBack", pb.RollBackRequest(), by="gov")

    assert code == "FAILED_PRECONDITION"


async def test_the_same_document_is_the_same_version(door: Door) -> None:
    first = await proposed(door, VIEWERS_EDIT)

    assert await proposed(door, VIEWERS_EDIT) == first


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("", "document"),
        ("a: [", "line"),
        ("model: &a x\nroles: *a", "line 2"),
        (policy_with(("roles: [salesperson]", "roles: [salesman]")), "rules[0].roles"),
        (policy_with(("define manager: [user]", "define manager: [nobody]")), "model"),
    ],
)
async def test_a_document_that_is_not_sound_is_refused_with_its_place(
    door: Door, document: str, place: str
) -> None:
    request = pb.ProposePolicyRequest(document=document)

    code, text = await door.refusal("ProposePolicy", request, by="gov")

    assert code == "INVALID_ARGUMENT"
    assert place in text


async def test_an_untried_version_needs_force_and_force_a_reason(door: Door) -> None:
    number = await proposed(door, VIEWERS_EDIT)

    bare = await door.refusal("PublishPolicy", pb.PublishPolicyRequest(version=number), by="gov")
    forced = pb.PublishPolicyRequest(version=number, force=True, reason=" ")
    unreasoned = await door.refusal("PublishPolicy", forced, by="gov")
    await published(door, number, force=True, reason="the roof is on fire")

    assert (bare[0], "never dry-run" in bare[1]) == ("FAILED_PRECONDITION", True)
    assert unreasoned[0] == "INVALID_ARGUMENT"
    assert door.live.engine.policy_version == number


async def test_an_unknown_version_is_not_found(door: Door) -> None:
    for number in (99, 2**32 - 1):
        assert (await door.refusal("GetPolicy", pb.GetPolicyRequest(version=number)))[
            0
        ] == "NOT_FOUND"
        request = pb.PublishPolicyRequest(version=number)
        assert (await door.refusal("PublishPolicy", request, by="gov"))[0] == "NOT_FOUND"


async def test_who_may_not_publish_is_told_what_is_missing(door: Door) -> None:
    number = await tried(door, VIEWERS_EDIT)
    request = pb.PublishPolicyRequest(version=number)

    code, text = await door.refusal("PublishPolicy", request, by="ana")

    assert (code, f"publish on policy:{number} is required" in text) == ("PERMISSION_DENIED", True)


async def test_a_version_that_does_not_admit_what_is_on_record_is_refused_and_says_what(
    door: Door,
) -> None:
    await door.write("lead:l-1#viewer@user:bo")
    number = await proposed(door, NO_VIEWERS)

    trial = await door.call("DryRun", pb.DryRunRequest(version=number), by="gov")
    code, text = await door.refusal(
        "PublishPolicy", pb.PublishPolicyRequest(version=number), by="gov"
    )

    assert list(trial.refused_facts) == ["lead:l-1#viewer@user:bo"]
    assert (code, "lead:l-1#viewer@user:bo" in text) == ("FAILED_PRECONDITION", True)
    assert door.live.engine.policy_version == 1


async def test_a_dry_run_shows_what_would_be_answered_otherwise(door: Door) -> None:
    await door.write("lead:l-1#viewer@user:bo")
    document = policy_with(WRITER, UNAPPROVED, VIEWERS_EDIT)
    question = permissions_service_pb2.CheckRequest(
        subject_id="bo", action="edit", resource=changes_pb2.Entity(type="lead", id="l-1")
    )

    asked = pb.DryRunRequest(document=document, questions=[question])
    told = await door.call("DryRun", asked, by="gov")
    whole = await door.call("DryRun", pb.DryRunRequest(document=document), by="gov")
    part = await door.call("DryRun", pb.DryRunRequest(document=document, sample_size=5), by="gov")

    [kind] = told.disagreements
    assert (kind.action, kind.subject_id, kind.resource_id) == ("edit", "bo", "l-1")
    assert (kind.live_answer.split()[0], kind.answer) == ("deny", "allow viewer_edits")
    assert (told.question_count, told.disagreement_count, told.complete) == (1, 1, True)
    assert (whole.disagreement_count, whole.complete) == (1, True)
    assert (part.question_count, part.complete) == (5, False)
    assert door.live.engine.policy_version == 1


async def test_a_dry_run_is_of_a_version_or_of_a_document(door: Door) -> None:
    for request in (pb.DryRunRequest(), pb.DryRunRequest(version=1, document="x")):
        assert (await door.refusal("DryRun", request, by="gov"))[0] == "INVALID_ARGUMENT"


async def test_a_shadow_answers_nothing_and_its_disagreements_are_counted(door: Door) -> None:
    await door.write("lead:l-1#viewer@user:bo")
    number = await proposed(door, VIEWERS_EDIT)
    answer = await door.call("ShadowPolicy", pb.ShadowPolicyRequest(version=number), by="gov")
    await door.live.at_least(answer.token)
    book = ShadowBook(door.database, door.live)

    for question in (EDIT, EDIT, Question("bo", "read", "lead", "l-1")):
        decision = door.live.engine.decide(question, now_s=door.live.now_s)
        book.note(question, decision, door.live.now_s)
    await book.write()
    await book.write()

    page = await door.call("ListDisagreements", pb.ListDisagreementsRequest(), by="gov")
    [kind] = page.disagreements
    assert not may(door)
    assert (kind.answer, kind.count, kind.live_version, page.complete) == (
        "allow viewer_edits",
        2,
        1,
        True,
    )
    await published(door, number)
    assert may(door)


async def test_a_shadow_ends_and_is_a_draft_again(door: Door) -> None:
    number = await proposed(door, VIEWERS_EDIT)
    await door.call("ShadowPolicy", pb.ShadowPolicyRequest(version=number), by="gov")

    answer = await door.call("ShadowPolicy", pb.ShadowPolicyRequest(), by="gov")

    await door.live.at_least(answer.token)
    assert door.live.engine.shadow_policy is None
    assert await stage_of(door, number) == pb.POLICY_STAGE_DRAFT


async def test_the_live_version_is_no_shadow(door: Door) -> None:
    code, _ = await door.refusal("ShadowPolicy", pb.ShadowPolicyRequest(version=1), by="gov")

    assert code == "FAILED_PRECONDITION"


async def test_versions_are_listed_newest_first(door: Door) -> None:
    await proposed(door, VIEWERS_EDIT)
    await proposed(door, NO_VIEWERS)

    newest = await door.call("ListPolicies", pb.ListPoliciesRequest(page_size=2))
    rest = await door.call("ListPolicies", pb.ListPoliciesRequest(before_version=2))

    assert [each.version for each in newest.policies] == [3, 2]
    assert [each.version for each in rest.policies] == [1]
    assert not any(each.document for each in newest.policies)


async def test_a_replica_follows_the_policy(door: Door) -> None:
    await published(door, await tried(door, VIEWERS_EDIT))

    replica = await door.replica()

    assert replica.policy_version == 2
    assert replica.policy is not None


@pytest.mark.parametrize("policy", [policy_with(WRITER)])
async def test_a_policy_is_published_by_three_people_together(door: Door) -> None:
    document = policy_with(WRITER, VIEWERS_EDIT)
    proposal = pb.ProposePolicyRequest(document=document)
    number = (await door.call("ProposePolicy", proposal, by="gov")).version
    await door.call("DryRun", pb.DryRunRequest(version=number), by="gov")
    alone = pb.PublishPolicyRequest(version=number)
    code, text = await door.refusal("PublishPolicy", alone, by="gov")
    sha256 = hashlib.sha256(document.encode()).hexdigest()
    deed = approvals_pb.Deed(
        subject_id="gov",
        action="publish",
        resource=changes_pb2.Entity(type="policy", id=str(number)),
        params_json=json.dumps({"document_sha256": sha256}),
    )

    approval_id = await door.approved(deed, voters=["gus", "sec"])
    request = pb.PublishPolicyRequest(version=number, approval_id=approval_id)
    answer = await door.call("PublishPolicy", request, by="gov", **door.present())

    await door.live.at_least(answer.token)
    assert (code, text.startswith("approval_required")) == ("PERMISSION_DENIED", True)
    assert door.live.engine.policy_version == number

    back = await door.call("RollBack", pb.RollBackRequest(), by="gov")
    assert back.version == 1
