"""Senders that behave as the vendors do: how long each waits for its answer, when it sends again, when it gives up."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MINUTE, HOUR = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Habit:
    """How a vendor sends: its answer's deadline and the seconds before each new try.

    `is_ack` knows its success answer. `is_assumed` where the times are not public: then few or no tries are the worst
    that may be.
    """

    deadline_s: float
    retries_s: tuple[float, ...]
    is_ack: Callable[[int, bytes], bool]
    is_assumed: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one delivery: acked or given up, after how many tries, and the last status (0: none)."""

    is_acked: bool
    attempt_count: int
    last_status: int


@dataclass
class VendorSender:
    """Sends as a vendor does. `time_scale` multiplies the times between tries, never the answer's deadline.

    `given_up` names the deliveries that were never acked.
    """

    http: aiohttp.ClientSession
    habit: Habit
    time_scale: float = 1.0
    given_up: list[str] = field(default_factory=list)

    async def deliver(
        self, name: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Outcome:
        """Sends one delivery until it is acked or the vendor gives up."""
        status = 0
        for attempt, delay_s in enumerate((0.0, *self.habit.retries_s), start=1):
            await asyncio.sleep(delay_s * self.time_scale)
            status, answer = await self._sent(path, body, headers)
            if self.habit.is_ack(status, answer):
                return Outcome(is_acked=True, attempt_count=attempt, last_status=status)
        self.given_up.append(name)
        attempts = 1 + len(self.habit.retries_s)
        return Outcome(is_acked=False, attempt_count=attempts, last_status=status)

    async def _sent(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(total=self.habit.deadline_s)
        try:
            async with self.http.post(path, data=body, headers=headers, timeout=timeout) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, b""


def _ok(status: int, _body: bytes) -> bool:
    return 200 <= status < 300


def _says(*texts: bytes) -> Callable[[int, bytes], bool]:
    def is_ack(status: int, body: bytes) -> bool:
        return status == 200 and body in texts

    return is_ack


def _has(**values: Any) -> Callable[[int, bytes], bool]:
    def is_ack(status: int, body: bytes) -> bool:
        try:
            document = json.loads(body)
        except ValueError:
            return False
        return status == 200 and values.items() <= document.items()

    return is_ack


def _has_encrypted(status: int, body: bytes) -> bool:
    try:
        return status == 200 and {"msg_signature", "encrypt"} <= set(json.loads(body))
    except ValueError:
        return False


HABITS: Final[Mapping[str, Habit]] = {
    "website_form": Habit(
        15.0,
        (0.0, 5.0, 5 * MINUTE, 30 * MINUTE, *(h * HOUR for h in (2, 5, 10, 14, 20, 24))),
        _ok,
    ),
    "facebook_leadgen": Habit(
        20.0,
        (0.0, MINUTE, 10 * MINUTE, HOUR, 3 * HOUR, 8 * HOUR, 23 * HOUR),
        _ok,
        is_assumed=True,
    ),
    "ocean_engine_feiyu": Habit(5.0, (), _has(code=200), is_assumed=True),
    "baidu_jimuyu": Habit(5.0, (), _has(code=0), is_assumed=True),
    "douyin_open": Habit(5.0, (MINUTE, 5 * MINUTE, 10 * MINUTE), _ok, is_assumed=True),
    "wechat_mp": Habit(5.0, (0.0, 0.0, 0.0), _says(b"success", b""), is_assumed=True),
    "wecom_contact": Habit(5.0, (0.0, 0.0, 0.0), _says(b"success", b""), is_assumed=True),
    "dingtalk_event": Habit(1.5, (), _has_encrypted, is_assumed=True),
    "feishu_bitable": Habit(3.0, (15.0, 5 * MINUTE, HOUR, 6 * HOUR), _ok),
    "esign": Habit(5.0, (MINUTE,) * 16, _ok, is_assumed=True),
    "wechat_pay": Habit(
        5.0,
        (15.0, 15.0, 30.0, 3 * MINUTE, 10 * MINUTE, 20 * MINUTE, *(30 * MINUTE,) * 3, HOUR)
        + (3 * HOUR,) * 3
        + (6 * HOUR,) * 2,
        _ok,
    ),
    "alipay": Habit(
        5.0,
        (4 * MINUTE, 10 * MINUTE, 10 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 15 * HOUR),
        _says(b"success"),
    ),
    "aliyun_sms": Habit(5.0, (MINUTE, 5 * MINUTE, 10 * MINUTE), _has(code=0)),
}
"""By channel."""
