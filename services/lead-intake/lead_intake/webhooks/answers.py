"""What the door answers."""

from __future__ import annotations

import os
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

from lead_intake.verifiers.wx_biz_msg import RANDOM_BYTES, WxBizMsg

if TYPE_CHECKING:
    from uuid import UUID

    from lead_intake.accounts import OpenAccount
    from lead_intake.channels.door_rules import Ack
    from lead_intake.verifiers.protocol import Request

JSON: Final = (b"content-type", b"application/json")
TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")


class Answer(NamedTuple):
    """A complete answer: `refused` is the metric's reason when it is a refusal, `is_accepted` tells of a commit."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    refused: str = ""
    is_accepted: bool = False


class Refused(Exception):  # noqa: N818 - errors are named by what is wrong
    """A delivery is not let in; `reason` is one of those in the table of this package."""

    def __init__(self, status: int, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after_s = retry_after_s

    def answer(self, account: OpenAccount | None = None) -> Answer:
        """The answer, with the body that the account's channel wants."""
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if self.retry_after_s is not None:
            headers = ((b"retry-after", str(max(1, ceil(self.retry_after_s))).encode()),)
        if self.status == 405:
            headers = ((b"allow", b"POST"),)
        refusal = account.channel.door.refusal if account is not None else None
        if refusal is None:
            return Answer(self.status, b"", headers, self.reason)
        content_type = (b"content-type", refusal.content_type.encode())
        return Answer(self.status, refusal.body, (*headers, content_type), self.reason)


def success(account: OpenAccount, stored_id: UUID, request: Request) -> Answer:
    """The channel's own success answer for a delivery that is committed under `stored_id`."""
    ack = account.channel.door.ack
    if ack.kind == "fixed":
        return _fixed(ack)
    if ack.kind == "delivery_id":
        body = b'{"id":"%b"}' % str(stored_id).encode()
        return Answer(ack.status, body, (JSON,), is_accepted=True)
    return sealed_success(account, request)._replace(is_accepted=True)


def sealed_success(account: OpenAccount, request: Request) -> Answer:
    """钉钉's success answer: the word, sealed for the vendor."""
    verifier = account.verifier
    assert isinstance(verifier, WxBizMsg)
    body = verifier.answer(b"success", request, random=os.urandom(RANDOM_BYTES))
    return Answer(200, body, (JSON,))


@lru_cache(maxsize=256)
def _fixed(ack: Ack) -> Answer:
    headers = ((b"content-type", ack.content_type.encode()),) if ack.content_type else ()
    return Answer(ack.status, ack.body, headers, is_accepted=True)
