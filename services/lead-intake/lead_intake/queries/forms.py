"""What can be asked about forms: what a document would break, where canaries stand, who would be refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
from servicekit.errors import Invalid, NotFound
from servicekit.sealing import SealingError

from lead_intake.domain.compatibility import (
    Compatibility,
    Replay,
    Sent,
    check_clients,
    next_number,
)
from lead_intake.domain.form_documents import InvalidDocument, read_document, sha256_of
from lead_intake.domain.forms import client_of
from lead_intake.store import form_canaries, form_traffic
from lead_intake.store import forms as store
from lead_intake.verifiers.protocol import Envelope

if TYPE_CHECKING:
    import asyncpg
    from servicekit.database import Database

    from lead_intake.domain.compatibility import ClientVerdict, ReplayVerdict
    from lead_intake.domain.forms import Form
    from lead_intake.seals import Seals
    from lead_intake.store.form_canaries import Canary
    from lead_intake.store.form_traffic import CountedCaller, SealedDelivery
    from lead_intake.store.forms import ListedForm, PublishedVersion

REPLAYED: Final = 1000
REPLAYED_MAX: Final = 20_000
REPLAY_PAGE_SIZE: Final = 250
IN_USE_DAYS: Final = 30
CALLERS_DAYS: Final = 7
"""Callers of the last week are asked about before the guard is enforced (feature DX-05)."""

_NEWEST = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Report:
    """What a check says about a document: for each kind of client, by rules and by replay."""

    version: int
    sha256: bytes
    clients: list[ClientVerdict]
    replays: list[ReplayVerdict]

    @property
    def worst(self) -> Compatibility:
        """The worst that is said of any client; a delivery that would fail breaks its client."""
        if any(each.failing_count for each in self.replays):
            return Compatibility.BREAKING
        verdicts = [each.compatibility for each in self.clients]
        return max(verdicts, default=Compatibility.UNAFFECTED)


@dataclass(frozen=True, slots=True)
class Standing:
    """One form, its versions newest first, and its running canary."""

    form: Form
    listed: ListedForm
    versions: list[PublishedVersion]
    canary: Canary | None


async def form_named(database: Database, name: str) -> Form:
    """A form as it is in the database; raises `NotFound`."""
    async with database.raw() as raw:
        found = [each.form for each in await store.every_form(raw) if each.form.name == name]
    if not found:
        raise NotFound("no such form")
    return found[0]


async def check_form(
    database: Database, seals: Seals, name: str, text: str, *, replay_max: int
) -> Report:
    """What a document would break if it became the next version; raises `Invalid` and `NotFound`."""
    try:
        document = read_document(text)
    except InvalidDocument as error:
        raise Invalid(str(error)) from None
    form = await form_named(database, name)
    async with database.raw() as raw:
        in_use = await clients_in_use(raw, form)
    replay = Replay(form, document)
    await _replay(database, seals, form, replay, limit=min(replay_max or REPLAYED, REPLAYED_MAX))
    return Report(
        next_number(form),
        sha256_of(text),
        check_clients(form, document, in_use),
        replay.verdicts(),
    )


async def clients_in_use(raw: asyncpg.Connection, form: Form) -> list[str]:
    """The client versions that filled the form in lately."""
    since = datetime.now(UTC) - timedelta(days=IN_USE_DAYS)
    return await form_traffic.clients_in_use(raw, form.form_id, since=since)


async def list_forms(database: Database) -> list[Standing]:
    """Every form and where it stands, by name."""
    async with database.raw() as raw:
        forms = {each.form.name: each.form for each in await store.every_form(raw)}
        listed = await store.listed(raw)
        history = await store.history(raw)
        running = {canary.form: canary for canary in await form_canaries.running(raw)}
    return [
        Standing(
            forms[each.name],
            each,
            [version for version in history if version.form == each.name],
            running.get(each.name),
        )
        for each in listed
        if each.name in forms
    ]


async def list_callers(
    database: Database, form: str, *, since: datetime | None
) -> list[CountedCaller]:
    """Whose posts the guard objected to, in the last seven days unless said otherwise; `form` may be empty."""
    since = since or datetime.now(UTC) - timedelta(days=CALLERS_DAYS)
    async with database.raw() as raw:
        return await form_traffic.callers(raw, form, since=since)


async def _replay(
    database: Database, seals: Seals, form: Form, replay: Replay, *, limit: int
) -> None:
    """Opens the newest deliveries of the form's account in memory, page by page, and lets them be judged."""
    before, left = _NEWEST, limit
    while left > 0:
        async with database.raw() as raw:
            page = await form_traffic.stored_before(
                raw, form.account_id, before, limit=min(left, REPLAY_PAGE_SIZE)
            )
        if not page:
            return
        for delivery in page:
            sent = _sent(delivery, seals)
            if sent is not None:
                replay.add(sent)
        before, left = page[-1].delivery_id, left - len(page)


def _sent(delivery: SealedDelivery, seals: Seals) -> Sent | None:
    """What a stored delivery said; None when it cannot be read as a form."""
    try:
        opened = seals.open_delivery(delivery.raw, delivery.delivery_id)
        envelope = msgspec.msgpack.decode(opened, type=Envelope)
        body: Any = msgspec.json.decode(envelope.body)
    except (SealingError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(body, dict) or "fields" not in body:
        return None
    return Sent(client_of(body, envelope.client_version), body["fields"])
