"""The door: `POST /in/v1/{channel}/{account_key}`, and `GET` where a channel asks for a handshake.

A bare ASGI callable, because this is the hottest path of the whole chain. A success answer is sent after the commit and
never otherwise; nothing that anybody sends makes it fail.
"""

from __future__ import annotations

import hmac
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs

import structlog
import uuid_utils
from servicekit import metrics, telemetry
from servicekit.errors import Invalid, ServiceError, TooLarge, Unauthenticated, Unavailable
from servicekit.http_host import read_body, send_answer

from lead_intake.channels.nesting import is_too_deep
from lead_intake.store.deliveries import Arrival
from lead_intake.verifiers.schemes import SIGNED_HEADERS, WEBHOOK_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servicekit.http_host import Receive, Scope, Send

    from lead_intake.accounts import Accounts, OpenAccount
    from lead_intake.seals import Seals
    from lead_intake.workers.group_commit import GroupCommit

log = structlog.get_logger()

ROUTE: Final = "/in/v1/{channel}/{account_key}"
_PREFIX: Final = "/in/v1/"
CHALLENGE_LENGTH_MAX = 256

_JSON: Final = (b"content-type", b"application/json")
_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_READ_HEADERS: Final = SIGNED_HEADERS | {b"content-encoding"}


class Answer(NamedTuple):
    """A complete answer: `refused` is the metric's reason when it is a refusal, `is_accepted` tells of a commit."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    refused: str = ""
    is_accepted: bool = False


_NOT_FOUND: Final = Answer(404, refused="unknown")
_UNAUTHENTICATED: Final = Answer(401, refused="signature")
_TOO_LARGE: Final = Answer(413, refused="too_large")
_TOO_DEEP: Final = Answer(422, refused="structure")
_ENCODED: Final = Answer(415, refused="encoding")
_NO_HANDSHAKE: Final = Answer(403, refused="handshake")
_UNAVAILABLE: Final = Answer(503, headers=((b"retry-after", b"1"),), refused="unavailable")


class Door:
    """Lets authentic deliveries in and stores each once."""

    def __init__(self, accounts: Accounts, commits: GroupCommit, seals: Seals) -> None:
        self._accounts = accounts
        self._commits = commits
        self._seals = seals

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
        try:
            account = await self._account_of(scope["path"])
            if account is None:
                return "unknown", _NOT_FOUND
        except Exception as error:  # noqa: BLE001 - whatever keeps us from looking is no fault of the sender
            return "unknown", _unavailable(error)
        try:
            answer = await self._answer_account(account, scope, receive, traceparent)
        except TooLarge:
            answer = _TOO_LARGE
        except Invalid:
            answer = _TOO_DEEP
        except Unauthenticated:
            answer = _UNAUTHENTICATED
        except Exception as error:  # noqa: BLE001 - the sender is told to send again, never that we broke
            answer = _unavailable(error)
        return account.channel.channel, answer

    async def _account_of(self, path: str) -> OpenAccount | None:
        if not path.startswith(_PREFIX):
            return None
        place = path[len(_PREFIX) :]
        account = self._accounts.at(place)
        if account is None and place.partition("/")[0] in self._accounts.channels:
            await self._accounts.look_again()
            account = self._accounts.at(place)
        return account

    async def _answer_account(
        self, account: OpenAccount, scope: Scope, receive: Receive, traceparent: str
    ) -> Answer:
        if scope["method"] == "POST":
            headers = _read_headers(scope["headers"])
            if headers.get(b"content-encoding", b"identity") != b"identity":
                return _ENCODED
            raw = await read_body(receive, account.channel.body_bytes_max)
            return await self._accept(account, raw, headers, traceparent)
        if scope["method"] == "GET" and account.channel.has_handshake:
            return _handshake(account, scope.get("query_string", b""))
        return _NOT_FOUND

    async def _accept(
        self, account: OpenAccount, raw: bytes, headers: dict[bytes, bytes], traceparent: str
    ) -> Answer:
        """Proves, stores, answers: in this order."""
        _prove(account, raw, headers)
        if is_too_deep(raw):
            raise Invalid("the body is nested too deep")
        self._commits.check_room()
        delivery_id = uuid_utils.uuid7()
        stored_id = await self._commits.store(
            Arrival(
                delivery_id,  # type: ignore[arg-type]  # has what the driver reads, without a conversion
                account.account_id,
                headers[WEBHOOK_ID] if account.channel.dedupes_by_id else self._seals.body_key(raw),
                self._seals.ring.seal(raw, delivery_id.bytes),
                traceparent,
            )
        )
        self._accounts.was_seen(account.account_id, datetime.now(UTC))
        if account.channel.ack_has_id:
            body = b'{"id":"%b"}' % str(stored_id).encode()
            return Answer(account.channel.ack_status, body, (_JSON,), is_accepted=True)
        return Answer(account.channel.ack_status, is_accepted=True)


def _read_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers that decide; raises `Unauthenticated` when one of them is there twice."""
    read: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _READ_HEADERS:
            if name in read:
                raise Unauthenticated("repeated header")
            read[name] = value
    return read


def _prove(account: OpenAccount, raw: bytes, headers: dict[bytes, bytes]) -> None:
    """Raises `Unauthenticated` unless the delivery is proved; whatever goes wrong in a proof is no proof."""
    try:
        proved = account.verifier.proves(raw, headers, now_s=time.time())
    except Exception as error:
        raise Unauthenticated("no proof") from error
    if not proved:
        raise Unauthenticated("no proof")


def _handshake(account: OpenAccount, query_string: bytes) -> Answer:
    """Facebook's subscription handshake: the challenge is echoed to whoever has the verify token."""
    query = _query(query_string)
    token = query.get("hub.verify_token", [""])[0]
    challenge = query.get("hub.challenge", [""])[0]
    right = account.secrets.verify_token
    is_right = hmac.compare_digest(token.encode(), right.encode()) and bool(right)
    if not is_right or query.get("hub.mode") != ["subscribe"]:
        return _NO_HANDSHAKE
    if not 0 < len(challenge) <= CHALLENGE_LENGTH_MAX or not challenge.isascii():
        return _NO_HANDSHAKE
    return Answer(200, challenge.encode(), (_TEXT,))


def _query(query_string: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(query_string.decode("latin-1"), max_num_fields=16)
    except ValueError:
        return {}


def _unavailable(error: Exception) -> Answer:
    if not isinstance(error, ServiceError):
        log.error("delivery_not_taken", error=type(error).__name__)
    if isinstance(error, Unavailable):
        retry_after = (b"retry-after", str(max(1, round(error.retry_after_s))).encode())
        return Answer(503, headers=(retry_after,), refused="unavailable")
    return _UNAVAILABLE


def _count(channel: str, answer: Answer, duration_s: float) -> None:
    if answer.refused:
        metrics.bound(metrics.INGRESS_REFUSED, channel, answer.refused).inc()
    elif answer.is_accepted:
        metrics.bound(metrics.INGRESS_ACCEPTED, channel).inc()
    metrics.bound(metrics.INGRESS_DURATION_S, channel).observe(duration_s)
