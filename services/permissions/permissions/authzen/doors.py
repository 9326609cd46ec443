"""Which URL asks what. Answers are 200 with a decision; a refusal of the request itself is 400, 401, 403 or 503."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from accesskit.decisions import Outcome
from accesskit.facts import checked_name
from servicekit.auth import become, current_caller
from servicekit.errors import Invalid, Unauthenticated, outcome_of
from servicekit.http_host import read_body
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from permissions.authzen import messages
from permissions.authzen.messages import Evaluation, Evaluations, Search
from permissions.domain.decisions import MalformedQuestion, TooManyChecks
from permissions.queries.decisions import admit
from permissions.queries.lookups import Lookups, Wanted, WantedSubjects, find_subjects

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from servicekit.auth import TokenVerifier
    from starlette.requests import Request
    from starlette.responses import Response

    from permissions.commands.checks import Checks
    from permissions.domain.decisions import Answer, Asked
    from permissions.queries.live import Live
    from permissions.queries.lookups import Page

BODY_BYTES_MAX = 1_000_000
EVALUATION = "/access/v1/evaluation"
EVALUATIONS = "/access/v1/evaluations"
SEARCH_SUBJECT = "/access/v1/search/subject"
SEARCH_RESOURCE = "/access/v1/search/resource"
SEARCH_ACTION = "/access/v1/search/action"
METADATA = "/.well-known/authzen-configuration"

M = TypeVar("M", bound=Evaluation)


def routes(checks: Checks, live: Live, verifier: TokenVerifier, *, base_url: str) -> Starlette:
    """The doors of AuthZEN. `base_url` is this service's address in its metadata; never a header of a request."""
    doors = Doors(checks, live)
    posts = {
        EVALUATION: doors.evaluation,
        EVALUATIONS: doors.evaluations,
        SEARCH_SUBJECT: doors.search_subject,
        SEARCH_RESOURCE: doors.search_resource,
        SEARCH_ACTION: doors.search_action,
    }
    described = _metadata(base_url.rstrip("/"))

    async def metadata(_: Request) -> Response:
        return JSONResponse(described)

    return Starlette(
        routes=[
            Route(METADATA, metadata, methods=["GET"]),
            *(
                Route(path, _answered(ask, verifier), methods=["POST"])
                for path, ask in posts.items()
            ),
        ]
    )


