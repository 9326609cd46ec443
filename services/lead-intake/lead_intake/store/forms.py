"""Forms and their versions: rows, and the forms that are read from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from lead_intake.domain.form_documents import InvalidDocument, read_document
from lead_intake.domain.forms import Form, FormId, FormVersion, GuardMode, Stage
from lead_intake.domain.leads import AccountId

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import asyncpg

    from lead_intake.domain.form_documents import FormDocument

log = structlog.get_logger()

QUERY_TIMEOUT_S = 5.0

_REVISIONS = "select count(*), coalesce(sum(revision), 0)::bigint from forms"
_FORMS = """
select forms.form_id, name, account_id, key_hmac, oldest_supported, guard_mode,
  coalesce(canary.version, 0), coalesce(canary.percent, 0),
  array(select origin from form_exemptions as e where e.form_id = forms.form_id order by origin)
from forms left join form_canaries as canary on canary.form_id = forms.form_id and canary.ended_at is null
order by name
"""
_VERSIONS = "select form_id, version, stage, document from form_versions order by form_id, version"
_PUT = """
insert into forms (name, account_id, key_hmac, sealed_key, oldest_supported, guard_mode, revision)
values ($1, $2, $3, $4, 1, 'report', 1)
on conflict (name) do update set name = excluded.name where forms.account_id = excluded.account_id
returning sealed_key
"""
_ACCOUNT_ID = "select account_id from accounts where channel = $1 and account = $2"
_HAS_FORM = "select name from forms where account_id = $1"
_LOCK = "select form_id, oldest_supported, guard_mode from forms where name = $1 for update"
_STANDING = "select version, sha256 from form_versions where form_id = $1 and stage = $2"
_LAST = "select coalesce(max(version), 0) from form_versions where form_id = $1"
_SHA256 = "select sha256 from form_versions where form_id = $1 and version = $2"
_STAGE = "select stage from form_versions where form_id = $1 and version = $2"
_DOCUMENT = "select document from form_versions where form_id = $1 and version = $2"
_ADD = """
insert into form_versions (form_id, version, document, sha256, stage, published_by, published_at)
values ($1, $2, $3, $4, $5, $6, $7)
"""
_MOVE = "update form_versions set stage = $3 where form_id = $1 and version = $2"
_TOUCH = """
update forms set revision = revision + 1, oldest_supported = greatest(oldest_supported, $2) where form_id = $1
"""
_GUARD = "update forms set revision = revision + 1, guard_mode = $2 where form_id = $1"
_EXEMPT = """
insert into form_exemptions (form_id, origin, approval_id, exempted_by, exempted_at) values ($1, $2, $3, $4, $5)
on conflict do nothing
"""
_LISTED = """
select name, channel, account, accounts.account_id, guard_mode from forms join accounts using (account_id) order by name
"""
_HISTORY = """
select name, version, stage, sha256, document, published_by, published_at
from form_versions join forms using (form_id) order by name, version desc
"""


@dataclass(frozen=True, slots=True)
class KeyedForm:
    """A form and the digest of its public key."""

    form: Form
    key_hmac: bytes


@dataclass(frozen=True, slots=True)
class LockedForm:
    """A form that nobody else changes until the transaction ends."""

    form_id: FormId
    oldest_supported: int
    guard_mode: GuardMode


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version to be added."""

    form_id: FormId
    version: int
    document: str
    sha256: bytes
    stage: Stage
    published_by: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class ListedForm:
    """One form and its account."""

    name: str
    channel: str
    account: str
    account_id: AccountId
    guard_mode: GuardMode


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """One version as it was published."""

    form: str
    version: int
    stage: Stage
    sha256: bytes
    document: str
    published_by: str
    published_at: datetime


async def revisions(raw: asyncpg.Connection) -> tuple[int, int]:
    """A pair that differs after any change of any form."""
    row = await raw.fetchrow(_REVISIONS, timeout=QUERY_TIMEOUT_S)
    return (row[0], row[1])


async def every_form(raw: asyncpg.Connection) -> list[KeyedForm]:
    """All forms with their versions; without one that cannot be read any more, which is logged."""
    rows = await raw.fetch(_FORMS, timeout=QUERY_TIMEOUT_S)
    versions: dict[int, dict[int, FormVersion]] = {}
    for form_id, number, stage, text in await raw.fetch(_VERSIONS, timeout=QUERY_TIMEOUT_S):
        document = _read(text, form_id, number)
        if document is not None:
            version = FormVersion(number, Stage(stage), document)
            versions.setdefault(form_id, {})[number] = version
    return [KeyedForm(_form(row, versions.get(row[0], {})), row[3]) for row in rows]


async def account_id(raw: asyncpg.Connection, channel: str, account: str) -> AccountId | None:
    """An account's id; None when there is no such account."""
    found = await raw.fetchval(_ACCOUNT_ID, channel, account)
    return None if found is None else AccountId(found)


