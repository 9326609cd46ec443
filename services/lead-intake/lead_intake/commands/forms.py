"""Forms are created and published, and the guard of their posts is set: by two people where it is risky."""

from __future__ import annotations

import re
import secrets as random_secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from servicekit.errors import AlreadyExists, Conflict, Invalid, NotFound

from lead_intake.domain import canaries
from lead_intake.domain.compatibility import Compatibility, check_clients, next_number
from lead_intake.domain.form_documents import (
    FormDocument,
    InvalidDocument,
    check_origin,
    read_document,
    sha256_of,
)
from lead_intake.domain.form_publications import Permit, Publication, Published
from lead_intake.domain.forms import GuardMode, Stage
from lead_intake.queries import forms as queries
from lead_intake.store import form_canaries
from lead_intake.store import forms as store
from lead_intake.wire import forms as wire

if TYPE_CHECKING:
    from servicekit.database import Database, UnitOfWork
    from servicekit.sealing import KeyRing

    from lead_intake.clients import Approvals
    from lead_intake.forms import Forms

KIND: Final = "mapping"
KEY_BYTES: Final = 18
DURATION_S_MAX: Final = 30 * 24 * 3600

_NAME = re.compile(r"[a-z0-9_-]{1,60}")
_KEY_CONTEXT = b"forms.key/"


class WouldBreak(Conflict):
    """The document breaks clients, or nobody can tell, and that was not accepted."""

    def __init__(self, clients: list[str]) -> None:
        super().__init__(f"it breaks or may break: {', '.join(clients)[:300]}")


async def put_form(
    uow: UnitOfWork, name: str, *, channel: str, account: str, forms: Forms, ring: KeyRing
) -> str:
    """Creates a form for an account; returns the path of its page, the same as long as it exists.

    Raises `Invalid` for a bad name, `NotFound` for an unknown account, `AlreadyExists` when the account has another
    form or the form another account.
    """
    if not _NAME.fullmatch(name):
        raise Invalid("a form's name is 1 to 60 of a-z, 0-9, - and _")
    account_id = await store.account_id(uow.raw, channel, account)
    if account_id is None:
        raise NotFound("no such account")
    if await store.name_of_account(uow.raw, account_id) not in (None, name):
        raise AlreadyExists("the account has a form already")
    key = random_secrets.token_urlsafe(KEY_BYTES)
    context = _KEY_CONTEXT + name.encode()
    sealed = await store.put(
        uow.raw,
        name,
        account_id,
        key_hmac=forms.key_digest(key),
        sealed_key=ring.seal(key.encode(), context),
    )
    if sealed is None:
        raise AlreadyExists("the form belongs to another account")
    return f"/forms/{ring.open(sealed, context).decode()}"


async def publish_form(
    database: Database, approvals: Approvals, wanted: Publication, permit: Permit
) -> Published:
    """Publishes the next version, for a share of the traffic unless it is the first.

    May be repeated: a version that is there with the same document is published already. Raises `Invalid` for a bad
    document, share or time, `NotFound`, `Conflict` when another version is next or a canary runs, `WouldBreak`, and
    what `Approvals.use` raises.
    """
    document, percent, duration_s = _checked(wanted)
    done = await _published_before(database, wanted)
    if done is not None:
        return done
    await _check_compatible(database, wanted, document)
    digest = sha256_of(wanted.text)
    await approvals.use(
        permit.approval_id,
        kind=KIND,
        resource_id=wanted.form,
        params={"version": wanted.version, "sha256": digest.hex()},
        key=permit.idempotency_key,
    )
    async with database.unit_of_work() as uow:
        return await _publish(uow, wanted, permit, percent=percent, duration_s=duration_s)


async def set_guard(
    database: Database, approvals: Approvals, form: str, mode: str, permit: Permit
) -> GuardMode:
    """Changes how a form's posts are guarded; returns the mode until then.

    Raises `Invalid`, `NotFound`, and what `Approvals.use` raises.
    """
    try:
        wanted = GuardMode(mode)
    except ValueError:
        raise Invalid("a mode is off, report or enforce") from None
    await approvals.use(
        permit.approval_id,
        kind=KIND,
        resource_id=form,
        params={"guard_mode": wanted.value},
        key=permit.idempotency_key,
    )
    async with database.unit_of_work() as uow:
        locked = await _locked(uow, form)
        await store.set_guard(uow.raw, locked.form_id, wanted)
        modes = (locked.guard_mode, wanted)
        uow.publish(wire.guard_changed(form, modes, "", permit.approval_id), key=form)
    return locked.guard_mode


