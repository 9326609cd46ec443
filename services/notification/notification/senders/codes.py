"""What providers' own codes mean: success is a good transport and a good code, both (a 200 with an errcode is none)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification.domain.sending import Accepted, Rejected

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from notification.domain.sending import Answer
    from notification.senders.calls import Reply

THROTTLED_S = 60.0
"""How long a provider that counts by the minute is left alone."""

GONE_STATUSES = frozenset({404, 410})
CODE_CHARS_MAX = 60


@dataclass(frozen=True, slots=True)
class Codes:
    """One provider's codes. `busy` pass by themselves, `throttled` after a minute, with `gone` the address is dead.

    Every other code is a refusal that nothing but a person can change.
    """

    good: Collection[str]
    busy: Collection[str] = ()
    throttled: Collection[str] = ()
    gone: Collection[str] = ()

    def judge(self, code: object, reply: Reply, *, at: datetime, message_id: str = "") -> Answer:
        """What a reply means whose business code is `code` (None where it names none)."""
        if not reply.is_good:
            return refusal(reply, at=at)
        text = "" if code is None else str(code)[:CODE_CHARS_MAX]
        if text in self.good:
            return Accepted(at, message_id)
        if text in self.throttled:
            wait_s = max(THROTTLED_S, reply.retry_after_s)
            return Rejected(at, text, retryable=True, retry_after_s=wait_s)
        if text in self.gone:
            return Rejected(at, text, retryable=False, is_gone=True)
        # An answer without a code is no success, and says nothing against another try.
        return Rejected(at, text or "no code", retryable=text in self.busy or not text)


def refusal(reply: Reply, *, at: datetime) -> Rejected:
    """A refusal by HTTP status: only a client's own fault stays one."""
    status = reply.status
    return Rejected(
        at,
        f"http {status}",
        retryable=status not in {400, 401, 403, 404, 405, 410, 413, 415, 422},
        is_gone=False,
        retry_after_s=reply.retry_after_s,
    )
