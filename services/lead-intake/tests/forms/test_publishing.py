"""Versions of a form: checked, published by approval, tried on a share of the traffic, promoted or taken back."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any
from uuid import uuid4

import grpc
import msgspec
import pytest
import uuid_utils
from lead_intake.commands.form_canaries import Canaries
from lead_intake.domain.forms import Arm
from lead_intake.domain.leads import AccountId
from lead_intake.verifiers.protocol import Envelope
from leadchain.intake.v1 import forms_service_pb2 as pb
from servicekit.testing.waiting import eventually

WHOLE = {"name": "赵六", "mobile": "13800138004"}


def body(fields: dict[str, Any] | None = None, **named: Any) -> dict[str, Any]:
    return {"fields": WHOLE if fields is None else fields, **named}


def from_app(version: str, **fields: Any) -> dict[str, Any]:
    return body(WHOLE | fields, client={"name": "app", "version": version})


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code()


async def account_of(served: Any) -> AccountId:
    return AccountId(await served.rows.fetchval("select account_id from accounts"))


async def deliver(served: Any, *bodies: dict[str, Any]) -> None:
    """Stores deliveries of the form's account, sealed, as the door does."""
    for each in bodies:
        delivery_id = uuid_utils.uuid7()
        envelope = Envelope(body=msgspec.json.encode(each))
        await served.rows.execute(
            """insert into deliveries (delivery_id, account_id, dedupe_key, raw, received_at, state)
            values ($1, $2, $3, $4, now(), 1)""",
            delivery_id,
            await account_of(served),
            delivery_id.bytes,
            served.seals.seal_delivery(envelope, delivery_id.bytes),
        )


def with_hs_code(wanted: dict[str, Any], **named: Any) -> dict[str, Any]:
    made = copy.deepcopy(wanted) | named
    made["schema"]["properties"]["hs_code"] = {"type": "string", "minLength": 6}
    made["schema"]["required"] = [*made["schema"]["required"], "hs_code"]
    return made


async def judged(served: Any, *bodies: dict[str, Any]) -> list[Any]:
    account = await account_of(served)
    return [served.forms.judge(account, each) for each in bodies]


async def test_a_form_keeps_its_path_and_its_key_is_stored_nowhere_in_the_clear(
    served: Any,
) -> None:
    put = pb.PutFormRequest(form="order", channel="website_form", account="main")

    again = (await served.rpc.PutForm(put)).path

    assert again == served.path
    key = again.rpartition("/")[2]
    assert len(key) * 6 >= 128
    row = await served.rows.fetchrow("select * from forms")
    assert key.encode() not in b"".join(v for v in row.values() if isinstance(v, bytes))


@pytest.mark.parametrize(
    ("form", "account", "code"),
    [
        ("Order!", "main", grpc.StatusCode.INVALID_ARGUMENT),
        ("order", "other", grpc.StatusCode.NOT_FOUND),
        ("second", "main", grpc.StatusCode.ALREADY_EXISTS),
    ],
)
async def test_a_form_that_makes_no_sense_is_refused(
    served: Any, form: str, account: str, code: grpc.StatusCode
) -> None:
    put = pb.PutFormRequest(form=form, channel="website_form", account=account)

    assert await code_of(served.rpc.PutForm(put)) is code


async def test_the_first_version_is_in_force_at_once_and_bound_to_its_approval(
    served: Any, make_document: Any
) -> None:
    wanted = make_document()

    published = await served.publish(wanted, idempotency_key="k1")

    digest = hashlib.sha256(json.dumps(wanted).encode())
    assert (published.version, published.is_canary) == (1, False)
    assert served.approvals.used == [
        {
            "approval_id": "a1",
            "kind": "mapping",
            "resource_id": "order",
            "params": {"version": 1, "sha256": digest.hexdigest()},
            "key": "k1",
        }
    ]
    [fact] = await served.facts()
    assert (fact.form, fact.version, fact.old_sha256) == ("order", 1, b"")
    assert (fact.new_sha256, fact.canary_percent) == (digest.digest(), 100)


async def test_without_an_approval_nothing_is_published(served: Any, make_document: Any) -> None:
    refused = served.publish(make_document(), approval_id="refused")

    assert await code_of(refused) is grpc.StatusCode.PERMISSION_DENIED
    assert await served.rows.fetchval("select count(*) from form_versions") == 0
    assert await served.facts() == []


