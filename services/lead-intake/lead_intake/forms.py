"""The forms in memory: which of them judges an account's deliveries, and what is counted while they do.

Hidden decision: freshness. Forms are few and change seldom, so each process keeps them all, compiled, asks the database
every second whether any changed, and writes its counts then. A process that dies loses the counts of one second.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lead_intake.domain.canaries import Numbers
from lead_intake.domain.csrf_reports import OTHER_HOST, Caller
from lead_intake.domain.forms import Arm, bucket_of, client_of, judge, sender_of
from lead_intake.store import form_canaries, form_traffic
from lead_intake.store import forms as store

if TYPE_CHECKING:
    import asyncpg
    from servicekit.database import Database
    from servicekit.sealing import BlindIndex

    from lead_intake.domain.forms import Form, FormId, Verdict
    from lead_intake.domain.leads import AccountId

REFRESH_S: Final = 1.0
LOOK_AGAIN_AFTER_S: Final = 1.0
KEY_LENGTH_MAX: Final = 64
KINDS_MAX: Final = 200
"""Kinds of clients and of callers that are counted between two writes; further ones are counted together."""

_KEY_SPACE: Final = "form/"


@dataclass
class Counts:
    """What was counted since it was last written."""

    canaries: dict[tuple[FormId, int], Numbers] = field(default_factory=dict)
    clients: Counter[tuple[FormId, str]] = field(default_factory=Counter)
    callers: Counter[tuple[FormId, Caller]] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.canaries or self.clients or self.callers)

    def add(self, other: Counts) -> None:
        """Takes what could not be written."""
        for key, numbers in other.canaries.items():
            self.canaries[key] = self.canaries.get(key, Numbers()) + numbers
        self.clients.update(other.clients)
        self.callers.update(other.callers)


class Forms:
    """Every form, by account, name and public key. A part of a service: `start` reads them."""

    name = "forms"

    def __init__(self, database: Database, keys: BlindIndex) -> None:
        self._database = database
        self._keys = keys
        self._by_account: dict[AccountId, Form] = {}
        self._by_name: dict[str, Form] = {}
        self._by_key: dict[bytes, Form] = {}
        self._revisions: tuple[int, int] | None = None
        self._looked_at_s = float("-inf")
        self._looking = asyncio.Lock()
        self._counts = Counts()

    def judge(
        self, account_id: AccountId, body: Any, *, client_version: str = ""
    ) -> Verdict | None:
        """What the account's form says about a delivery's decoded body; None where it has no form in force.

        `client_version` is what the delivery's header stated. Counts for a running canary and for the client's version.
        """
        form = self._by_account.get(account_id)
        if form is None or not form.live_version:
            return None
        client = client_of(body, client_version)
        bucket = bucket_of(form, sender_of(body)) if form.canary_version else 0.0
        fields = body.get("fields") if isinstance(body, dict) else None
        verdict = judge(form, client, fields, bucket=bucket)
        self._count(form, verdict.arm, failed=verdict.failed)
        if client.version:
            self._count_client(form, client.version)
        return verdict

    def judge_raw(
        self, account_id: AccountId, raw: bytes, *, client_version: str = ""
    ) -> Verdict | None:
        """As `judge`, of a body that is not decoded yet; it is decoded only where there is a form to judge it.

        None also for a body that is no JSON: whoever reads it says so.
        """
        if account_id not in self._by_account:
            return None
        try:
            body = msgspec.json.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return self.judge(account_id, body, client_version=client_version)

    def key_digest(self, key: str) -> bytes:
        """The keyed digest by which a public key is known."""
        return self._keys.of(_KEY_SPACE + key)

    def at(self, key: str) -> Form | None:
        """The form with this public key, as far as known here; any text is welcome."""
        if not (0 < len(key) <= KEY_LENGTH_MAX and key.isascii()):
            return None
        return self._by_key.get(self.key_digest(key))

    def named(self, name: str) -> Form | None:
        """A form by its name, as far as known here."""
        return self._by_name.get(name)

    def page_refused(self, form: Form, version: int) -> None:
        """Notes that a page showed its visitor what is wrong; a post that is stored is counted when it is judged."""
        if version == form.canary_version:
            self._count(form, Arm.NEW, failed=True)
        elif version == form.live_version:
            self._count(form, Arm.OLD, failed=True)

    def guard_objected(self, form: Form, caller: Caller) -> None:
        """Notes a post that the guard refuses, or would."""
        key = (form.form_id, caller)
        if key not in self._counts.callers and len(self._counts.callers) >= KINDS_MAX:
            key = (form.form_id, Caller(form.name, OTHER_HOST, "", "other", caller.cause))
        self._counts.callers[key] += 1

    async def look_again(self) -> None:
        """Reads changed forms now, unless that was done within the last second."""
        async with self._looking:
            if time.monotonic() - self._looked_at_s >= LOOK_AGAIN_AFTER_S:
                await self._look()

    async def refresh(self) -> bool:
        """One step of the worker that keeps the forms fresh and writes what was counted."""
        async with self._looking:
            await self._look()
        await self._write()
        return False

    async def start(self) -> None:
        """Reads every form."""
        await self.refresh()

    async def stop(self) -> None:
        """Writes what was counted."""
        await self._write()

    def problem(self) -> str | None:
        """Why deliveries cannot be judged yet."""
        return "not read" if self._revisions is None else None

    async def _look(self) -> None:
        self._looked_at_s = time.monotonic()
        async with self._database.raw() as raw:
            revisions = await store.revisions(raw)
            if revisions == self._revisions:
                return
            found = await store.every_form(raw)
        self._by_key = {each.key_hmac: each.form for each in found}
        self._by_account = {each.form.account_id: each.form for each in found}
        self._by_name = {each.form.name: each.form for each in found}
        self._revisions = revisions

    async def _write(self) -> None:
        if not self._counts:
            return
        counts, self._counts = self._counts, Counts()
        try:
            async with self._database.unit_of_work() as uow:
                await _write_counts(uow.raw, counts, at=datetime.now(UTC))
        except BaseException:
            self._counts.add(counts)
            raise

    def _count(self, form: Form, arm: Arm, *, failed: bool) -> None:
        if not form.canary_version or arm is Arm.NONE:
            return
        one = int(failed)
        numbers = Numbers(1, one, 0, 0) if arm is Arm.NEW else Numbers(0, 0, 1, one)
        key = (form.form_id, form.canary_version)
        self._counts.canaries[key] = self._counts.canaries.get(key, Numbers()) + numbers

    def _count_client(self, form: Form, version: str) -> None:
        key = (form.form_id, version)
        if key in self._counts.clients or len(self._counts.clients) < KINDS_MAX:
            self._counts.clients[key] += 1


async def _write_counts(raw: asyncpg.Connection, counts: Counts, *, at: datetime) -> None:
    if counts.canaries:
        await form_canaries.count(raw, counts.canaries)
    if counts.clients:
        await form_traffic.count_clients(raw, counts.clients, at=at)
    if counts.callers:
        await form_traffic.count_callers(raw, counts.callers, at=at)