class Doors:
    """Each endpoint's question and answer, once the caller is known."""

    def __init__(self, checks: Checks, live: Live) -> None:
        self._checks = checks
        self._live = live
        self._lookups = Lookups(live)

    async def evaluation(self, body: bytes) -> dict[str, Any]:
        """One decision."""
        return await self._decided(messages.asked(_read(body, Evaluation)))

    async def evaluations(self, body: bytes) -> dict[str, Any]:
        """Many decisions, in their order; fewer when a decision ends the batch."""
        batch = _read(body, Evaluations)
        if not batch.evaluations:
            return await self._decided(messages.asked(batch))
        if len(batch.evaluations) > messages.EVALUATIONS_MAX:
            raise TooManyChecks(len(batch.evaluations))
        asked = [messages.asked(each.filled(batch)) for each in batch.evaluations]
        match batch.options.evaluations_semantic:
            case "execute_all":
                answers = await self._checks.answer_all(asked, current_caller())
            case "deny_on_first_deny":
                answers = await self._until(asked, allowed=False)
            case "permit_on_first_permit":
                answers = await self._until(asked, allowed=True)
        decided = [
            messages.decision(answer, each.question)
            for answer, each in zip(answers, asked, strict=False)
        ]
        return {"evaluations": decided}

    async def search_subject(self, body: bytes) -> dict[str, Any]:
        """Who may; only subjects of the type that is asked for."""
        search = _read(body, Search)
        if search.subject is None or search.action is None or search.resource is None:
            raise MalformedQuestion("subject, action or resource")
        own, context = messages.parted(search.context)
        _, after_id = messages.page_start(search.page.token)
        wanted = WantedSubjects(
            checked_name(search.action.name, "action.name"),
            (search.resource.type, checked_name(search.resource.id, "resource.id")),
            context,
            after_id,
            _limit(search),
            messages.freshness(own),
        )
        page = next(await find_subjects(self._live, wanted, current_caller()))
        kind = search.subject.type
        found = [{"type": kind, "id": id_} for id_ in page.ids if self._is_a(id_, kind)]
        return _results(found, page)

    async def search_resource(self, body: bytes) -> dict[str, Any]:
        """What the subject may do it to, all pages of one state."""
        search = _read(body, Search)
        if search.subject is None or search.action is None or search.resource is None:
            raise MalformedQuestion("subject, action or resource")
        own, context = messages.parted(search.context)
        pinned, after_id = messages.page_start(search.page.token)
        wanted = Wanted(
            checked_name(search.subject.id, "subject.id"),
            checked_name(search.action.name, "action.name"),
            checked_name(search.resource.type, "resource.type"),
            context,
            after_id,
            _limit(search),
            pinned,
            messages.freshness(own),
        )
        page = next(await self._lookups.find(wanted, current_caller()))
        return _results([{"type": wanted.resource_type, "id": id_} for id_ in page.ids], page)

    async def search_action(self, body: bytes) -> dict[str, Any]:
        """What the subject may do to the resource; actions that need an approval first are left out."""
        search = _read(body, Search)
        search.action = messages.Action("any")
        asked = messages.asked(search)
        await admit(
            self._live, current_caller(), asked.freshness, subject_id=asked.question.subject_id
        )
        names = [name for name in self._actions(asked) if self._allows(asked, name)]
        return {"results": [{"name": name} for name in names], "page": {"next_token": ""}}

    def _actions(self, asked: Asked) -> list[str]:
        policy = self._live.engine.policy
        if policy is None:
            return []
        kind = asked.question.resource_type
        return sorted({name for rule in policy.rules if kind in rule.on for name in rule.actions})

    def _allows(self, asked: Asked, action: str) -> bool:
        question = msgspec.structs.replace(asked.question, action=action)
        decision = self._live.engine.decide(question, now_s=self._live.now_s)
        return decision.outcome is Outcome.ALLOW

    def _is_a(self, principal_id: str, kind: str) -> bool:
        principal = self._live.engine.principal(principal_id)
        return principal is not None and principal.type == kind

    async def _decided(self, asked: Asked) -> dict[str, Any]:
        answer = await self._checks.check(asked, current_caller())
        return messages.decision(answer, asked.question)

    async def _until(self, asked: list[Asked], *, allowed: bool) -> list[Answer]:
        """Answers up to the first that is, or is not, an allow."""
        answers: list[Answer] = []
        for each in asked:
            answers.append(await self._checks.check(each, current_caller()))
            if (answers[-1].decision.outcome is Outcome.ALLOW) is allowed:
                break
        return answers


def _answered(
    ask: Callable[[bytes], Awaitable[dict[str, Any]]], verifier: TokenVerifier
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        headers = {}
        if request_id := request.headers.get("x-request-id"):
            headers["X-Request-ID"] = request_id[:200]
        try:
            become(await _identified(request, verifier))
            body = await read_body(request.receive, BODY_BYTES_MAX)
            return JSONResponse(await ask(body), headers=headers)
        except Exception as error:
            outcome = outcome_of(error)
            if not outcome.expected:
                raise
            status = 400 if isinstance(error, Invalid) else outcome.http_status
            return JSONResponse(outcome.text, status_code=status, headers=headers)

    return answer


async def _identified(request: Request, verifier: TokenVerifier) -> Any:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("missing")
    return verifier.remembered(token) or await verifier.verify(token)


def _read(body: bytes, kind: type[M]) -> M:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedQuestion("body") from None


def _limit(search: Search) -> int:
    wanted = search.page.limit
    if wanted < 0:
        raise MalformedQuestion("page.limit")
    return min(wanted or messages.PAGE_IDS_MAX, messages.PAGE_IDS_MAX)


def _results(found: list[dict[str, str]], page: Page) -> dict[str, Any]:
    """Results and where they go on; what depends on missing context, or is everything, is said beside them."""
    last_id = max([*page.ids, *page.conditional], default="")
    next_token = "" if page.complete else messages.page_token(page.token, last_id)
    context: dict[str, Any] = {"consistency_token": page.token}
    if page.is_everything:
        context["is_everything"] = True
    if page.conditional:
        context["conditional"] = page.conditional
    return {
        "results": found,
        "page": {"next_token": next_token, "count": len(found)},
        "context": context,
    }


def _metadata(base_url: str) -> dict[str, str]:
    return {
        "policy_decision_point": base_url,
        "access_evaluation_endpoint": f"{base_url}{EVALUATION}",
        "access_evaluations_endpoint": f"{base_url}{EVALUATIONS}",
        "search_subject_endpoint": f"{base_url}{SEARCH_SUBJECT}",
        "search_resource_endpoint": f"{base_url}{SEARCH_RESOURCE}",
        "search_action_endpoint": f"{base_url}{SEARCH_ACTION}",
    }
