"""Applies statements to their sources, one after the other: what is new, what is history, which records are held."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING

import msgspec

from identity.domain import golden
from identity.domain.regroupings import Alias, Belonging
from identity.domain.statements import LEADS, Change
from identity.seals import canonical

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from matchkit.model import Record

    from identity.commands.reading import Reading
    from identity.commands.surroundings import Changing, Surroundings
    from identity.domain.statements import Statement
    from identity.seals import Seals
    from identity.store.surroundings import SourceFound

CHAINED_MAX = 32
"""Records of one source that a further one is tied to; few change who they are more often."""


@dataclass(slots=True)
class Said:
    """Something that a source says or said; `statement_id` is None for what is to be written."""

    statement_id: int | None
    statement: Statement
    record_id: int
    text: bytes
    is_current: bool = True


@dataclass(slots=True)
class Source:
    """A source as it will be; `current` is what it says now, None when it was deleted or never said anything."""

    source_id: int
    key_digest: bytes
    first_seen_at: datetime
    modified_at: datetime
    received_at: datetime
    statement: Statement
    is_new: bool
    record_id: int | None = None
    deleted_at: datetime | None = None
    current: Said | None = None
    stated: set[int] = field(default_factory=set)
    is_changed: bool = False

    @property
    def was_heard(self) -> bool:
        """Whether it said anything before."""
        return self.is_changed or not self.is_new


@dataclass(slots=True)
class Outcome:
    """What one statement came to."""

    reading: Reading
    source: Source
    record_id: int
    change: Change


class Holding:
    """How many sources hold each record: as what they say now, and at all."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._counts: dict[int, list[int]] = {}

    def hold(self, record_id: int, *, current: int = 0, at_all: int = 0) -> None:
        """Adds to the counts of a record."""
        counts = self._counts.get(record_id)
        if counts is None:
            counts = self._counts[record_id] = self._before(record_id)
        counts[0] += current
        counts[1] += at_all

    def states(self) -> Iterator[tuple[int, bool, bool]]:
        """Each record whose counts were touched, whether a source says it now, and whether one holds it at all."""
        for record_id, (current, at_all) in self._counts.items():
            yield record_id, current > 0, at_all > 0

    def _before(self, record_id: int) -> list[int]:
        """The counts on record; of a record whose sources only grow in number, one stands for any number."""
        held = self._around.held
        if held is not None and record_id in held.counts:
            return list(held.counts[record_id])
        known = self._around.known.get(record_id)
        return [0, 0] if known is None else [int(known.is_current), 1]


