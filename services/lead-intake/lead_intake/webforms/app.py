"""The pages of forms: `GET` and `POST /forms/{form_key}`, and `/forms/{form_key}/thanks`.

Answers: 200 the page · 303 to the thanks page, after the commit · 400 not urlencoded UTF-8 · 403 the guard refuses,
with the cause · 404 no such form · 405 · 413 over 64 KB · 415 another media type · 422 the page again, with what is
wrong · 429 too often · 503 the page again, nothing was stored. No cookies, no scripts; nothing that anybody sends makes
it fail.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import structlog
from servicekit import metrics, telemetry
from servicekit.errors import Invalid, ServiceError, TooLarge, Unavailable
from servicekit.http_host import read_body, send_answer

from lead_intake.domain.csrf_reports import (
    Caller,
    Cause,
    TokenState,
    cause_of,
    family_of,
    host_of,
    is_refused,
    origin_of,
)
from lead_intake.domain.forms import GuardMode, Stage, bucket_of, clean_version
from lead_intake.webforms.deliveries import Filling, arrival_of
from lead_intake.webforms.pages import Answer, Pages, Shown
from lead_intake.webforms.render_tokens import Render
from lead_intake.webforms.submissions import (
    CLIENT_VERSION,
    CONSENT,
    LANGUAGE,
    TOKEN,
    TRAP,
    parse_submission,
)
from lead_intake.webforms.visits import URL_LENGTH_MAX, visit_of
from lead_intake.webforms.words import language_of, words
from lead_intake.webhooks.rate_limits import RateLimits

if TYPE_CHECKING:
    from servicekit.http_host import Receive, Scope, Send

    from lead_intake.accounts import Accounts
    from lead_intake.domain.forms import Form, FormVersion, Violation
    from lead_intake.forms import Forms
    from lead_intake.seals import Seals
    from lead_intake.webforms.render_tokens import RenderTokens
    from lead_intake.webforms.submissions import Submission
    from lead_intake.webforms.visits import Visit
    from lead_intake.workers.group_commit import GroupCommit

log = structlog.get_logger()

ROUTE: Final = "/forms/{form_key}"
BODY_BYTES_MAX: Final = 64 * 1024
PER_IP_S: Final = 0.5
PER_IP_BURST: Final = 20.0
PER_FORM_S: Final = 50.0
PER_FORM_BURST: Final = 200.0
_LABEL: Final = "forms"
_CONSENTED: Final = "yes"


@dataclass(frozen=True, slots=True)
class Posted:
    """A post of a form, read; `language` is that of the page that it came from."""

    visit: Visit
    form: Form
    version: FormVersion
    submission: Submission
    token_state: TokenState
    render: Render | None
    language: str

    @property
    def has_consented(self) -> bool:
        """Whether the visitor agreed to the notice."""
        return self.submission.control(CONSENT) == _CONSENTED


class WebForms:
    """Shows forms and stores what visitors send. `trusted_hops` is how many proxies of ours a request passes."""

    def __init__(
        self,
        forms: Forms,
        accounts: Accounts,
        commits: GroupCommit,
        seals: Seals,
        tokens: RenderTokens,
        *,
        trusted_hops: int = 0,
    ) -> None:
        self._forms = forms
        self._accounts = accounts
        self._commits = commits
        self._seals = seals
        self._tokens = tokens
        self._limits = RateLimits()
        self._trusted_hops = trusted_hops
        self._pages = Pages()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        started_s = time.perf_counter()
        with telemetry.http_server_span(scope["method"], ROUTE, scope["headers"]) as span:
            visit = visit_of(scope, trusted_hops=self._trusted_hops)
            answer = await self._guarded(visit, receive, span.traceparent)
            span.status(answer.status)
            await send_answer(send, answer.status, answer.body, answer.headers)
        _count(answer, time.perf_counter() - started_s)

    async def _guarded(self, visit: Visit, receive: Receive, traceparent: str) -> Answer:
        try:
            return await self._answer(visit, receive, traceparent)
        except TooLarge:
            return self._pages.message(413, "unread", visit.language, refused="too_large")
        except Invalid:
            return self._pages.message(400, "unread", visit.language, refused="structure")
        except Exception as error:  # noqa: BLE001 - the visitor is told to try again, never that we broke
            if not isinstance(error, ServiceError):
                log.error("form_not_served", error=type(error).__name__)  # noqa: TRY400 - no values
            return _later(self._pages.message(503, "busy", visit.language, refused="unavailable"))

    async def _answer(self, visit: Visit, receive: Receive, traceparent: str) -> Answer:
        form = await self._form_of(visit)
        if form is None:
            return self._pages.message(404, "gone", visit.language, refused="unknown")
        if visit.method in ("GET", "HEAD"):
            return self._shown(visit, form)
        if visit.method != "POST" or visit.is_thanks:
            allow = (b"allow", b"GET, HEAD" if visit.is_thanks else b"GET, HEAD, POST")
            return Answer(405, headers=(allow,), refused="method")
        return await self._post(visit, form, receive, traceparent)

    async def _post(self, visit: Visit, form: Form, receive: Receive, traceparent: str) -> Answer:
        wait_s = self._wait_s(visit, form)
        if wait_s:
            frames = form.versions[form.live_version].document.origins
            busy = self._pages.message(429, "busy", visit.language, frames=frames, refused="rate")
            return _later(busy, wait_s)
        if not visit.is_form_post():
            return self._pages.message(415, "unread", visit.language, refused="media_type")
        raw = await read_body(receive, BODY_BYTES_MAX)
        return await self._take(self._read(visit, form, raw), traceparent)

    def _shown(self, visit: Visit, form: Form) -> Answer:
        if visit.is_thanks:
            frames = form.versions[form.live_version].document.origins
            return self._pages.message(200, "thanks", visit.language, frames=frames)
        return self._fresh(visit, form)

    async def _form_of(self, visit: Visit) -> Form | None:
        form = self._forms.at(visit.key)
        if form is None:
            await self._forms.look_again()
            form = self._forms.at(visit.key)
        if form is None or not form.live_version:
            return None
        account = self._accounts.with_id(form.account_id)
        return None if account is not None and account.is_closed else form

    def _wait_s(self, visit: Visit, form: Form) -> float:
        """Takes a token for the visitor's address and one for the form; else the seconds until there are."""
        now_s = time.monotonic()
        of_form = self._limits.bucket(
            ("form", form.form_id), per_s=PER_FORM_S, burst=PER_FORM_BURST, now_s=now_s
        )
        of_ip = self._limits.bucket(
            ("form ip", form.form_id, visit.ip), per_s=PER_IP_S, burst=PER_IP_BURST, now_s=now_s
        )
        wait_s = max(of_ip.wait_s(now_s), of_form.wait_s(now_s))
        if not wait_s:
            of_ip.take()
            of_form.take()
        return wait_s

    def _fresh(self, visit: Visit, form: Form) -> Answer:
        token_id = secrets.token_urlsafe(16)
        is_trial = bucket_of(form, token_id) * 100 < form.canary_percent
        number = form.canary_version if form.canary_version and is_trial else form.live_version
        token = self._token(visit, form, number, token_id)
        return self._pages.form(
            200, Shown(form.versions[number], visit.path, token, visit.language)
        )

    def _token(self, visit: Visit, form: Form, version: int, token_id: str) -> str:
        url, referrer = visit.seen_from()
        render = Render(token_id, form.form_id, version, time.time(), url, referrer)
        return self._tokens.written(render)

    def _read(self, visit: Visit, form: Form, raw: bytes) -> Posted:
        submission = parse_submission(raw)
        state, render = self._tokens.read(
            submission.control(TOKEN), form_id=form.form_id, now_s=time.time()
        )
        language = language_of(submission.control(LANGUAGE), visit.header(b"accept-language"))
        version = _version(form, render)
        return Posted(visit, form, version, submission, state, render, language)

    async def _take(self, posted: Posted, traceparent: str) -> Answer:
        """Asks the guard, checks the fields, stores, answers: in this order. What a trap caught is not checked."""
        cause = self._objection(posted)
        if cause is not None and is_refused(posted.form.guard_mode, cause):
            return self._refusal(posted, cause)
        fields = posted.submission.fields(posted.version.schema)
        trap = posted.submission.control(TRAP)
        number = posted.version.version
        violations = posted.form.judge_for(number, number).violations(fields)
        if not trap and (violations or not posted.has_consented):
            return self._corrected(posted, violations)
        filling = Filling(
            posted.form, posted.version, fields, _page_of(posted), trap, posted.render
        )
        return await self._store(posted, filling, traceparent)

    def _corrected(self, posted: Posted, violations: tuple[Violation, ...]) -> Answer:
        if violations:
            self._forms.page_refused(posted.form, posted.version.version)
        shown = replace(
            self._again(posted), violations=violations, lacks_consent=not posted.has_consented
        )
        return self._pages.form(422, shown)

    async def _store(self, posted: Posted, filling: Filling, traceparent: str) -> Answer:
        arrival = arrival_of(filling, self._seals, now_s=time.time(), traceparent=traceparent)
        try:
            await self._commits.store(arrival)
        except Unavailable as error:
            shown = replace(self._again(posted), notice=words(posted.language)["away"])
            away = self._pages.form(503, shown, refused="unavailable")
            return _later(away, error.retry_after_s)
        self._accounts.was_seen(posted.form.account_id, datetime.now(UTC))
        thanks = f"{posted.visit.path}/thanks?lang={posted.language}".encode("latin-1")
        headers = ((b"location", thanks), (b"cache-control", b"no-store"))
        return Answer(303, headers=headers, is_accepted=True)

    def _objection(self, posted: Posted) -> Cause | None:
        """What the guard objects to, noted unless it is off."""
        if posted.form.guard_mode is GuardMode.OFF:
            return None
        visit = posted.visit
        origin = origin_of(visit.header(b"origin"), visit.header(b"referer"))
        cause = cause_of(
            posted.token_state,
            origin,
            own=visit.own_origin(origin),
            allowed=posted.version.document.origins,
            exempt=posted.form.exempt_origins,
        )
        if cause is not None:
            self._forms.guard_objected(posted.form, _caller(posted, origin, cause))
        return cause

    def _refusal(self, posted: Posted, cause: Cause) -> Answer:
        """Says why; a page that was open for too long is shown again with everything in it, and can be sent."""
        if cause is Cause.EXPIRED_TOKEN:
            shown = replace(self._again(posted), notice=words(posted.language)["expired"])
            return self._pages.form(403, shown, refused=cause.value)
        return self._pages.message(
            403,
            "refused",
            posted.language,
            cause=cause.value,
            again=posted.visit.path,
            refused=cause.value,
        )

    def _again(self, posted: Posted) -> Shown:
        """The page as the visitor left it; with its own token as long as that is good."""
        token = posted.submission.control(TOKEN)
        if posted.token_state is not TokenState.VALID:
            number = posted.version.version
            token = self._token(posted.visit, posted.form, number, secrets.token_urlsafe(16))
        return Shown(
            posted.version,
            posted.visit.path,
            token,
            posted.language,
            values=posted.submission.by_pointer(),
            has_consented=posted.has_consented,
        )