async def test_publishing_again_is_the_same_and_needs_no_second_approval(
    served: Any, make_document: Any
) -> None:
    await served.publish(make_document())

    again = await served.publish(make_document(), version=1, approval_id="refused")
    other = served.publish(make_document(first_action="other"), version=1)

    assert (again.version, again.is_canary) == (1, False)
    assert await code_of(other) is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_version_that_breaks_clients_is_published_only_when_that_is_accepted(
    shown: Any, make_document: Any
) -> None:
    breaking = with_hs_code(make_document())

    refused = await code_of(shown.publish(breaking))
    published = await shown.publish(breaking, accept_breaking=True)

    assert refused is grpc.StatusCode.FAILED_PRECONDITION
    assert published.is_canary


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": {"type": "object"}}', "x" * 200_000],
    ids=["empty", "list", "nothing", "no fields", "large"],
)
async def test_a_bad_document_is_refused(served: Any, text: str) -> None:
    check = pb.CheckFormRequest(form="order", document=text)

    assert await code_of(served.rpc.CheckForm(check)) is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_check_tells_by_rules_and_by_replay_which_clients_would_break(
    shown: Any, make_document: Any
) -> None:
    await deliver(
        shown,
        from_app("V3.2.6"),
        from_app("V3.2.6", hs_code="850440"),
        from_app("V3.2.7", hs_code="850440"),
        body(),
    )
    await judged(shown, from_app("V3.2.6"), from_app("V3.2.7"))
    await shown.forms.refresh()
    wanted = json.dumps(with_hs_code(make_document()))

    said = await shown.rpc.CheckForm(pb.CheckFormRequest(form="order", document=wanted))

    assert said.compatibility == pb.COMPATIBILITY_BREAKING
    assert said.sha256 == hashlib.sha256(wanted.encode()).hexdigest()
    by_client = {each.client: each for each in said.clients}
    of_old = by_client["app/V3.2.6"]
    assert of_old.compatibility == pb.COMPATIBILITY_BREAKING
    assert (of_old.changes[0].pointer, of_old.changes[0].kind) == ("/hs_code", "required_added")
    assert by_client["unstated"].compatibility == pb.COMPATIBILITY_UNAFFECTED
    replays = {each.client: each for each in said.replays}
    assert (replays["app/V3.2.6"].checked_count, replays["app/V3.2.6"].failing_count) == (2, 1)
    assert replays["app/V3.2.6"].places[0].pointer == "/hs_code"
    assert replays["app/V3.2.7"].failing_count == replays["unstated"].failing_count == 0
    assert "13800138004" not in str(said)


async def test_a_check_of_a_version_for_new_clients_only_says_that_nobody_breaks(
    shown: Any, make_document: Any
) -> None:
    await deliver(shown, from_app("V3.2.6"), body())
    wanted = json.dumps(with_hs_code(make_document(), min_client="3.2.7"))

    said = await shown.rpc.CheckForm(pb.CheckFormRequest(form="order", document=wanted))

    assert said.compatibility == pb.COMPATIBILITY_UNAFFECTED
    assert [each.failing_count for each in said.replays] == [0, 0]


async def test_clients_are_judged_by_the_version_they_were_built_for(
    shown: Any, make_document: Any
) -> None:
    await shown.publish(with_hs_code(make_document(), min_client="3.2.7"))
    await shown.rpc.PromoteForm(pb.PromoteFormRequest(form="order", version=2))

    old, new, unstated, page, odd = await judged(
        shown,
        from_app("V3.2.6"),
        from_app("V3.2.7"),
        body(),
        body(form_version=2),
        body(form_version="many", client={"version": "<b>"}),
    )

    assert (old.is_ok, old.version) == (True, 1)
    assert (new.is_ok, new.version) == (False, 2)
    assert (unstated.is_ok, unstated.version) == (True, 1)
    assert (page.detail, page.version) == ("/hs_code required", 2)
    assert (odd.is_ok, odd.client) == (True, "unstated")


async def test_a_field_newer_than_the_client_is_optional_after_its_version_is_retired(
    shown: Any, make_document: Any
) -> None:
    await shown.publish(
        with_hs_code(make_document(), min_client="3.2.7", oldest_supported=2), accept_breaking=True
    )
    await shown.rpc.PromoteForm(pb.PromoteFormRequest(form="order", version=2))

    without, wrong = await judged(
        shown, body(form_version=1), body(WHOLE | {"name": 1}, form_version=1)
    )

    assert (without.is_ok, without.version) == (True, 2)
    assert wrong.detail == "/name type"


async def test_an_account_without_a_form_in_force_is_not_judged(served: Any) -> None:
    assert await judged(served, body()) == [None]
    assert served.forms.judge(AccountId(999), body()) is None


@pytest.mark.parametrize("odd", [None, [], "text", 7, {"fields": []}, {"fields": {"name": []}}])
async def test_a_body_of_another_shape_is_a_violation_and_never_an_error(
    shown: Any, odd: Any
) -> None:
    [verdict] = await judged(shown, odd)

    assert not verdict.is_ok


async def test_a_canary_judges_its_share_and_harms_nobody(shown: Any, make_document: Any) -> None:
    stricter = with_hs_code(make_document())
    await shown.publish(stricter, accept_breaking=True, canary_percent=5)
    senders = [from_app("4.0") | {"client": {"version": "4.0", "id": f"c{n}"}} for n in range(2000)]

    verdicts = await judged(shown, *senders)
    again = await judged(shown, *senders)

    tried = [each for each in verdicts if each.arm is Arm.NEW]
    assert 60 <= len(tried) <= 145
    assert [each.arm for each in verdicts] == [each.arm for each in again]
    assert all(each.is_ok for each in verdicts)
    assert all(each.failed for each in tried)