class Stating:
    """The statements of one batch, applied to what is known.

    `source_ids` and `record_ids` are numbers to give to new sources and records; what is not used is left in them.
    """

    def __init__(
        self,
        around: Surroundings,
        seals: Seals,
        source_ids: list[int],
        record_ids: list[int],
    ) -> None:
        self._around = around
        self._seals = seals
        self._source_ids = source_ids
        self._record_ids = record_ids
        self._sources: dict[bytes, Source] = {}
        self.holding = Holding(around)
        self.said: list[tuple[Said, Source]] = []
        self.closed: list[int] = []
        self.new_records: dict[int, Record] = {}
        self.new_chains: set[tuple[int, int]] = set()
        self.supported: dict[tuple[str, int], datetime] = {}

    @property
    def sources(self) -> Collection[Source]:
        """Every source that was spoken of."""
        return self._sources.values()

    def state(self, reading: Reading) -> Outcome:
        """Applies one statement."""
        statement = reading.statement
        source = self._source(reading)
        if statement.is_deleted:
            return self._delete(reading, source)
        text = canonical(statement.fields)
        if source.was_heard and _time(statement) < (source.modified_at, source.received_at):
            return self._remember(reading, source, text)
        if source.current is not None and source.current.text == text:
            return self._confirm(reading, source)
        return self._replace(reading, source, text)

    def _source(self, reading: Reading) -> Source:
        source = self._sources.get(reading.key_digest)
        if source is None:
            found = self._around.sources.get(reading.key_digest)
            source = self._new_source(reading) if found is None else self._found(reading, found)
            self._sources[reading.key_digest] = source
        return source

    def _new_source(self, reading: Reading) -> Source:
        statement = reading.statement
        return Source(
            self._source_ids.pop(),
            reading.key_digest,
            first_seen_at=statement.modified_at,
            modified_at=statement.modified_at,
            received_at=statement.received_at,
            statement=statement,
            is_new=True,
        )

    def _found(self, reading: Reading, found: SourceFound) -> Source:
        held = self._around.held
        source = Source(
            found.source_id,
            reading.key_digest,
            first_seen_at=found.first_seen_at,
            modified_at=found.modified_at,
            received_at=found.received_at,
            statement=reading.statement,
            is_new=False,
            record_id=found.record_id,
            deleted_at=found.deleted_at,
            stated={at for source_id, at in held.stated if source_id == found.source_id}
            if held
            else set(),
        )
        if found.statement_id is not None and found.sealed_fields is not None:
            text = canonical(self._seals.open_fields(found.key_digest, found.sealed_fields))
            source.current = Said(found.statement_id, reading.statement, found.record_id or 0, text)
        return source

    def _confirm(self, reading: Reading, source: Source) -> Outcome:
        """The source says what it said; only when it did so is new."""
        self._advance(source, reading.statement)
        return Outcome(reading, source, source.record_id or 0, Change.UNCHANGED)

    def _remember(self, reading: Reading, source: Source, text: bytes) -> Outcome:
        """An older state than the source is known in: history, and evidence as long as the source is there."""
        record_id = self._record(reading)
        self._say(reading, source, Said(None, reading.statement, record_id, text, is_current=False))
        source.first_seen_at = min(source.first_seen_at, reading.statement.modified_at)
        source.is_changed = True
        return Outcome(reading, source, record_id, Change.STALE)

    def _replace(self, reading: Reading, source: Source, text: bytes) -> Outcome:
        """What the source says now; what it said before is history."""
        change = Change.NEW if source.is_new and source.current is None else Change.UPDATED
        if source.deleted_at is not None:
            self._hold_again(source)
        self._close(source)
        record_id = self._record(reading)
        source.record_id = record_id
        said = Said(None, reading.statement, record_id, text)
        self._say(reading, source, said)
        self.holding.hold(record_id, current=1)
        source.current = said
        self._advance(source, reading.statement)
        return Outcome(reading, source, record_id, change)

    def _delete(self, reading: Reading, source: Source) -> Outcome:
        """The source is gone, and holds nothing of what it ever stated; an older word than its last is too late."""
        if source.was_heard and reading.statement.modified_at < source.modified_at:
            return Outcome(reading, source, source.record_id or 0, Change.STALE)
        former = source.record_id or 0
        self._close(source)
        if source.deleted_at is None:
            for record_id in source.stated:
                self.holding.hold(record_id, at_all=-1)
        source.record_id, source.current = None, None
        source.deleted_at = reading.statement.modified_at
        self._advance(source, reading.statement)
        return Outcome(reading, source, former, Change.DELETED)

    def _close(self, source: Source) -> None:
        """Ends the present statement of a source."""
        said = source.current
        if said is None:
            return
        if said.statement_id is not None:
            self.closed.append(said.statement_id)
        said.is_current = False
        self.holding.hold(said.record_id, current=-1)

    def _hold_again(self, source: Source) -> None:
        """A source that comes back begins anew: what it stated before it went is history and no evidence."""
        source.deleted_at = None
        source.stated.clear()

    def _say(self, reading: Reading, source: Source, said: Said) -> None:
        self.said.append((said, source))
        if said.record_id not in source.stated and source.deleted_at is None:
            self._chain(said.record_id, source.stated)
            source.stated.add(said.record_id)
            self.holding.hold(said.record_id, at_all=1)
        self.support(reading, said.record_id)

    def _advance(self, source: Source, statement: Statement) -> None:
        source.modified_at = max(source.modified_at, statement.modified_at)
        source.received_at = max(source.received_at, statement.received_at)
        source.is_changed = True

    def _record(self, reading: Reading) -> int:
        """The record of what is stated: one that others state too, or a new one."""
        digest = reading.record.digest
        record_id = self._around.by_digest.get(digest)
        if record_id is None:
            record_id = self._record_ids.pop()
            self._around.by_digest[digest] = record_id
            self._around.belongings[record_id] = Belonging(digest, 0)
            self.new_records[record_id] = reading.record
        return record_id

    def _chain(self, record_id: int, others: Collection[int]) -> None:
        """What one source ever stated is of one customer: every pair, so that its order leaves no trace."""
        for other in sorted(others)[-CHAINED_MAX:]:
            pair = (min(record_id, other), max(record_id, other))
            if pair not in self._around.chains:
                self.new_chains.add(pair)
                self._around.chains.add(pair)

    def support(self, reading: Reading, record_id: int) -> None:
        """The record supports the Golden IDs of what is stated, since when it was stated first."""
        since = reading.statement.modified_at
        supports = self._around.belongings[record_id].supports
        aliases = self._around.aliases
        for minted in reading.minted:
            golden_id = minted.golden_id
            before = supports.get(golden_id)
            if before is None or since < before:
                supports[golden_id] = self.supported[golden_id, record_id] = since
            alias = aliases.get(golden_id)
            if alias is None:
                aliases[golden_id] = Alias(minted, since)
            elif since < alias.first_seen_at:
                aliases[golden_id] = Alias(alias.minted, since, alias.customer_id, alias.master_id)


