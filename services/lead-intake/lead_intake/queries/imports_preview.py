"""What would become of the rows of a file; nothing is written.

The same reading, keys and comparison as when the rows are let in.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from servicekit.errors import Invalid, NotFound

from lead_intake.commands.imports_running import admitted, outcome_of, refusal_of, restated
from lead_intake.domain.imports import CHUNK_ROWS, Counts, Outcome, RefusedFile, check_uploaded
from lead_intake.domain.leads import DeliveryId, Item, LeadId, Origin, Trust, Understood
from lead_intake.importing.columns import columns_of
from lead_intake.importing.rows import read_row
from lead_intake.importing.spool import Spool
from lead_intake.importing.tables import checked_header, read_table
from lead_intake.importing.templates import best_template
from lead_intake.store import imports as store
from lead_intake.store import imports_chunks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from servicekit.database import Database

    from lead_intake.commands.keeping import Desk
    from lead_intake.domain.imports import Import, ImportId
    from lead_intake.importing.columns import Columns
    from lead_intake.importing.rows import ReadRow
    from lead_intake.importing.sealed_rows import Numbered
    from lead_intake.importing.templates import Template
    from lead_intake.store.imports_chunks import KnownItem

ROWS_USUALLY = 1000
ROWS_WITHOUT_PAUSE = 20
KEY_DIGEST_BITS = 62

_REMARKABLE = frozenset(Outcome) - {Outcome.ACCEPTED}


@dataclass(frozen=True, slots=True)
class Preview:
    """What is asked: which rows, and by which template; empty for the one that knows most columns."""

    import_id: ImportId
    template: str
    row_count_max: int
    all_rows: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would become of one row; who it is about is masked."""

    row_number: int
    outcome: Outcome
    reason: str = ""
    field: str = ""
    repeats_row: int = 0
    repeats_lead_id: str = ""
    name_display: str = ""
    phone_display: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """A batch of verdicts; the template and columns with the first, the totals with the last."""

    verdicts: Sequence[Verdict] = ()
    template: str = ""
    columns: Sequence[tuple[str, str]] = ()
    totals: Counts | None = None
    has_more_rows: bool = False


async def preview_import(
    database: Database, desk: Desk, templates: Mapping[str, Template], asked: Preview
) -> AsyncIterator[Looked]:
    """Verdicts in the order of rows, then the totals.

    Raises `NotFound`, `Conflict` before the file is here, `Invalid` for an unknown template and for a file that cannot
    be read (also midway).
    """
    if asked.template and asked.template not in templates:
        raise Invalid("no such template")
    async with database.raw() as raw:
        one = await store.get(raw, asked.import_id)
    if one is None:
        raise NotFound("no such import")
    check_uploaded(one)
    looking = _Looking(
        database, desk, one, left=None if asked.all_rows else asked.row_count_max or ROWS_USUALLY
    )
    spool = Spool(database, desk.seals.ring, one.import_id, one.size_bytes)
    async with aclosing(read_table(spool)) as batches:
        async for batch in batches:
            rows = batch.rows
            if rows and looking.columns is None:
                looking.describe(rows[0][1], templates, asked.template or one.template)
                yield looking.beginning()
                rows = rows[1:]
            async for verdicts in looking.verdicts(looking.wanted(rows)):
                yield Looked(verdicts)
            if looking.has_more_rows:
                break
    if looking.columns is None:
        raise RefusedFile("the file has no rows")
    yield Looked(totals=looking.totals(), has_more_rows=looking.has_more_rows)