async def name_of_account(raw: asyncpg.Connection, account: AccountId) -> str | None:
    """The name of the account's form; None when it has none."""
    name: str | None = await raw.fetchval(_HAS_FORM, account)
    return name


async def put(
    raw: asyncpg.Connection, name: str, account: AccountId, *, key_hmac: bytes, sealed_key: bytes
) -> bytes | None:
    """Creates the form unless it is there; returns the sealed key it has, None when it is another account's."""
    key: bytes | None = await raw.fetchval(_PUT, name, account, key_hmac, sealed_key)
    return key


async def lock(raw: asyncpg.Connection, name: str) -> LockedForm | None:
    """The form, for this transaction alone; None when there is none."""
    row = await raw.fetchrow(_LOCK, name)
    return None if row is None else LockedForm(FormId(row[0]), row[1], GuardMode(row[2]))


async def standing(
    raw: asyncpg.Connection, form_id: FormId, stage: Stage
) -> tuple[int, bytes] | None:
    """Number and SHA-256 of the version in a stage that only one is in; None when there is none."""
    row = await raw.fetchrow(_STANDING, form_id, stage.value)
    return None if row is None else (row[0], row[1])


async def last_version(raw: asyncpg.Connection, form_id: FormId) -> int:
    """The number of the last version; 0 when there is none."""
    return int(await raw.fetchval(_LAST, form_id))


async def sha256_of(raw: asyncpg.Connection, form_id: FormId, version: int) -> bytes | None:
    """What a version was approved by; None when there is no such version."""
    found: bytes | None = await raw.fetchval(_SHA256, form_id, version)
    return found


async def stage_of(raw: asyncpg.Connection, form_id: FormId, version: int) -> Stage | None:
    """Where a version stands; None when there is no such version."""
    found = await raw.fetchval(_STAGE, form_id, version)
    return None if found is None else Stage(found)


async def document_of(raw: asyncpg.Connection, form_id: FormId, version: int) -> str:
    """The document of a version that is there."""
    return str(await raw.fetchval(_DOCUMENT, form_id, version))


async def add_version(raw: asyncpg.Connection, new: NewVersion) -> None:
    """Keeps a new version."""
    await raw.execute(
        _ADD,
        new.form_id,
        new.version,
        new.document,
        new.sha256,
        new.stage.value,
        new.published_by,
        new.published_at,
    )


async def move(raw: asyncpg.Connection, form_id: FormId, version: int, stage: Stage) -> None:
    """Puts a version into a stage."""
    await raw.execute(_MOVE, form_id, version, stage.value)


async def touch(raw: asyncpg.Connection, form_id: FormId, *, oldest_supported: int = 0) -> None:
    """Lets every process read the form anew; retires the versions below `oldest_supported`."""
    await raw.execute(_TOUCH, form_id, oldest_supported)


async def set_guard(raw: asyncpg.Connection, form_id: FormId, mode: GuardMode) -> None:
    """Changes how posts are guarded."""
    await raw.execute(_GUARD, form_id, mode.value)


async def exempt(
    raw: asyncpg.Connection, form_id: FormId, origin: str, *, approval_id: str, by: str, at: datetime
) -> None:  # fmt: skip
    """Lets an origin's posts pass the guard."""
    await raw.execute(_EXEMPT, form_id, origin, approval_id, by, at)


async def listed(raw: asyncpg.Connection) -> list[ListedForm]:
    """The forms by name."""
    rows = await raw.fetch(_LISTED)
    return [
        ListedForm(row[0], row[1], row[2], AccountId(row[3]), GuardMode(row[4])) for row in rows
    ]


async def history(raw: asyncpg.Connection) -> list[PublishedVersion]:
    """Every version of every form, newest first in each."""
    rows = await raw.fetch(_HISTORY)
    return [PublishedVersion(row[0], row[1], Stage(row[2]), *row[3:7]) for row in rows]


def _read(text: str, form_id: int, version: int) -> FormDocument | None:
    try:
        return read_document(text)
    except InvalidDocument as error:
        told = str(error)[:200]
        log.error("form_version_not_read", form_id=form_id, version=version, error=told)  # noqa: TRY400
        return None


def _form(row: asyncpg.Record, versions: dict[int, FormVersion]) -> Form:
    return Form(
        form_id=FormId(row[0]),
        name=row[1],
        account_id=AccountId(row[2]),
        versions=versions,
        live_version=_live(versions.values()),
        canary_version=row[6],
        canary_percent=row[7],
        oldest_supported=row[4],
        guard_mode=GuardMode(row[5]),
        exempt_origins=frozenset(row[8]),
    )


def _live(versions: Iterable[FormVersion]) -> int:
    return max((each.version for each in versions if each.stage is Stage.LIVE), default=0)
