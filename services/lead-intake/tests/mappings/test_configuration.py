"""Accounts change by others' consent only, and every change is kept and told."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from leadchain.intake.v1 import config_events_pb2 as events
from leadchain.intake.v1 import intake_service_pb2 as pb

OTHER_SECRET = "whsec_" + "QUJD" * 8


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code(), refused.value.details() or ""


async def told(intake: Any) -> list[events.ConfigurationChanged]:
    rows = await intake.rows.fetch(
        "select payload from outbox where event_type like '%.ConfigurationChanged' order by id"
    )
    return [events.ConfigurationChanged.FromString(row[0]) for row in rows]


def put(secret: str, **named: Any) -> pb.PutAccountRequest:
    return pb.PutAccountRequest(channel="website_form", account="main", secrets=[secret], **named)


async def test_without_an_approval_nothing_changes_and_the_refusal_says_what_to_ask_for(
    strict: Any,
) -> None:
    before = await strict.rows.fetch("select * from accounts order by account_id")

    code, text = await refusal(strict.rpc.PutAccount(put(OTHER_SECRET)))

    assert code is grpc.StatusCode.PERMISSION_DENIED
    asked = json.loads(text.removeprefix("approval_required: "))
    assert asked["resource"] == "webhook_account:website_form/main"
    assert (asked["subject"], asked["action"]) == ("leadctl", "publish")
    assert asked["params"]["change"] == "put"
    assert OTHER_SECRET not in text
    assert await strict.rows.fetch("select * from accounts order by account_id") == before


async def test_an_approval_serves_once_and_for_exactly_what_was_asked(
    strict: Any, samples: Any
) -> None:
    first = await strict.rpc.PutAccount(put(OTHER_SECRET, approval_id="approved-1"))
    again = await strict.rpc.PutAccount(put(OTHER_SECRET, approval_id="approved-1"))
    other = await refusal(strict.rpc.PutAccount(put(samples.form_secret, approval_id="approved-1")))
    invented = await refusal(strict.rpc.PutAccount(put(OTHER_SECRET, approval_id="mine")))

    assert again.path == first.path == strict.paths["website_form"]
    assert other == (grpc.StatusCode.PERMISSION_DENIED, "out_of_scope")
    assert invented == (grpc.StatusCode.PERMISSION_DENIED, "approval_unverifiable")
    changes = [each for each in await told(strict) if each.approval_id]
    assert [each.approval_id for each in changes] == ["approved-1"]


async def test_an_old_approval_brings_no_old_secret_back(strict: Any, samples: Any) -> None:
    await strict.rpc.PutAccount(put(OTHER_SECRET, approval_id="approved-1"))
    await strict.rpc.PutAccount(put(samples.form_secret, approval_id="approved-2"))

    await strict.rpc.PutAccount(put(OTHER_SECRET, approval_id="approved-1"))

    assert (await strict.post_form(samples.form()))[0] == 202
    assert (await strict.post_form(samples.form(), secret=OTHER_SECRET))[0] == 401


async def test_a_change_is_told_with_old_and_new_and_without_any_secret(
    strict: Any, samples: Any
) -> None:
    await strict.rpc.PutAccount(put(OTHER_SECRET, approval_id="approved-1", rps=5))

    change = (await told(strict))[-1]
    old, new = json.loads(change.old_json), json.loads(change.new_json)
    assert (change.kind, change.resource_id) == ("webhook_account", "website_form/main")
    assert (change.actor_id, change.approval_id) == ("leadctl", "approved-1")
    assert (old["rps"], new["rps"]) == (None, 5.0)
    assert old["secrets"]["signing"] != new["secrets"]["signing"]
    assert OTHER_SECRET not in change.new_json
    assert samples.form_secret not in change.old_json


async def test_the_history_is_listed_newest_first_and_in_pages(strict: Any) -> None:
    await strict.rpc.PutAccount(put(OTHER_SECRET, approval_id="approved-1"))
    request = pb.ListConfigurationChangesRequest(resource_id="website_form/main", page_size=1)

    newest = await strict.rpc.ListConfigurationChanges(request)
    request.page_token = newest.next_page_token
    oldest = await strict.rpc.ListConfigurationChanges(request)

    assert [each.approval_id for each in newest.changes] == ["approved-1"]
    assert [each.old_json for each in oldest.changes] == [""]
    bad = pb.ListConfigurationChangesRequest(page_token="x")
    code, _ = await refusal(strict.rpc.ListConfigurationChanges(bad))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_closed_account_is_unknown_at_the_door_until_it_is_put_again(
    strict: Any, samples: Any
) -> None:
    close = pb.RemoveAccountRequest(channel="website_form", account="main")

    code, text = await refusal(strict.rpc.RemoveAccount(close))
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert '"change":"close"' in text

    close.approval_id = "approved-1"
    closed = await strict.rpc.RemoveAccount(close)
    assert (await strict.post_form(samples.form()))[0] == 404
    listed = await strict.rpc.ListAccounts(pb.ListAccountsRequest())
    assert [each.HasField("closed_at") for each in listed.accounts] == [False, True]
    again = await strict.rpc.RemoveAccount(close)
    assert again.closed_at == closed.closed_at

    reopened = await strict.rpc.PutAccount(put(samples.form_secret, approval_id="approved-2"))
    assert reopened.path == strict.paths["website_form"]
    code, _ = await refusal(strict.rpc.RemoveAccount(close))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert (await strict.post_form(samples.form()))[0] == 202


async def test_what_came_before_an_account_was_closed_is_still_mapped(
    strict: Any, samples: Any
) -> None:
    await strict.accepted_form(samples.form())
    close = pb.RemoveAccountRequest(
        channel="website_form", account="main", approval_id="approved-1"
    )

    await strict.rpc.RemoveAccount(close)

    (item,) = await strict.settled(1)
    assert item["state"] == 2


async def test_an_unknown_account_cannot_be_closed(strict: Any) -> None:
    request = pb.RemoveAccountRequest(
        channel="website_form", account="nobody", approval_id="approved-1"
    )

    code, _ = await refusal(strict.rpc.RemoveAccount(request))

    assert code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    "request_",
    [
        pb.PutAccountRequest(channel="website_form", account="a:b", secrets=[OTHER_SECRET]),
        pb.PutAccountRequest(channel="website_form", account="a", secrets=[OTHER_SECRET], rps=0),
        pb.PutAccountRequest(
            channel="website_form", account="a", secrets=[OTHER_SECRET], template="none"
        ),
        pb.PutAccountRequest(
            channel="website_form", account="a", secrets=[OTHER_SECRET], encryption_keys=["k"] * 3
        ),
    ],
    ids=["a colon in the name", "no rate at all", "unknown template", "three keys"],
)
async def test_what_could_not_be_served_is_refused_before_anybody_is_asked(
    strict: Any, request_: pb.PutAccountRequest
) -> None:
    code, text = await refusal(strict.rpc.PutAccount(request_))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "approval" not in text


async def test_an_account_has_a_rate_of_its_own(strict: Any, samples: Any) -> None:
    await strict.rpc.PutAccount(put(samples.form_secret, approval_id="approved-1", rps=0.5))

    statuses = [(await strict.post_form(samples.form(name=f"示例{n}")))[0] for n in range(3)]

    assert statuses[0] == 202
    assert statuses[-1] == 429
