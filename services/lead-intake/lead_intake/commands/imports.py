"""What operators do with imports: announce, upload, start, cancel, undo."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import uuid_utils
from servicekit.errors import Conflict, Invalid, NotFound, TooLarge, TooMany

from lead_intake.domain import imports as rules
from lead_intake.domain.imports import Import, ImportId, ImportState
from lead_intake.importing.sealed_rows import open_part, seal_part, seal_texts
from lead_intake.store import imports as store
from lead_intake.store import imports_chunks, imports_parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from servicekit.database import Database, UnitOfWork

    from lead_intake.domain.imports import NewImport
    from lead_intake.importing.templates import Template
    from lead_intake.seals import Seals
    from lead_intake.wire.imports import Part

FILE_NAME_CHARS_MAX = 200
PARTS_AT_ONCE = 8
SHA256_BYTES = 32


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """How much may be uploaded, in bytes: one file, and all that are kept at a time."""

    file_bytes_max: int
    spool_bytes_max: int


async def begin_import(
    uow: UnitOfWork, new: NewImport, *, seals: Seals, limits: SpoolLimits
) -> Import:
    """Announces a file, or finds the import of the same file for the account.

    Raises `Invalid`, `TooLarge` for a file beyond the limit, `TooMany` while the spool is full.
    """
    _check_new(new, limits)
    key = file_key(new.sha256, seals)
    import_id = await store.same_file(uow.raw, new.account_id, key)
    if import_id is None:
        if await store.spooled_bytes(uow.raw) + new.size_bytes > limits.spool_bytes_max:
            raise TooMany("too many files wait to be imported", retry_after_s=60.0)
        import_id = ImportId(UUID(bytes=uuid_utils.uuid7().bytes))
        one = _announced(import_id, new, uow)
        name = seal_texts(seals.ring, [new.file_name[:FILE_NAME_CHARS_MAX]], import_id, "name")
        import_id = await store.begin(uow.raw, one, file_key=key, sealed_name=name)
    return await _found(uow, import_id)


async def upload_parts(
    database: Database, seals: Seals, import_id: ImportId, parts: AsyncIterator[Part]
) -> Import:
    """Keeps parts in their order, and checks the file's digest when the last is here.

    Raises `NotFound`, `Conflict` for a part that is not the next one, `Invalid` for one of a wrong size and for a file
    that is not the announced one: its upload begins anew.
    """
    async with database.raw() as raw:
        one = await store.get(raw, import_id)
    if one is None:
        raise NotFound("no such import")
    upload = _Upload(database, seals, one)
    await upload.read_kept()
    async for each in parts:
        await upload.take(each)
    await upload.flush()
    return await upload.ended()


async def start_import(
    uow: UnitOfWork, import_id: ImportId, template: str, *, templates: Mapping[str, Template]
) -> Import:
    """Lets the rows of an uploaded file in, once. Raises `NotFound`, `Invalid`, `Conflict`."""
    if template and template not in templates:
        raise Invalid("no such template")
    one = await _found(uow, import_id)
    if not rules.check_may_start(one):
        return one
    if one.state is ImportState.UPLOADED:
        await store.choose_template(uow.raw, import_id, template)
    elif template not in ("", one.template):
        raise Conflict(f"the import was begun with the template {one.template}")
    await store.set_state(uow.raw, import_id, ImportState.RUNNING, now=uow.now)
    return await _found(uow, import_id)


async def cancel_import(uow: UnitOfWork, import_id: ImportId) -> Import:
    """Stops an import after the chunks under way. Raises `NotFound`, `Conflict`."""
    one = await _found(uow, import_id)
    if rules.check_may_cancel(one):
        # A file of which parts are missing is given up; its announcement may come again.
        is_whole = one.state is not ImportState.UPLOADING
        ended = ImportState.CANCELLED if is_whole else ImportState.FAILED
        problem = "" if is_whole else "the upload was given up"
        await store.set_state(uow.raw, import_id, ended, now=uow.now, problem=problem)
        if not is_whole:
            await imports_parts.drop(uow.raw, import_id)
    return await _found(uow, import_id)


async def undo_import(uow: UnitOfWork, import_id: ImportId, *, undone_by: str) -> Import:
    """Begins to withdraw what an import made. Raises `NotFound`, `Conflict`."""
    one = await _found(uow, import_id)
    if rules.check_may_undo(one, now=uow.now):
        await store.set_state(uow.raw, import_id, ImportState.UNDOING)
        await store.note_undoer(uow.raw, import_id, undone_by)
        await imports_chunks.drop_waiting(uow.raw, [import_id])
        await imports_parts.drop(uow.raw, import_id)
    return await _found(uow, import_id)


def file_key(sha256: bytes, seals: Seals) -> bytes:
    """The keyed digest by which the same file is known."""
    return seals.bodies.of(f"import-file/{sha256.hex()}")


class _Upload:
    """One upload under way: parts that are not kept yet, and the digest of all so far."""

    def __init__(self, database: Database, seals: Seals, one: Import) -> None:
        self._database = database
        self._seals = seals
        self._one = one
        self._kept = one.part_count
        self._waiting: list[bytes] = []
        self._digest = hashlib.sha256()

    async def read_kept(self) -> None:
        """Takes the parts of an earlier upload into the digest."""
        if self._one.state is not ImportState.UPLOADING:
            return
        for number in range(self._kept):
            async with self._database.raw() as raw:
                sealed = await imports_parts.part(raw, self._one.import_id, number)
            if sealed is not None:
                content = open_part(self._seals.ring, sealed, self._one.import_id, number)
                self._digest.update(content)

    async def take(self, part: Part) -> None:
        """Takes the next part."""
        number = self._kept + len(self._waiting)
        if part.import_id != str(self._one.import_id):
            raise Invalid("an upload is of one import")
        if self._one.state is not ImportState.UPLOADING or part.number != number:
            raise Conflict(f"the next part is {number}")
        if len(part.content) != rules.part_size(self._one.size_bytes, number) or not part.content:
            raise Invalid(f"part {number} is not as large as announced")
        self._digest.update(part.content)
        sealed = seal_part(self._seals.ring, part.content, self._one.import_id, number)
        self._waiting.append(sealed)
        if len(self._waiting) == PARTS_AT_ONCE:
            await self.flush()

    async def flush(self) -> None:
        """Keeps what was taken."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        async with self._database.unit_of_work() as uow:
            added = await imports_parts.add(
                uow.raw, self._one.import_id, first=self._kept, sealed=waiting
            )
        if not added:
            raise Conflict("the file is being uploaded by another call, or the import has ended")
        self._kept += len(waiting)

    async def ended(self) -> Import:
        """The import after the upload; whole when nothing is missing."""
        async with self._database.unit_of_work() as uow:
            one = await _found(uow, self._one.import_id)
            is_whole = self._kept == rules.parts_of(one.size_bytes)
            if one.state is not ImportState.UPLOADING or not is_whole:
                return one
            kept = (await store.sealed(uow.raw, [one.import_id]))[one.import_id]
            is_right = file_key(self._digest.digest(), self._seals) == kept.file_key
            if is_right:
                await store.set_state(uow.raw, one.import_id, ImportState.UPLOADED)
            else:
                await imports_parts.drop(uow.raw, one.import_id)
                await store.upload_again(uow.raw, one.import_id)
            one = await _found(uow, one.import_id)
        if not is_right:
            raise Invalid("the file is not the one that was announced; upload it again")
        return one


def _check_new(new: NewImport, limits: SpoolLimits) -> None:
    if len(new.sha256) != SHA256_BYTES:
        raise Invalid("sha256 has 32 bytes")
    if not new.size_bytes:
        raise Invalid("the file is empty")
    if new.size_bytes > limits.file_bytes_max:
        raise TooLarge(f"a file may have {limits.file_bytes_max} bytes")


def _announced(import_id: ImportId, new: NewImport, uow: UnitOfWork) -> Import:
    return Import(
        import_id=import_id,
        account_id=new.account_id,
        channel="",
        account="",
        state=ImportState.UPLOADING,
        template="",
        size_bytes=new.size_bytes,
        part_count=0,
        created_by=new.created_by[:200],
        created_at=uow.now,
        started_at=None,
        finished_at=None,
        is_split=False,
        read_share=0.0,
        problem="",
        withdrawn_count=0,
        kept_count=0,
    )


async def _found(uow: UnitOfWork, import_id: ImportId) -> Import:
    one = await store.locked(uow.raw, import_id)
    if one is None:
        raise NotFound("no such import")
    return one
