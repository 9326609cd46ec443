"""Mappings of accounts: tried out on what the account delivered, then published by two people's approval."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servicekit.errors import Conflict, Invalid, NotFound

from lead_intake.commands.configuration_changes import MAPPING_KIND, record_change
from lead_intake.commands.opening import Unopened, opened
from lead_intake.domain.leads import ItemState, Quarantined, QuarantineReason
from lead_intake.domain.mappings import Trial
from lead_intake.mappings import FIRST_VERSION, NotServable, changed, read_changes, written
from lead_intake.reading import read_delivery
from lead_intake.store import accounts as account_rows
from lead_intake.store import mappings as store
from lead_intake.store.mappings import KeptCheck, NewMapping

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from servicekit.database import UnitOfWork

    from lead_intake.channels.channel_files import ChannelFile
    from lead_intake.commands.accounts import Office
    from lead_intake.commands.configuration_changes import Permit
    from lead_intake.domain.leads import Finding
    from lead_intake.reading import Lexicons
    from lead_intake.store.accounts import SealedAccount
    from lead_intake.store.deliveries import Delivery
    from lead_intake.store.mappings import PublishedMapping, TriedItem
    from lead_intake.verifiers.protocol import Envelope

ACCEPTED_MAX = 1000
QUARANTINED_MAX = 10_000
QUARANTINED_USUAL = 1000
CHUNK = 100
"""How many bodies are open at once."""

READ_WITHOUT_PAUSE = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mapping that somebody wants to try out."""

    channel: str
    account: str
    document: str
    quarantined_max: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a trial has come, in items."""

    checked_count: int
    total_count: int


@dataclass(frozen=True, slots=True)
class Checked:
    """A trial that is done."""

    sha256: bytes
    base_version: int
    trial: Trial


@dataclass(frozen=True, slots=True)
class Publication:
    """A mapping to put into force: a document that was checked, or an earlier version again."""

    channel: str
    account: str
    document: str = ""
    sha256: str = ""
    version: int = 0

    @property
    def resource_id(self) -> str:
        """How approvals and changes name it."""
        return f"{self.channel}/{self.account}"


@dataclass(frozen=True, slots=True)
class Published:
    """The version that is in force; `is_repeated` when the approval had put it there before."""

    version: int
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class _Proposed:
    """What is to be published, before anybody was asked."""

    document: str
    sha256: bytes
    base: PublishedMapping | None
    check: KeptCheck | None


async def check_mapping(
    office: Office, lexicons: Lexicons, candidate: Candidate, *, checked_by: str
) -> AsyncIterator[Progress | Checked]:
    """Reads what the account delivered by the rules in force and by the candidate; the last value is the result.

    Bodies are opened a hundred at a time, in memory only. Raises `NotFound`, and `Invalid` for a candidate that is no
    mapping, with the place.
    """
    row = await _account(office, candidate.channel, candidate.account)
    document, digest = written(changes := read_changes(candidate.document))
    del document
    after = _compiled(office, row, changes)
    before = _in_force(office, row)
    limit = min(candidate.quarantined_max or QUARANTINED_USUAL, QUARANTINED_MAX)
    async with office.database.raw() as raw:
        items = await store.items_to_try(
            raw, row.account_id, quarantined_max=limit, accepted_max=ACCEPTED_MAX
        )
    trial = Trial()
    yield Progress(0, len(items))
    for start in range(0, len(items), CHUNK):
        chunk = items[start : start + CHUNK]
        await _try_chunk(office, lexicons, trial, chunk, (before, after))
        yield Progress(start + len(chunk), len(items))
    await _keep_check(office, row, digest, trial, version=before.version, checked_by=checked_by)
    yield Checked(digest, before.version, trial)


async def publish_mapping(office: Office, wanted: Publication, permit: Permit) -> Published:
    """Puts a mapping into force under the account's next version.

    What was not checked within a day, against the rules now in force, is refused with `Conflict`; an earlier version
    may come again without. May be repeated with the same approval. Raises `NotFound`, `Invalid`, and what
    `Approvals.use` raises.
    """
    row = await _account(office, wanted.channel, wanted.account)
    done = await _published_before(office, row, permit)
    if done is not None:
        return done
    proposed = await _proposed(office, row, wanted)
    digest = proposed.sha256.hex()
    base_version = proposed.base.version if proposed.base else 0
    await office.approvals.use(
        permit.approval_id,
        kind=MAPPING_KIND,
        resource_id=wanted.resource_id,
        params={"change": "publish", "sha256": digest, "base_version": base_version},
        key=f"publish/{base_version}/{digest}",
    )
    async with office.database.unit_of_work() as uow:
        return await _publish(uow, wanted, permit, proposed)


async def _publish(
    uow: UnitOfWork, wanted: Publication, permit: Permit, proposed: _Proposed
) -> Published:
    row = await account_rows.lock(uow.raw, wanted.channel, wanted.account)
    if row is None:
        raise NotFound("no such account")
    version = await store.version_by(uow.raw, row.account_id, permit.approval_id)
    if version is not None:
        return Published(version, is_repeated=True)
    if row.mapping_version != (proposed.base.version if proposed.base else None):
        raise Conflict("another mapping has been published meanwhile; check again")
    new = NewMapping(
        row.account_id,
        proposed.document,
        proposed.sha256,
        permit.actor_id,
        permit.approval_id,
        uow.now,
    )
    version = await store.publish(uow.raw, new, first_version=FIRST_VERSION)
    await account_rows.touch(uow.raw, row.account_id)
    await record_change(
        uow,
        permit,
        kind=MAPPING_KIND,
        resource_id=wanted.resource_id,
        old=_shown(proposed.base.version, proposed.base.sha256) if proposed.base else None,
        new={**_shown(version, proposed.sha256), **_found(proposed.check)},
    )
    return Published(version)


async def _account(office: Office, channel: str, account: str) -> SealedAccount:
    async with office.database.raw() as raw:
        row = await account_rows.find(raw, channel, account)
    if row is None:
        raise NotFound("no such account")
    return row


def _compiled(office: Office, row: SealedAccount, changes: Mapping[str, Any]) -> ChannelFile:
    """The account's rules with the changes; raises `Invalid` with the place."""
    try:
        base = office.catalogue.base(row.channel, row.template)
        version = (row.mapping_version or FIRST_VERSION - 1) + 1
        return changed(base, changes, version=version)
    except NotServable as error:
        raise Invalid(str(error)) from None