def changing(readings: Sequence[Reading], seals: Seals) -> Changing:
    """Tells which of the sources found these statements change; what they stated before must be looked at."""

    def changed(found: Sequence[SourceFound]) -> Collection[int]:
        known = {each.key_digest: each for each in found}
        return {
            known[each.key_digest].source_id
            for each in readings
            if each.key_digest in known and not _confirms(each, known[each.key_digest], seals)
        }

    return changed


def _confirms(reading: Reading, found: SourceFound, seals: Seals) -> bool:
    if reading.statement.is_deleted or found.sealed_fields is None:
        return False
    said = canonical(seals.open_fields(found.key_digest, found.sealed_fields))
    return said == canonical(reading.statement.fields)


def new_sources(stating: Stating) -> dict[int, list[golden.Source]]:
    """The sources of each new record, if all of them are new and said one thing each."""
    only: dict[int, Said | None] = {}
    for said, source in stating.said:
        is_all = source.is_new and source.source_id not in only
        only[source.source_id] = said if is_all else None
    found: dict[int, list[golden.Source]] = {}
    to_be_asked: set[int] = set()
    for source in stating.sources:
        if source.record_id in stating.new_records:
            said_once = only.get(source.source_id)
            if said_once is None:
                to_be_asked.add(source.record_id)
            else:
                found.setdefault(source.record_id, []).append(_told(source, said_once))
    return {at: sources for at, sources in found.items() if at not in to_be_asked}


def _told(source: Source, said: Said) -> golden.Source:
    """The source as it would be read from the store: canonical fields, times in UTC."""
    statement = said.statement
    told = golden.Said(
        msgspec.json.decode(said.text, type=dict[str, str]),
        statement.modified_at.astimezone(UTC),
        statement.received_at.astimezone(UTC),
        statement.actor,
    )
    return golden.Source(source.source_id, statement.system, source.key_digest, (told,))


def _time(statement: Statement) -> tuple[datetime, datetime]:
    return statement.modified_at, statement.received_at


def key_of(source: Source, seals: Seals) -> bytes:
    """A new source's key as it is kept; a lead's is its id and is not sealed."""
    statement = source.statement
    if statement.system == LEADS:
        return b""
    return seals.seal_key(source.key_digest, statement.source_key)
