"""The door: `POST /in/v1/{channel}/{account_key}`, and `GET` where a channel checks its address.

A bare ASGI callable, because this is the hottest path of the whole chain. A success answer is sent after the commit and
never otherwise; nothing that anybody sends makes it fail. The table of refusals is this package's docstring.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import structlog
import uuid_utils
from servicekit import metrics, telemetry
from servicekit.errors import ServiceError, TooLarge, Unavailable
from servicekit.http_host import read_body, send_answer

from lead_intake.store.deliveries import Arrival
from lead_intake.verifiers.protocol import Envelope, Proved, Request
from lead_intake.webhooks.answers import Answer, Refused, success
from lead_intake.webhooks.handshakes import answer_check, answer_proved, answer_unproved
from lead_intake.webhooks.rate_limits import RateLimits
from lead_intake.webhooks.requests import (
    CONTENT_TYPE,
    check_content,
    client_version,
    read_headers,
    read_query,
    remote_ip,
)
from lead_intake.webhooks.structure import decoded_or_none, document_of

if TYPE_CHECKING:
    from servicekit.http_host import Receive, Scope, Send

    from lead_intake.accounts import Accounts, OpenAccount
    from lead_intake.seals import Seals
    from lead_intake.webhooks.rate_limits import TokenBucket
    from lead_intake.workers.group_commit import GroupCommit

log = structlog.get_logger()

ROUTE: Final = "/in/v1/{channel}/{account_key}"
PREFIX: Final = "/in/v1/"
DEDUPE_LENGTH_MAX = 256
CONTENT_TYPE_LENGTH_MAX = 128
RETRY_AFTER_S = 1.0
TOLD_PER_S = 1 / 60


class Door:
    """Lets authentic deliveries in and stores each once.

    `trusted_hops` is how many proxies of ours a request passes: it says where in `X-Forwarded-For` its sender stands.
    """

    def __init__(
        self, accounts: Accounts, commits: GroupCommit, seals: Seals, *, trusted_hops: int = 0
    ) -> None:
        self._accounts = accounts
        self._commits = commits
        self._seals = seals
        self._trusted_hops = trusted_hops
        self._rates = RateLimits()
        self._told = RateLimits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        started_s = time.perf_counter()
        with telemetry.http_server_span(scope["method"], ROUTE, scope["headers"]) as span:
            channel, answer = await self._answer(scope, receive, span.traceparent)
            span.status(answer.status)
            await send_answer(send, answer.status, answer.body, answer.headers)
        _count(channel, answer, time.perf_counter() - started_s)

    async def _answer(self, scope: Scope, receive: Receive, traceparent: str) -> tuple[str, Answer]:
        """The channel's name for the metrics, and the answer."""
        account: OpenAccount | None = None
        try:
            account = await self._account_of(scope["path"])
            if account is None:
                return "unknown", Refused(404, "unknown").answer()
            answer = await self._answer_account(account, scope, receive, traceparent)
        except Refused as refused:
            answer = refused.answer(account)
            if account is not None:
                self._tell(account, refused.reason)
        except TooLarge:
            answer = Refused(413, "too_large").answer(account)
        except Exception as error:  # noqa: BLE001 - the sender is told to send again, never that we broke
            answer = _unavailable(error).answer(account)
        return account.channel.channel if account is not None else "unknown", answer

    def _tell(self, account: OpenAccount, reason: str) -> None:
        """Lets the operator know that an account's deliveries are refused, once a minute at most for each reason."""
        bucket = self._told.bucket(
            (account.account_id, reason), per_s=TOLD_PER_S, burst=1, now_s=time.monotonic()
        )
        if bucket.wait_s(time.monotonic()) == 0:
            bucket.take()
            log.warning("deliveries_refused", account_id=account.account_id, reason=reason)

    async def _account_of(self, path: str) -> OpenAccount | None:
        if not path.startswith(PREFIX):
            return None
        place = path[len(PREFIX) :]
        account = self._accounts.at(place)
        if account is None and place.partition("/")[0] in self._accounts.channels:
            await self._accounts.look_again()
            account = self._accounts.at(place)
        return account

    async def _answer_account(
        self, account: OpenAccount, scope: Scope, receive: Receive, traceparent: str
    ) -> Answer:
        rules, method = account.channel.door, scope["method"]
        if method not in ("POST", "GET"):
            raise Refused(405, "method")
        if method != "POST" and rules.handshake is None:
            raise Refused(404, "unknown")
        bucket = self._bucket_of(account)
        headers = read_headers(scope["headers"], rules, account.verifier.reads)
        query = read_query(scope)
        ip = remote_ip(scope, headers, trusted_hops=self._trusted_hops)
        if method != "POST":
            return answer_check(account, Request(b"", headers, query, ip))
        check_content(headers, rules)
        raw = await read_body(receive, rules.body_bytes_max)
        return await self._accept(account, Request(raw, headers, query, ip), bucket, traceparent)

    async def _accept(
        self,
        account: OpenAccount,
        request: Request,
        bucket: TokenBucket | None,
        traceparent: str,
    ) -> Answer:
        """Proves, looks at the structure, stores, answers: in this order."""
        proved = _proved(account, request)
        if proved is None:
            answer = answer_unproved(account, request)
            if answer is None:
                raise Refused(401, "signature")
            return answer
        document: Any = None
        if proved.is_opened:
            document = document_of(account.channel.door.body, proved.body)
            if account.channel.door.handshake is not None:
                answer = answer_proved(account, request, document)
                if answer is not None:
                    return answer
        if bucket is not None:
            _check_rate(bucket)
            bucket.take()
        return await self._store(account, request, proved, document, traceparent)

    async def _store(
        self,
        account: OpenAccount,
        request: Request,
        proved: Proved,
        document: Any,
        traceparent: str,
    ) -> Answer:
        self._commits.check_room()
        delivery_id = uuid_utils.uuid7()
        content_type = request.headers.get(CONTENT_TYPE, b"")[:CONTENT_TYPE_LENGTH_MAX]
        envelope = Envelope(
            proved.body,
            proved.is_opened,
            content_type=content_type.decode("latin-1"),
            source="mail" if account.channel.door.body == "email" else "push",
            client_version=client_version(request.headers),
        )
        stored_id = await self._commits.store(
            Arrival(
                delivery_id,  # type: ignore[arg-type]  # has what the driver reads, without a conversion
                account.account_id,
                self._dedupe_key(account, request, proved, document),
                self._seals.seal_delivery(envelope, delivery_id.bytes),
                traceparent,
            )
        )
        self._accounts.was_seen(account.account_id, datetime.now(UTC))
        return success(account, stored_id, request)

    def _dedupe_key(
        self, account: OpenAccount, request: Request, proved: Proved, document: Any
    ) -> bytes:
        """What tells a repetition: the sender's id where it gives one, else a keyed digest of what it says."""
        rules = account.channel.door
        if rules.dedupe.header:
            given = request.headers.get(rules.dedupe.header, b"")
            if 0 < len(given) <= DEDUPE_LENGTH_MAX:
                return given
        if rules.dedupe.paths and proved.is_opened:
            if document is None:
                document = decoded_or_none(rules.body, proved.body)
            values = [search(document) for search in rules.dedupe.paths]
            if all(value is not None and value != "" for value in values):
                return self._seals.paths_key(values)
        return self._seals.body_key(proved.body)

    def _bucket_of(self, account: OpenAccount) -> TokenBucket | None:
        """The account's bucket; raises `Refused` when it is empty already. None where no rate is set."""
        rules = account.channel.door
        if rules.rps is None:
            return None
        bucket = self._rates.bucket(
            account.account_id,
            per_s=rules.rps,
            burst=max(1.0, rules.burst),
            now_s=time.monotonic(),
        )
        _check_rate(bucket)
        return bucket


def _check_rate(bucket: TokenBucket) -> None:
    wait_s = bucket.wait_s(time.monotonic())
    if wait_s > 0:
        raise Refused(429, "rate", retry_after_s=wait_s)


def _proved(account: OpenAccount, request: Request) -> Proved | None:
    """The opened delivery, or None; whatever goes wrong in a proof is no proof."""
    try:
        return account.verifier.prove(request, now_s=time.time())
    except Exception:  # noqa: BLE001 - a verifier may raise on anything of a wrong form
        return None


def _unavailable(error: Exception) -> Refused:
    if not isinstance(error, ServiceError):
        log.error("delivery_not_taken", error=type(error).__name__)
    wait_s = error.retry_after_s if isinstance(error, Unavailable) else RETRY_AFTER_S
    return Refused(503, "unavailable", retry_after_s=wait_s)


def _count(channel: str, answer: Answer, duration_s: float) -> None:
    if answer.refused:
        metrics.bound(metrics.INGRESS_REFUSED, channel, answer.refused).inc()
    elif answer.is_accepted:
        metrics.bound(metrics.INGRESS_ACCEPTED, channel).inc()
    metrics.bound(metrics.INGRESS_DURATION_S, channel).observe(duration_s)