def _in_force(office: Office, row: SealedAccount) -> ChannelFile:
    """The rules in force; its channel's own for an account whose mapping no longer fits."""
    try:
        return office.catalogue.rules_of(row)
    except NotServable:
        return office.catalogue.channels[row.channel]


async def _published_before(office: Office, row: SealedAccount, permit: Permit) -> Published | None:
    async with office.database.raw() as raw:
        version = await store.version_by(raw, row.account_id, permit.approval_id)
    return None if version is None else Published(version, is_repeated=True)


async def _proposed(office: Office, row: SealedAccount, wanted: Publication) -> _Proposed:
    async with office.database.raw() as raw:
        base = await store.in_force(raw, row.account_id)
        if wanted.version:
            earlier = await store.version_of(raw, row.account_id, wanted.version)
            if earlier is None:
                raise NotFound("no such version")
            _compiled(office, row, read_changes(earlier.document))
            return _Proposed(earlier.document, earlier.sha256, base, None)
        document, digest = written(changes := read_changes(wanted.document))
        _compiled(office, row, changes)
        if digest.hex() != wanted.sha256:
            raise Invalid("the document is not the one that was checked: its SHA-256 is another")
        check = await store.check_of(raw, row.account_id, digest)
    _check_is_fresh(office, row, check)
    return _Proposed(document, digest, base, check)


def _check_is_fresh(office: Office, row: SealedAccount, check: KeptCheck | None) -> None:
    if check is None:
        raise Conflict("this mapping was not checked on the account's deliveries within a day")
    if check.base_version != _in_force(office, row).version:
        raise Conflict("the rules in force are others than those it was checked against")


async def _try_chunk(
    office: Office,
    lexicons: Lexicons,
    trial: Trial,
    items: Sequence[TriedItem],
    rules: tuple[ChannelFile, ChannelFile],
) -> None:
    ids = list({item.delivery_id for item in items})
    async with office.database.raw() as raw:
        bodies = await store.bodies(raw, ids)
    read: dict[object, tuple[list[Finding], list[Finding]] | None] = {}
    for number, delivery_id in enumerate(ids, start=1):
        delivery = bodies.get(delivery_id)
        read[delivery_id] = _both_ways(office, lexicons, delivery, rules)
        if number % READ_WITHOUT_PAUSE == 0:
            await asyncio.sleep(0)
    for item in items:
        findings = read[item.delivery_id]
        if findings is None:
            trial.add_unreadable()
        else:
            before, after = (_at(each, item.position) for each in findings)
            is_quarantined = item.state is ItemState.QUARANTINED
            trial.add(item.lead_id, before, after, was_quarantined=is_quarantined)


def _both_ways(
    office: Office,
    lexicons: Lexicons,
    delivery: Delivery | None,
    rules: tuple[ChannelFile, ChannelFile],
) -> tuple[list[Finding], list[Finding]] | None:
    """What a delivery says by both rules; None when its body is not there."""
    if delivery is None:
        return None
    try:
        envelope = opened(delivery, office.seals)
    except Unopened:
        return None
    before, after = (_read(each, envelope, lexicons) for each in rules)
    return before, after


def _read(channel: ChannelFile, envelope: Envelope, lexicons: Lexicons) -> list[Finding]:
    is_pulled = envelope.source == "pull" and channel.pull is not None
    rules = channel.pull if is_pulled and channel.pull is not None else channel.reading
    return read_delivery(rules, envelope.body, lexicons)


def _at(findings: Sequence[Finding], position: int) -> Finding:
    if position < len(findings):
        return findings[position]
    return Quarantined(QuarantineReason.UNKNOWN_EVENT, "fan_out")


async def _keep_check(
    office: Office,
    row: SealedAccount,
    digest: bytes,
    trial: Trial,
    *,
    version: int,
    checked_by: str,
) -> None:
    async with office.database.unit_of_work() as uow:
        check = KeptCheck(
            version, trial.rescued_count, trial.newly_quarantined_count, checked_by, uow.now
        )
        await store.keep_check(uow.raw, row.account_id, digest, check)


def _shown(version: int, sha256: bytes) -> dict[str, Any]:
    return {"version": version, "sha256": sha256.hex()}


def _found(check: KeptCheck | None) -> dict[str, Any]:
    if check is None:
        return {}
    return {
        "rescued_count": check.rescued_count,
        "newly_quarantined_count": check.newly_quarantined_count,
        "checked_by": check.checked_by,
    }