async def test_a_canary_that_is_worse_is_taken_back_with_its_numbers(
    shown: Any, make_document: Any
) -> None:
    await shown.publish(with_hs_code(make_document()), accept_breaking=True, canary_percent=50)
    senders = [{**body(), "client": {"version": "4.0", "id": f"c{n}"}} for n in range(200)]

    await judged(shown, *senders)
    await settled(shown)

    fact = (await shown.facts())[-1]
    assert (fact.DESCRIPTOR.name, fact.version, fact.kept_version) == ("FormRolledBack", 2, 1)
    assert fact.reason == "worse"
    assert fact.numbers.new_failed_count == fact.numbers.new_checked_count >= 20
    assert fact.numbers.old_failed_count == 0
    row = await shown.rows.fetchrow("select * from form_canaries")
    assert (row["outcome"], row["new_failed"]) == (
        "rolled back: worse",
        fact.numbers.new_failed_count,
    )
    assert {each.version for each in await judged(shown, *senders)} == {1}


async def test_a_canary_that_is_no_worse_is_promoted_after_its_time(
    shown: Any, make_document: Any
) -> None:
    better = make_document(title={"zh": "新标题"})
    await shown.publish(better, canary_percent=50, canary_duration_s=1)
    senders = [{**body(), "client": {"version": "4.0", "id": f"c{n}"}} for n in range(200)]
    await judged(shown, *senders)

    async def is_promoted() -> bool:
        await settled(shown)
        return (await shown.facts())[-1].DESCRIPTOR.name == "FormPromoted"

    await eventually(is_promoted, what="the canary is promoted")

    fact = (await shown.facts())[-1]
    assert (fact.version, fact.replaced_version, fact.reason) == (2, 1, "no_worse")
    [form] = (await shown.rpc.ListForms(pb.ListFormsRequest())).forms
    assert form.live_version == 2
    assert [(each.version, each.stage) for each in form.versions] == [
        (2, "live"),
        (1, "replaced"),
    ]


async def settled(shown: Any) -> None:
    """Writes what was counted and lets the canaries be settled, as their workers do every few seconds."""
    await shown.forms.refresh()
    await Canaries(shown.database).step()
    await shown.forms.refresh()


async def test_a_canary_survives_a_restart_with_its_numbers(
    shown: Any, make_document: Any, start_forms: Any, unused_tcp_port_factory: Any
) -> None:
    await shown.publish(make_document(title={"zh": "新"}), canary_percent=50)
    senders = [{**body(), "client": {"version": "4.0", "id": f"c{n}"}} for n in range(40)]
    before = [each.arm for each in await judged(shown, *senders)]
    await shown.forms.refresh()
    [form] = (await shown.rpc.ListForms(pb.ListFormsRequest())).forms

    async with start_forms() as restarted:
        [again] = (await restarted.rpc.ListForms(pb.ListFormsRequest())).forms
        after = [each.arm for each in await judged(restarted, *senders)]

    assert again.canary == form.canary
    assert again.canary.numbers.new_checked_count == before.count(Arm.NEW) > 0
    assert after == before


async def test_a_canary_is_taken_back_by_command_once(shown: Any, make_document: Any) -> None:
    await shown.publish(make_document(title={"zh": "新"}))
    back = pb.RollBackFormRequest(form="order", version=2)

    answers = [(await shown.rpc.RollBackForm(back)).live_version for _ in range(2)]

    assert answers == [1, 1]
    assert [each.DESCRIPTOR.name for each in await shown.facts()] == [
        "FormPublished",
        "FormPublished",
        "FormRolledBack",
    ]
    promote = pb.PromoteFormRequest(form="order", version=2)
    assert await code_of(shown.rpc.PromoteForm(promote)) is grpc.StatusCode.FAILED_PRECONDITION
    assert (await shown.publish(make_document(title={"zh": "三"}))).version == 3


async def test_while_a_canary_runs_nothing_else_is_published(
    shown: Any, make_document: Any
) -> None:
    await shown.publish(make_document(title={"zh": "新"}))

    another = shown.publish(make_document(title={"zh": "三"}), idempotency_key=uuid4().hex)

    assert await code_of(another) is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_page_of_a_version_that_was_taken_back_can_still_be_sent(
    shown: Any, make_document: Any
) -> None:
    await shown.publish(with_hs_code(make_document()), accept_breaking=True, canary_percent=100)
    page = await shown.page()
    assert "hs_code" in page.text
    await shown.rpc.RollBackForm(pb.RollBackFormRequest(form="order", version=2))

    sent = {"_token": page.inputs["_token"], "_consent": "yes", "/name": "赵六", "/mobile": "13800138004"}  # fmt: skip
    status, _, _ = await shown.post(sent)

    assert status == 303
    assert (await shown.bodies())[0]["form_version"] == 1