@dataclass(slots=True)
class _Looking:
    """A look through one file, at `left` rows more; None for all, of which only the remarkable are told.

    `seen` holds the row of each key by its digest: 100 MB for a million rows.
    """

    database: Database
    desk: Desk
    one: Import
    left: int | None
    has_more_rows: bool = False
    columns: Columns | None = None
    seen: dict[int, int] = field(default_factory=dict)
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def describe(self, cells: list[str], templates: Mapping[str, Template], name: str) -> None:
        """Decides what the columns say."""
        header = checked_header(cells)
        template = templates.get(name) or best_template(templates, header)
        self.columns = columns_of(header, template)

    def wanted(self, rows: Sequence[Numbered]) -> Sequence[Numbered]:
        """The rows that are still to be looked at."""
        if self.left is None:
            return rows
        self.has_more_rows = len(rows) > self.left
        rows = rows[: self.left]
        self.left -= len(rows)
        return rows

    def beginning(self) -> Looked:
        """What the columns say."""
        assert self.columns is not None
        names = {place: name for name, place in self.columns.cells.items()}
        meant = [
            (header, names.get(place, "answers" if header.strip() else ""))
            for place, header in enumerate(self.columns.header)
        ]
        return Looked(template=self.columns.template.template, columns=meant)

    def totals(self) -> Counts:
        """What would become of the rows so far."""
        return Counts(**{outcome.value: self.outcomes[outcome] for outcome in Outcome})

    async def verdicts(self, rows: Sequence[Numbered]) -> AsyncIterator[list[Verdict]]:
        """Verdicts of rows, in batches."""
        for start in range(0, len(rows), CHUNK_ROWS):
            read = [row async for row in self._read(rows[start : start + CHUNK_ROWS])]
            read = admitted(read, self._origin(), desk=self.desk)
            keys = sorted({row.key for row in read if isinstance(row.finding, Understood)})
            async with self.database.raw() as raw:
                known = await imports_chunks.known(raw, self.one.account_id, keys)
            found = [self._verdict(row, known.get(row.key)) for row in read]
            self.outcomes.update(verdict.outcome for verdict in found)
            yield found if self.left is not None else [v for v in found if v.outcome in _REMARKABLE]

    async def _read(self, rows: Sequence[Numbered]) -> AsyncIterator[ReadRow]:
        assert self.columns is not None
        for count, (number, cells) in enumerate(rows, start=1):
            yield read_row(
                number, cells, self.columns, lexicons=self.desk.lexicons, seals=self.desk.seals
            )
            if count % ROWS_WITHOUT_PAUSE == 0:
                await asyncio.sleep(0)

    def _verdict(self, row: ReadRow, known: KnownItem | None) -> Verdict:
        finding = row.finding
        if not isinstance(finding, Understood):
            outcome, reason, place = refusal_of(row)
            return Verdict(row.number, outcome, reason, place)
        inquiry = finding.inquiry
        digest = hash(row.key) & (1 << KEY_DIGEST_BITS) - 1
        earlier = self.seen.setdefault(digest, row.number)
        repeated = 0 if earlier == row.number else earlier
        return Verdict(
            row_number=row.number,
            outcome=Outcome.DUPLICATE if repeated else self._outcome(row, known),
            repeats_row=repeated,
            repeats_lead_id=str(known.lead_id) if known is not None else "",
            name_display=f"{inquiry.contact.name[:1]}**" if inquiry.contact.name else "",
            phone_display=inquiry.phone_display,
            region=f"{inquiry.region.province}{inquiry.region.city}",
        )

    def _outcome(self, row: ReadRow, known: KnownItem | None) -> Outcome:
        if known is None:
            return Outcome.ACCEPTED
        item = Item(LeadId(known.lead_id), 1, self._origin(), row.finding)
        facts = restated(row, known, item, seals=self.desk.seals)
        return outcome_of(known, facts, import_id=self.one.import_id)

    def _origin(self) -> Origin:
        assert self.columns is not None
        return Origin(
            delivery_id=DeliveryId(UUID(int=0)),
            account_id=self.one.account_id,
            account=self.one.account,
            channel=self.one.channel,
            trust=Trust.WEAK,
            mapping_version=self.columns.template.version,
            received_at=datetime.now(UTC),
            traceparent=None,
        )