def _version(form: Form, render: Render | None) -> FormVersion:
    """The version of the page that was posted; the live one where that is not known or was taken back."""
    known = form.versions.get(render.version) if render else None
    if known is None or known.stage is Stage.ROLLED_BACK or known.version < form.oldest_supported:
        return form.versions[form.live_version]
    return known


def _page_of(posted: Posted) -> tuple[str, str]:
    """Where the visitor filled the form in and where they came from; a post from elsewhere says the former at most."""
    if posted.render is not None:
        return posted.render.url, posted.render.referrer
    return posted.visit.header(b"referer")[:URL_LENGTH_MAX], ""


def _caller(posted: Posted, origin: str, cause: Cause) -> Caller:
    visit = posted.visit
    stated = posted.submission.control(CLIENT_VERSION) or visit.stated_version()
    return Caller(
        posted.form.name,
        host_of(origin),
        clean_version(stated),
        family_of(visit.header(b"user-agent")),
        cause,
    )


def _later(answer: Answer, wait_s: float = 1.0) -> Answer:
    retry_after = (b"retry-after", str(max(1, round(wait_s))).encode())
    return answer._replace(headers=(*answer.headers, retry_after))


def _count(answer: Answer, duration_s: float) -> None:
    if answer.refused:
        metrics.bound(metrics.INGRESS_REFUSED, _LABEL, answer.refused).inc()
    elif answer.is_accepted:
        metrics.bound(metrics.INGRESS_ACCEPTED, _LABEL).inc()
    metrics.bound(metrics.INGRESS_DURATION_S, _LABEL).observe(duration_s)
