"""The guard of form posts: off, reporting who would break, or enforced with a reason."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import grpc
import pytest
from lead_intake.domain.csrf_reports import Cause, TokenState, cause_of, family_of, host_of
from lead_intake.webforms.render_tokens import LIFETIME_S, Render, RenderTokens
from leadchain.intake.v1 import forms_service_pb2 as pb
from servicekit.sealing import BlindIndex

VISITOR = {"/name": "赵六", "/mobile": "13800138004", "_consent": "yes"}
OA = "https://oa.example.com"
WECHAT = "Mozilla/5.0 (iPhone) MicroMessenger/8.0.40"


async def set_mode(shown: Any, mode: str) -> str:
    request = pb.SetFormGuardRequest(
        form="order", mode=mode, approval_id="a2", idempotency_key=uuid4().hex
    )
    return str((await shown.rpc.SetFormGuard(request)).old_mode)


async def callers(shown: Any) -> list[Any]:
    await shown.forms.refresh()
    return list((await shown.rpc.ListFormCallers(pb.ListFormCallersRequest())).callers)


async def test_in_report_mode_a_post_without_a_token_is_accepted_and_recorded(shown: Any) -> None:
    headers = {"origin": OA, "user-agent": WECHAT, "x-form-version": "app/3.2.6"}

    answers = [await shown.post(VISITOR, headers=headers) for _ in range(2)]

    assert [answer[0] for answer in answers] == [303, 303]
    assert len(await shown.bodies()) == 1
    [caller] = await callers(shown)
    assert (caller.form, caller.origin_host, caller.cause) == (
        "order",
        "oa.example.com",
        "foreign_origin",
    )
    assert (caller.agent_family, caller.client_version, caller.count) == (
        "wechat",
        "app/3.2.6",
        2,
    )
    assert caller.first_seen_at.seconds <= caller.last_seen_at.seconds


async def test_what_is_recorded_tells_no_people_apart(shown: Any) -> None:
    headers = {"origin": OA, "user-agent": WECHAT, "x-forwarded-for": "203.0.113.9"}
    await shown.post(VISITOR, headers=headers)
    await shown.forms.refresh()

    row = str(await shown.rows.fetch("select * from form_callers"))

    assert "203.0.113.9" not in row
    assert "MicroMessenger" not in row
    assert "13800138004" not in row


async def test_a_post_from_our_own_page_is_no_caller_that_would_break(shown: Any) -> None:
    page = await shown.page()
    port = shown.http._base_url.port  # noqa: SLF001 - the address that a browser would name

    status, _, _ = await shown.post(
        {**VISITOR, "_token": page.inputs["_token"]}, headers={"origin": f"http://127.0.0.1:{port}"}
    )

    assert status == 303
    assert await callers(shown) == []


async def test_an_enforced_guard_names_cause_and_document_and_stores_nothing(shown: Any) -> None:
    assert await set_mode(shown, "enforce") == "report"

    status, text, _ = await shown.post(VISITOR, headers={"origin": OA})
    no_token, told, _ = await shown.post(VISITOR)

    assert (status, no_token) == (403, 403)
    assert "foreign_origin" in text
    assert "no_token" in told
    assert "LC-FORM-403" in text
    assert await shown.bodies() == []
    assert {each.cause for each in await callers(shown)} == {"foreign_origin", "no_token"}


async def test_a_page_that_was_open_for_too_long_is_shown_again_and_can_be_sent(
    shown: Any, intake_settings: Any
) -> None:
    await set_mode(shown, "enforce")
    form_id = await shown.rows.fetchval("select form_id from forms")
    old = RenderTokens.of(intake_settings()).written(Render("t", form_id, 1, 1.0))

    status, text, _ = await shown.post({**VISITOR, "_token": old})
    fresh = text.partition('name="_token" value="')[2].partition('"')[0]
    again, _, _ = await shown.post({**VISITOR, "_token": fresh})

    assert (status, again) == (403, 303)
    assert 'value="13800138004"' in text


async def test_an_exempt_origin_passes_and_others_do_not(shown: Any) -> None:
    await set_mode(shown, "enforce")
    exempt = pb.ExemptFormOriginRequest(
        form="order", origin=OA, approval_id="a3", idempotency_key="k3"
    )

    await shown.rpc.ExemptFormOrigin(exempt)

    assert (await shown.post(VISITOR, headers={"origin": OA}))[0] == 303
    assert (await shown.post(VISITOR, headers={"origin": "https://other.example"}))[0] == 403
    assert shown.approvals.used[-1]["params"] == {"exempt_origin": OA}
    changed = (await shown.facts())[-1]
    assert (changed.exempted_origin, changed.new_mode) == (OA, "enforce")
    [form] = (await shown.rpc.ListForms(pb.ListFormsRequest())).forms
    assert list(form.exempt_origins) == [OA]


async def test_when_it_is_off_nothing_is_refused_or_recorded(shown: Any) -> None:
    await set_mode(shown, "off")

    assert (await shown.post(VISITOR, headers={"origin": OA}))[0] == 303
    assert await callers(shown) == []


@pytest.mark.parametrize("mode", ["", "on", "ENFORCE"])
async def test_an_unknown_mode_is_refused(shown: Any, mode: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await set_mode(shown, mode)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_table_of_callers_is_bounded(shown: Any) -> None:
    form = shown.forms.named("order")
    for batch in range(4):
        for number in range(250):
            host = f"https://h{batch}-{number}.example"
            headers_host = host_of(host)
            shown.forms.guard_objected(form, _caller(form.name, headers_host))
        await shown.forms.refresh()

    assert await shown.rows.fetchval("select count(*) from form_callers") <= 501
    assert await shown.rows.fetchval("select sum(post_count) from form_callers") == 1000
    other = "select post_count from form_callers where origin_host = '(other)'"
    assert await shown.rows.fetchval(other) >= 200


def _caller(form: str, host: str) -> Any:
    from lead_intake.domain.csrf_reports import Caller

    return Caller(form, host, "", "chrome", Cause.NO_TOKEN)


KEY = BlindIndex(bytes(range(32)), "test")


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("", TokenState.ABSENT),
        ("x", TokenState.FORGED),
        (RenderTokens(KEY).written(Render("t", 2, 1, 90.0)), TokenState.FORGED),
        (RenderTokens(KEY).written(Render("t", 1, 1, 90.0))[:-2], TokenState.FORGED),
        (RenderTokens(BlindIndex(bytes(32), "test")).written(Render("t", 1, 1, 90.0)), TokenState.FORGED),
        (RenderTokens(KEY).written(Render("t", 1, 1, 100.0 - LIFETIME_S - 1)), TokenState.EXPIRED),
        (RenderTokens(KEY).written(Render("t", 1, 1, 101.0)), TokenState.EXPIRED),
        (RenderTokens(KEY).written(Render("t", 1, 1, 90.0)), TokenState.VALID),
    ],
    ids=["absent", "noise", "another form", "cut", "another key", "old", "future", "good"],
)  # fmt: skip
def test_a_token_proves_its_form_and_its_time(token: str, expected: TokenState) -> None:
    assert RenderTokens(KEY).read(token, form_id=1, now_s=100.0)[0] is expected


@pytest.mark.parametrize(
    ("token", "origin", "expected"),
    [
        (TokenState.VALID, "", None),
        (TokenState.VALID, "null", None),
        (TokenState.VALID, "https://own.example", None),
        (TokenState.VALID, "https://allowed.example", None),
        (TokenState.VALID, "https://foreign.example", Cause.FOREIGN_ORIGIN),
        (TokenState.ABSENT, "null", Cause.FOREIGN_ORIGIN),
        (TokenState.ABSENT, "https://own.example", Cause.NO_TOKEN),
        (TokenState.FORGED, "", Cause.BAD_TOKEN),
        (TokenState.ABSENT, "https://exempt.example", None),
    ],
)
def test_the_guard_objects_to_foreign_pages_and_missing_tokens(
    token: TokenState, origin: str, expected: Cause | None
) -> None:
    found = cause_of(
        token,
        origin,
        own="https://own.example",
        allowed={"https://allowed.example"},
        exempt={"https://exempt.example"},
    )

    assert found is expected


@pytest.mark.parametrize(
    ("agent", "family"), [(WECHAT, "wechat"), ("", "none"), ("curl/8", "curl"), ("Foo", "other")]
)
def test_a_user_agent_is_known_by_its_family_only(agent: str, family: str) -> None:
    assert family_of(agent) == family


@pytest.mark.parametrize(
    ("origin", "host"),
    [("", "(none)"), (OA, "oa.example.com"), ("null", "null"), ("https://赵六@x", "(other)")],
)
def test_an_origin_is_listed_by_its_host(origin: str, host: str) -> None:
    assert host_of(origin) == host
