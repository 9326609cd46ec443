"""Access tokens of WeCom and WeChat: asked for once, shared by every message, renewed when they are refused."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from notification.domain.addresses import Account
    from notification.domain.sending import Answer
    from notification.senders.calls import Calls, Reply
    from notification.senders.codes import Codes

MARGIN_S = 300.0
"""How long before its end a token is not used any more."""

STALE_CODES = frozenset({"40001", "40014", "42001"})
"""Codes of WeCom and WeChat that mean: ask for another token."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    good_until_s: float


class AccessTokens:
    """The tokens of one provider's accounts. Asking again makes the last one void, so one caller asks for all.

    `path` is where tokens are had, `query` what is said there of an account.
    """

    def __init__(
        self, calls: Calls, path: str, query: Callable[[Account], dict[str, str]], codes: Codes
    ) -> None:
        self._calls = calls
        self._path = path
        self._query = query
        self._codes = codes
        self._tokens: dict[str, _Token] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def used(
        self,
        account: Account,
        call: Callable[[str], Awaitable[tuple[Reply, Answer]]],
        *,
        now: Callable[[], datetime],
    ) -> Answer:
        """The answer of a call with a token; with another one when the first is refused as stale."""
        answer: Answer | None = None
        stale = ""
        for _ in range(2):
            token = await self._current(account, stale, now)
            if not isinstance(token, str):
                return token
            reply, answer = await call(token)
            if str(reply.document.get("errcode")) not in STALE_CODES:
                return answer
            stale = token
        assert answer is not None
        return answer

    async def _current(
        self, account: Account, stale: str, now: Callable[[], datetime]
    ) -> str | Answer:
        """A token other than `stale`, or the answer that refuses one."""
        async with self._locks.setdefault(account.account_id, asyncio.Lock()):
            known = self._tokens.get(account.account_id)
            if known and known.text != stale and known.good_until_s > time.monotonic():
                return known.text
            url = account.url.rstrip("/") + self._path
            reply = await self._calls.get(url, self._path, query=self._query(account))
            token = str(reply.document.get("access_token") or "")
            code = reply.document.get("errcode", 0)
            if not reply.is_good or not token or str(code) != "0":
                return self._codes.judge(code or None, reply, at=now())
            lasts_s = float(reply.document.get("expires_in") or 7200)
            good_until_s = time.monotonic() + max(0.0, lasts_s - MARGIN_S)
            self._tokens[account.account_id] = _Token(token, good_until_s)
            return token
