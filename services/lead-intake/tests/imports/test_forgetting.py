"""A person who is to be forgotten is forgotten in the files too by which they came."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from lead_intake.importing.sealed_rows import open_part, open_refused, open_rows
from leadchain.intake.v1 import imports_service_pb2 as pb
from leadchain.intake.v1 import privacy_service_pb2 as privacy
from leadchain.intake.v1.events_pb2 import LeadFacts
from leadchain.intake.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from servicekit.grpc_client import connect
from servicekit.sealing import KeyRing, SealingError
from servicekit.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PHONE = "13800138004"
NAME = "赵六六"
SAMPLES = (PHONE, NAME)
SLOWLY = {"import_rows_per_s_max": 10}
"""After the first thousand rows nothing moves for minutes."""


@pytest.fixture
def content(files: Any) -> bytes:
    """A file with a person's row, a row of theirs that says too little, and ten thousand others.

    That is more than the splitter reads ahead.
    """
    theirs = [
        files.lead(1, name=NAME, phone=PHONE),
        files.lead(2, name=NAME, phone=""),
    ]
    encoded: bytes = files.csv_of(theirs + [files.lead(number) for number in range(3, 12_000)])
    return encoded


@pytest.fixture
def ring(intake_settings: Any) -> KeyRing:
    """The keys that a started intake seals with."""
    return KeyRing.parse(intake_settings().field_keys.get_secret_value())


@pytest.fixture
def forget(files: Any, keys: Any) -> Callable[..., Any]:
    """Has the person forgotten, as far as lead-intake itself is concerned."""

    async def ask(intake: Any) -> None:
        token = keys.token("operator")
        channel = connect(
            f"127.0.0.1:{files.port_of(intake.service)}", token=lambda: token, default_deadline_s=30
        )
        request = privacy.RequestErasureRequest(
            subject=privacy.Subject(phone=PHONE), reason="DSR-1"
        )
        try:
            await PrivacyServiceStub(channel).RequestErasure(request)
        finally:
            await channel.close()

        async def is_asked() -> bool:
            return bool(
                await intake.rows.fetchval("select bool_and(state > 1) from subject_requests")
            )

        await eventually(is_asked, deadline_s=30, what="the services are asked")

    return ask


async def said(rows: Any, ring: KeyRing) -> set[str]:
    """Which samples the tables of imports, items and events say when everything sealed in them is opened."""
    texts = [text async for text in opened(rows, ring)]
    return {sample for sample in SAMPLES for text in texts if sample in text}


async def opened(rows: Any, ring: KeyRing) -> Any:
    parts = await rows.fetch("select import_id, number, sealed from import_parts")
    for import_id, number, sealed in parts:
        yield open_part(ring, sealed, import_id, number).decode("utf-8", errors="replace")
    for chunk_id, waiting, refused in await rows.fetch(
        "select chunk_id, rows, refused from import_chunks"
    ):
        yield str(open_rows(ring, waiting, chunk_id)) if waiting else ""
        yield str(open_refused(ring, refused, chunk_id)) if refused else ""
    for lead_id, facts in await rows.fetch(
        "select lead_id, facts from items where facts is not null"
    ):
        for text in contacts(ring, lead_id.bytes, LeadFacts.FromString(facts)):
            yield text
    for (payload,) in await rows.fetch("select payload from outbox"):
        yield payload.decode("utf-8", errors="replace")


def contacts(ring: KeyRing, context: bytes, facts: LeadFacts) -> Iterator[str]:
    with suppress(SealingError):
        yield ring.open(facts.sealed_contact, context).decode("utf-8", errors="replace")


async def until_some_are_in(uploader: Any) -> None:
    async def are_in() -> bool:
        counts = "select count(*) filter (where state > 0), count(*) filter (where state = 0) from import_chunks"
        done, waiting = await uploader.rows.fetchrow(counts)
        return bool(done >= 2 and waiting >= 2)

    await eventually(are_in, deadline_s=30, what="the first rows are let in, and others wait")


async def test_nothing_of_a_file_that_ended_says_whose_the_lead_was(
    intake: Any, uploader: Any, files: Any, ring: KeyRing, forget: Any
) -> None:
    rows = [files.lead(1, name=NAME, phone=PHONE), files.lead(2, name=NAME, phone="")]
    ended = await uploader.imported(files.csv_of(rows))
    other = await uploader.imported(files.csv_of([files.lead(3, phone="")]))
    assert await said(uploader.rows, ring) == set(SAMPLES)

    await forget(intake)

    assert await said(uploader.rows, ring) == set()
    assert len(await uploader.errors(ended.import_id)) == 1
    assert len(await uploader.errors(other.import_id)) == 2


async def test_nothing_of_a_file_that_was_cancelled_says_whose_the_lead_was(
    start_intake: Any, uploader_of: Any, content: bytes, ring: KeyRing, forget: Any
) -> None:
    async with start_intake(**SLOWLY) as intake, uploader_of(intake) as uploader:
        import_id = await uploader.upload(content)
        await uploader.start(import_id)
        await until_some_are_in(uploader)
        await uploader.rpc.CancelImport(pb.CancelImportRequest(import_id=import_id))
        assert await uploader.rows.fetchval("select count(*) from import_parts") > 0
        assert await said(uploader.rows, ring) == set(SAMPLES)

        await forget(intake)

        kept = (
            "select (select count(*) from import_parts) + (select count(rows) from import_chunks)"
        )
        assert await said(uploader.rows, ring) == set()
        assert await uploader.rows.fetchval(kept) == 0
        assert (await uploader.ended(import_id)).state == pb.IMPORT_STATE_FAILED


async def test_what_is_left_of_a_file_under_way_goes_when_it_ends(
    start_intake: Any, uploader_of: Any, content: bytes, ring: KeyRing, forget: Any
) -> None:
    async with start_intake(**SLOWLY) as intake, uploader_of(intake) as uploader:
        import_id = await uploader.upload(content)
        await uploader.start(import_id)
        await until_some_are_in(uploader)
        await forget(intake)
        running = await uploader.rpc.GetImport(pb.GetImportRequest(import_id=import_id))
        await uploader.rpc.CancelImport(pb.CancelImportRequest(import_id=import_id))
        assert running.progress.state == pb.IMPORT_STATE_RUNNING
        assert await said(uploader.rows, ring) == set(SAMPLES)

    async with start_intake() as intake, uploader_of(intake) as uploader:

        async def is_forgotten() -> bool:
            return await said(uploader.rows, ring) == set()

        await eventually(is_forgotten, deadline_s=30, what="the file is forgotten")
        assert (await uploader.ended(import_id)).problem == "expired"
