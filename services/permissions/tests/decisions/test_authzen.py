"""AuthZEN 1.0 over real HTTP: evaluation, evaluations, search, metadata, and what is refused."""

from typing import Any

import aiohttp
import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Pdp:
    """The decision point as an enforcement point sees it."""

    def __init__(self, office: Any) -> None:
        self._office = office
        self._url = f"http://127.0.0.1:{office.http.port}"

    async def post(
        self, path: str, body: Any, *, caller: str = "engagement", **headers: str
    ) -> tuple[int, Any, Any]:
        """Status, JSON and headers of a question."""
        if caller:
            headers["Authorization"] = f"Bearer {self._office.token(caller)}"
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self._url}/access/v1/{path}", json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json(), answer.headers

    async def metadata(self, **headers: str) -> Any:
        """The discovery document."""
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self._url}/.well-known/authzen-configuration", headers=headers) as answer,
        ):
            return await answer.json()


@pytest_asyncio.fixture(loop_scope="module")
async def pdp(lasting_office: Any) -> Pdp:
    return Pdp(lasting_office)


def evaluation(subject: str, action: str, lead: str, **rest: Any) -> dict[str, Any]:
    return {
        "subject": {"type": "user", "id": subject},
        "action": {"name": action},
        "resource": {"type": "lead", "id": lead},
        **rest,
    }


async def test_an_owner_may_and_a_stranger_is_told_why_not(pdp: Pdp) -> None:
    status, allowed, headers = await pdp.post(
        "evaluation", evaluation("ana", "edit", "lead-a"), **{"X-Request-ID": "r-1"}
    )
    _, refused, _ = await pdp.post("evaluation", evaluation("bo", "edit", "lead-a"))

    assert (status, allowed["decision"], headers["X-Request-ID"]) == (200, True, "r-1")
    assert refused["decision"] is False
    assert refused["context"]["remedies"]


async def test_a_sensitive_action_can_be_requested(pdp: Pdp) -> None:
    _, answer, _ = await pdp.post("evaluation", evaluation("ana", "delete", "lead-a"))

    assert answer["decision"] is False
    assert answer["context"]["access_request"]["template"] == "delete_customer"
    assert answer["context"]["access_request"]["binding_token"]


async def test_a_batch_fills_in_what_its_evaluations_leave_out(pdp: Pdp) -> None:
    batch = {
        "subject": {"type": "user", "id": "ana"},
        "action": {"name": "edit"},
        "evaluations": [
            {"resource": {"type": "lead", "id": "lead-a"}},
            {"resource": {"type": "lead", "id": "lead-b"}},
            {"resource": {"type": "lead", "id": "lead-b"}, "action": {"name": "claim"}},
        ],
    }

    _, answer, _ = await pdp.post("evaluations", batch)

    assert [each["decision"] for each in answer["evaluations"]] == [True, False, False]


@pytest.mark.parametrize(
    ("semantic", "expected"),
    [
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
async def test_a_batch_ends_as_its_semantic_says(pdp: Pdp, semantic: str, expected: Any) -> None:
    leads = ("lead-a", "lead-b", "lead-a")
    batch = {
        "subject": {"type": "user", "id": "ana"},
        "action": {"name": "edit"},
        "evaluations": [{"resource": {"type": "lead", "id": lead}} for lead in leads],
        "options": {"evaluations_semantic": semantic},
    }

    _, answer, _ = await pdp.post("evaluations", batch)

    assert [each["decision"] for each in answer["evaluations"]] == expected


async def test_a_batch_without_evaluations_is_one_evaluation(pdp: Pdp) -> None:
    _, answer, _ = await pdp.post("evaluations", evaluation("ana", "edit", "lead-a"))

    assert answer["decision"] is True


async def test_searches_find_who_what_and_which(pdp: Pdp) -> None:
    anything = evaluation("boss", "read", "lead-a")
    _, subjects, _ = await pdp.post("search/subject", anything | {"subject": {"type": "user"}})
    _, resources, _ = await pdp.post("search/resource", anything | {"resource": {"type": "lead"}})
    _, actions, _ = await pdp.post(
        "search/action", {k: v for k, v in evaluation("ana", "", "lead-a").items() if k != "action"}
    )

    assert {each["id"] for each in subjects["results"]} == {"ana", "boss", "dee"}
    assert [each["id"] for each in resources["results"]] == ["lead-a", "lead-b"]
    assert {"edit", "read", "follow_up"} <= {each["name"] for each in actions["results"]}
    assert "delete" not in {each["name"] for each in actions["results"]}


async def test_a_search_goes_on_where_its_page_ended(pdp: Pdp) -> None:
    search = evaluation("boss", "read", "") | {"resource": {"type": "lead"}}
    _, first, _ = await pdp.post("search/resource", search | {"page": {"limit": 1}})
    token = first["page"]["next_token"]
    _, second, _ = await pdp.post(
        "search/resource", search | {"page": {"limit": 1, "token": token}}
    )

    assert [each["id"] for each in first["results"] + second["results"]] == ["lead-a", "lead-b"]
    assert (bool(token), second["page"]["next_token"]) == (True, "")


async def test_the_metadata_never_repeats_what_a_client_says_of_the_host(pdp: Pdp) -> None:
    described = await pdp.metadata(Host="evil.example.com")

    assert described["policy_decision_point"] == "https://pdp.example.com"
    assert all(value.startswith("https://pdp.example.com") for value in described.values())


@pytest.mark.parametrize(
    ("body", "caller", "status"),
    [
        ({"subject": {"type": "user"}}, "engagement", 400),
        ([1, 2], "engagement", 400),
        (evaluation("ana\u202e", "edit", "lead-a"), "engagement", 400),
        (evaluation("ana", "edit", "lead-a", context={"fields": "deal_amount"}), "engagement", 400),
        (
            evaluation("ana", "edit", "lead-a", context={"consistency_token": "x"}),
            "engagement",
            400,
        ),
        (evaluation("ana", "edit", "lead-a"), "bo", 403),
        (evaluation("ana", "edit", "lead-a"), "", 401),
    ],
)
async def test_a_question_that_cannot_be_asked_is_refused(
    pdp: Pdp, body: Any, caller: str, status: int
) -> None:
    answered, text, _ = await pdp.post("evaluation", body, caller=caller)

    assert answered == status
    assert isinstance(text, str)
