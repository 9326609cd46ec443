"""Loads what is known around some statements or records, locked, as the linker needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from matchkit.families import Judgement, Link, Verdict
from matchkit.linker import Linker
from matchkit.neighbourhood import Neighbourhood
from matchkit.scoring import bits_of
from servicekit.errors import Unavailable

from identity.commands.reading import with_id
from identity.domain.golden_ids import Minted, Recipe
from identity.domain.regroupings import Alias, Belonging
from identity.store import customers as customer_store
from identity.store import locks, records
from identity.store import surroundings as store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    import asyncpg
    from matchkit.model import Model, Record

    from identity.commands.reading import Reader, Reading
    from identity.domain.customers import Customer
    from identity.seals import Digests, Seals
    from identity.store.surroundings import Families, Held, Near, SourceFound

    Changing = Callable[[Sequence[SourceFound]], Collection[int]]

ROUNDS_MAX = 5
"""How often families may have changed while they were waited for."""

CACHED_MAX = 20_000
"""Records kept opened in a process, some 2 KB each."""

_SCORED, _OF_ONE_SOURCE = 1, 2
_ACCEPTED = 1
_NEVER, _MUST = 1, 2


@dataclass(frozen=True, slots=True)
class Known:
    """A record as the store has it; `record` contradicts others also when it is not current."""

    record: Record
    family_id: int
    is_current: bool


@dataclass(slots=True)
class Surroundings:
    """What is known, and a linker over it; nobody else changes any of it until the transaction ends.

    `chains` are pairs of records that one source stated one after the other, `words` the judgements as rows.
    """

    linker: Linker
    sources: dict[bytes, SourceFound] = field(default_factory=dict)
    known: dict[int, Known] = field(default_factory=dict)
    by_digest: dict[bytes, int] = field(default_factory=dict)
    belongings: dict[int, Belonging] = field(default_factory=dict)
    customers: dict[int, Customer] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    aliases_before: dict[str, Alias] = field(default_factory=dict)
    chains: set[tuple[int, int]] = field(default_factory=set)
    words: Sequence[asyncpg.Record] = ()
    held: Held | None = None


class Loader:
    """Loads surroundings; keeps records that were opened, which never change, up to a bound."""

    def __init__(self, model: Model, reader: Reader, seals: Seals, digests: Digests) -> None:
        self._model = model
        self._reader = reader
        self._seals = seals
        self._hasher = digests.hasher
        self._accept_bits = bits_of(model.accept)
        self._review_bits = bits_of(model.review)
        self._opened: dict[int, Record] = {}

    async def around(
        self, raw: asyncpg.Connection, readings: Sequence[Reading], changing: Changing
    ) -> Surroundings:
        """What is known around statements, locked; `changing` tells of which sources others must be asked.

        Raises `Unavailable` when others keep changing the same families.
        """
        alone = await locks.lock_keys(raw, _tokens(readings))
        asked = _asked(readings)
        near = await store.near(
            raw, asked, holders_max=self._model.records_max + 1, may_lock=not alone
        )
        held = await self._held(raw, changing(near.sources), alone=alone)
        locked = set(near.seeds.values()) if near.is_locked else set()
        return await self._gathered(
            raw, near, held, asked.golden_ids, locked=None if alone else locked
        )

    async def around_records(
        self,
        raw: asyncpg.Connection,
        record_ids: Collection[int],
        *,
        source_ids: Collection[int] = (),
    ) -> Surroundings:
        """What is known around records on record, and around all that these sources ever stated, locked.

        Raises `Unavailable` when others keep changing the same families.
        """
        alone = await locks.lock_keys(raw, ())
        held = await self._held(raw, source_ids, alone=alone)
        seeds = await records.families_of(raw, record_ids)
        near = store.Near([], seeds, [], [], [])
        return await self._gathered(raw, near, held, (), locked=None if alone else set())

    async def around_locked(
        self, raw: asyncpg.Connection, families: dict[int, int]
    ) -> Surroundings:
        """What is known around records of these families, which are locked, and the gate entered, already.

        Raises `Unavailable` when others keep changing the same families.
        """
        near = store.Near([], families, [], [], [])
        return await self._gathered(raw, near, None, (), locked=set(families.values()))

    def keep(self, opened: Iterable[Record]) -> None:
        """Keeps records that need not be opened again."""
        for record in opened:
            self._opened[record.id] = record
        excess = max(0, len(self._opened) - CACHED_MAX)
        for record_id in list(islice(self._opened, excess)):
            del self._opened[record_id]

    async def _held(
        self, raw: asyncpg.Connection, source_ids: Collection[int], *, alone: bool
    ) -> Held | None:
        """Who else holds what these sources stated; the keys of all of it are locked."""
        if not source_ids:
            return None
        held = await store.held(raw, source_ids, holders_max=self._model.records_max + 1)
        if not alone and not await locks.try_lock_keys(raw, held.holders):
            raise Unavailable("others are changing the same customers", retry_after_s=0.1)
        return held

    async def _gathered(
        self,
        raw: asyncpg.Connection,
        near: Near,
        held: Held | None,
        golden_ids: Collection[str],
        *,
        locked: set[int] | None,
    ) -> Surroundings:
        seeds = near.seeds | (held.families if held else {})
        found = await self._families(raw, seeds, near.customers, golden_ids, locked=locked)
        around = Surroundings(Linker(self._model, self._hasher, Neighbourhood()), held=held)
        around.sources = {each.key_digest: each for each in near.sources}
        if found is not None:
            self._load(around, found)
        around.linker.neighbourhood.generic.update(near.generic)
        around.linker.neighbourhood.declare(near.declared)
        return around

    async def _families(
        self,
        raw: asyncpg.Connection,
        seeds: dict[int, int],
        customers: Collection[int],
        golden_ids: Collection[str],
        *,
        locked: set[int] | None,
    ) -> Families | None:
        """The families of these records, read after they were locked and found to be still theirs.

        `locked` are locked already; None when all others are shut out.
        """
        if not seeds and not customers:
            return None
        read: set[int] = set(locked or ())
        for _ in range(ROUNDS_MAX):
            wanted = set(seeds.values()) - read
            if locked is not None and wanted:
                await _lock(raw, wanted, is_first=not read)
            read |= wanted
            found = await store.families(raw, read, customers=customers, golden_ids=golden_ids)
            if locked is None or seeds.keys() <= {row[0] for row in found.members}:
                return found
            seeds = await records.families_of(raw, seeds)
        raise Unavailable("others keep changing the same customers", retry_after_s=0.1)

    def _load(self, around: Surroundings, found: Families) -> None:
        self._load_records(around, found)
        around.customers = {row[0]: customer_store.of_columns(row) for row in found.customers}
        for golden_id, record_id, first_seen_at in found.supports:
            around.belongings[record_id].supports[golden_id] = first_seen_at
        for golden_id, master_id, customer_id, recipe, key_id, first_seen_at in found.aliases:
            minted = Minted(golden_id, Recipe(recipe), key_id)
            around.aliases[golden_id] = Alias(minted, first_seen_at, customer_id, master_id)
        around.aliases_before = dict(around.aliases)
        around.words = found.judgements
        self._load_evidence(around, found)
        _load_parts(around)

    def _load_records(self, around: Surroundings, found: Families) -> None:
        for record_id, digest, sealed, keys, customer_id, family_id, is_current in found.members:
            record = self._opened.get(record_id)
            if record is None:
                features = self._seals.open_features(digest, sealed, self._model)
                record = self._reader.record(record_id, digest, features, keys)
                self._opened[record_id] = record
            around.known[record_id] = Known(record, family_id, is_current)
            around.by_digest[digest] = record_id
            around.belongings[record_id] = Belonging(digest, customer_id)
            around.linker.neighbourhood.add(with_id(record, record_id, is_current=is_current))
        self.keep(())

    def _load_evidence(self, around: Surroundings, found: Families) -> None:
        loaded = around.linker.neighbourhood
        loaded.generic.update(found.generic)
        loaded.declare(found.declared)
        accept_bits, review_bits = self._accept_bits, self._review_bits
        loaded.put_links(
            Link(a, b, bits, bits >= accept_bits)
            for a, b, _, bits in zip(*found.links, strict=True)
            if bits >= review_bits
        )
        for a, b, kind, _ in zip(*found.links, strict=True):
            if kind == _OF_ONE_SOURCE:
                around.chains.add((a, b))
                loaded.put_judgement(Judgement(a, b, Verdict.MUST))
        for _, a, b, verdict, *_ in found.judgements:
            # What is said of a record that is gone, or far away, binds nobody here.
            if a in loaded.records and b in loaded.records:
                word = Verdict.NEVER if verdict == _NEVER else Verdict.MUST
                loaded.put_judgement(Judgement(a, b, word))


def _load_parts(around: Surroundings) -> None:
    parts: dict[int, set[int]] = {}
    for record_id, belonging in around.belongings.items():
        parts.setdefault(belonging.customer_id, set()).add(record_id)
    for part in parts.values():
        around.linker.neighbourhood.put_part(frozenset(part))


def _tokens(readings: Sequence[Reading]) -> set[int]:
    """Whatever two transactions must not decide by at once: sources, digests, keys and Golden IDs."""
    tokens: set[int] = set()
    for each in readings:
        tokens.update(each.record.keys)
        tokens.add(int.from_bytes(each.key_digest[-8:]))
        tokens.add(int.from_bytes(each.record.digest[:8]))
        tokens.update(int(minted.golden_id[:12], 16) for minted in each.minted)
    return tokens


def _asked(readings: Sequence[Reading]) -> store.Asked:
    return store.Asked(
        [each.statement.system for each in readings],
        [each.key_digest for each in readings],
        [each.record.digest for each in readings],
        {key for each in readings for key in each.record.keys},
        {minted.golden_id for each in readings for minted in each.minted},
    )


async def _lock(raw: asyncpg.Connection, families: Collection[int], *, is_first: bool) -> None:
    if is_first:
        await locks.lock_families(raw, families)
    elif not await locks.try_lock_families(raw, families):
        raise Unavailable("others are changing the same customers", retry_after_s=0.1)