async def exempt_origin(
    database: Database, approvals: Approvals, form: str, origin: str, permit: Permit
) -> None:
    """Lets an origin's posts pass a form's guard.

    Raises `Invalid`, `NotFound`, and what `Approvals.use` raises.
    """
    try:
        check_origin(origin)
    except (InvalidDocument, ValueError):
        raise Invalid("an origin is like https://www.example.com") from None
    await approvals.use(
        permit.approval_id,
        kind=KIND,
        resource_id=form,
        params={"exempt_origin": origin},
        key=permit.idempotency_key,
    )
    async with database.unit_of_work() as uow:
        locked = await _locked(uow, form)
        await store.exempt(
            uow.raw,
            locked.form_id,
            origin,
            approval_id=permit.approval_id,
            by=permit.actor,
            at=uow.now,
        )
        await store.touch(uow.raw, locked.form_id)
        modes = (locked.guard_mode, locked.guard_mode)
        uow.publish(wire.guard_changed(form, modes, origin, permit.approval_id), key=form)


def _checked(wanted: Publication) -> tuple[FormDocument, int, int]:
    try:
        document = read_document(wanted.text)
    except InvalidDocument as error:
        raise Invalid(str(error)) from None
    percent = wanted.percent or canaries.PERCENT
    duration_s = wanted.duration_s or canaries.DURATION_S
    if percent > 100 or duration_s > DURATION_S_MAX:
        raise Invalid("a canary judges 1 to 100 percent for at most 30 days")
    return document, percent, duration_s


async def _published_before(database: Database, wanted: Publication) -> Published | None:
    form = await queries.form_named(database, wanted.form)
    async with database.raw() as raw:
        there = await store.sha256_of(raw, form.form_id, wanted.version)
    if there is None:
        return None
    if there != sha256_of(wanted.text):
        raise Conflict(f"version {wanted.version} is another document")
    return Published(wanted.version, is_canary=form.canary_version == wanted.version)


async def _check_compatible(
    database: Database, wanted: Publication, document: FormDocument
) -> None:
    form = await queries.form_named(database, wanted.form)
    if wanted.version != next_number(form):
        raise Conflict(f"the next version is {next_number(form)}")
    if form.canary_version:
        raise Conflict(f"version {form.canary_version} is still on trial")
    if wanted.accept_breaking:
        return
    async with database.raw() as raw:
        in_use = await queries.clients_in_use(raw, form)
    broken = [
        each.client
        for each in check_clients(form, document, in_use)
        if each.compatibility in (Compatibility.BREAKING, Compatibility.UNDECIDED)
    ]
    if broken:
        raise WouldBreak(broken)


async def _publish(
    uow: UnitOfWork, wanted: Publication, permit: Permit, *, percent: int, duration_s: int
) -> Published:
    locked = await _locked(uow, wanted.form)
    if await store.last_version(uow.raw, locked.form_id) != wanted.version - 1:
        raise Conflict("another version was published meanwhile")
    live = await store.standing(uow.raw, locked.form_id, Stage.LIVE)
    new = _new_version(uow, locked, wanted, permit, Stage.LIVE if live is None else Stage.CANARY)
    await store.add_version(uow.raw, new)
    await store.touch(uow.raw, locked.form_id)
    if live is not None:
        await _start_canary(uow, new, percent=percent, duration_s=duration_s)
    event = wire.published(
        wanted.form,
        new,
        old_sha256=live[1] if live else b"",
        percent=percent if live else 100,
        by=permit.approval_id,
    )
    uow.publish(event, key=wanted.form)
    return Published(wanted.version, is_canary=live is not None)


def _new_version(
    uow: UnitOfWork, locked: store.LockedForm, wanted: Publication, permit: Permit, stage: Stage
) -> store.NewVersion:
    digest = sha256_of(wanted.text)
    return store.NewVersion(
        locked.form_id, wanted.version, wanted.text, digest, stage, permit.actor, uow.now
    )


async def _start_canary(
    uow: UnitOfWork, new: store.NewVersion, *, percent: int, duration_s: int
) -> None:
    await form_canaries.start(
        uow.raw,
        new.form_id,
        new.version,
        percent=percent,
        started_at=uow.now,
        ends_at=uow.now + timedelta(seconds=duration_s),
    )


async def _locked(uow: UnitOfWork, form: str) -> store.LockedForm:
    locked = await store.lock(uow.raw, form)
    if locked is None:
        raise NotFound("no such form")
    return locked
