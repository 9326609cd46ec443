"""Every way of tampering with a log that is known; each says what an audit has to find."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from auditor.findings import Kind
from auditor.specimen import Signer, Specimen, chained, rechained, sealed, text_of

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from auditor.dump import Entry
    from auditor.notes import Keys

    Way: TypeAlias = Callable[["Stage", random.Random], "Mutation"]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mutated log, and what an audit has to say: one of `kinds`, first at an entry from `low` to `high`."""

    log: Specimen
    kinds: frozenset[Kind]
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A sound log, who signed it, who is an intruder, and what was published of it."""

    sound: Specimen
    signer: Signer
    intruder: Signer
    published: list[str]
    keys: Keys


def bytes_modified(stage: Stage, rng: random.Random) -> Mutation:
    """An entry's bytes are other ones; its hash stays."""
    log, at = _copy(stage, rng)
    log.entries[at] = _falsified(log, at)
    return _found(log, Kind.MODIFIED, at)


def hash_modified(stage: Stage, rng: random.Random) -> Mutation:
    """An entry's hash is another one."""
    log, at = _copy(stage, rng)
    log.entries[at] = log.entries[at]._replace(hash=rng.randbytes(32))
    return _found(log, Kind.MODIFIED, at)


def time_modified(stage: Stage, rng: random.Random) -> Mutation:
    """An entry's row says another time than its bytes."""
    log, at = _copy(stage, rng)
    log.entries[at] = log.entries[at]._replace(recorded_at=b"2026-02-08T00:00:00+00:00")
    return _found(log, Kind.MODIFIED, at)


def flag_modified(stage: Stage, rng: random.Random) -> Mutation:
    """An entry's row hides that it changes state, or claims that it does."""
    log, at = _copy(stage, rng)
    entry = log.entries[at]
    log.entries[at] = entry._replace(changes_state=1 - entry.changes_state)
    return _found(log, Kind.MODIFIED, at)


def modified_and_rehashed(stage: Stage, rng: random.Random) -> Mutation:
    """An entry's bytes are other ones, with a hash that fits them; its successor tells, or a checkpoint."""
    log, at = _copy(stage, rng, spare_last=2)
    before = log.entries[at - 1].hash
    [log.entries[at]] = rechained([_falsified(log, at)], after=before)
    is_sealed = at + 1 in {_size(note) for note in log.notes}
    kind, low = (Kind.FORKED, 1) if is_sealed else (Kind.MODIFIED, at + 1)
    return Mutation(log, frozenset({kind}), low, at + 2)


def deleted(stage: Stage, rng: random.Random) -> Mutation:
    """An entry is gone."""
    log, at = _copy(stage, rng, spare_last=2)
    del log.entries[at]
    return _found(log, Kind.DELETED, at)


def deleted_and_renumbered(stage: Stage, rng: random.Random) -> Mutation:
    """An entry is gone, and the rows after it have moved up."""
    log, at = _copy(stage, rng, spare_last=2)
    del log.entries[at]
    _renumber(log)
    return _found(log, Kind.DELETED, at)


def inserted(stage: Stage, rng: random.Random) -> Mutation:
    """An entry was slipped in, and the rows after it have moved down."""
    log, at = _copy(stage, rng)
    log.entries.insert(at, _falsified(log, at))
    _renumber(log)
    return _found(log, Kind.INSERTED, at)


def inserted_and_hashed(stage: Stage, rng: random.Random) -> Mutation:
    """An entry was slipped in with a hash that fits the one before; its successor tells, or a checkpoint."""
    log, at = _copy(stage, rng)
    [extra] = rechained([_falsified(log, at)], after=log.entries[at - 1].hash)
    log.entries.insert(at, extra)
    _renumber(log)
    if at + 1 in {_size(note) for note in log.notes}:
        return Mutation(log, frozenset({Kind.FORKED}), 1, at + 1)
    return _found(log, Kind.INSERTED, at)


def reordered(stage: Stage, rng: random.Random) -> Mutation:
    """Two entries have changed places, numbers and all."""
    log, at = _copy(stage, rng, spare_last=2)
    other = rng.randrange(at + 1, len(log.entries))
    log.entries[at], log.entries[other] = log.entries[other], log.entries[at]
    return _found(log, Kind.REORDERED, at)


def reordered_and_renumbered(stage: Stage, rng: random.Random) -> Mutation:
    """Two entries have changed places, each under the other's number."""
    log, at = _copy(stage, rng, spare_last=2)
    other = rng.randrange(at + 1, len(log.entries))
    log.entries[at], log.entries[other] = log.entries[other], log.entries[at]
    _renumber(log)
    return _found(log, Kind.REORDERED, at)


def truncated(stage: Stage, rng: random.Random) -> Mutation:
    """The last entries are gone."""
    log, at = _copy(stage, rng)
    del log.entries[at:]
    return _found(log, Kind.TRUNCATED, at)


def truncated_with_its_end(stage: Stage, rng: random.Random) -> Mutation:
    """The last entries are gone, with their checkpoints and the record of the end; what was published tells."""
    log, _ = _copy(stage, rng)
    at = rng.randrange(1, _last_sealed(stage))
    del log.entries[at:]
    log.notes = [note for note in log.notes if _size(note) <= at]
    log.ending_where_it_ends()
    return _found(log, Kind.TRUNCATED, at)


def forked(stage: Stage, rng: random.Random) -> Mutation:
    """Two entries follow the same one."""
    log, at = _copy(stage, rng)
    [other] = rechained([_falsified(log, at)], after=log.entries[at - 1].hash)
    log.entries.insert(at + 1, other)
    return _found(log, Kind.FORKED, at)


def rewritten(stage: Stage, rng: random.Random) -> Mutation:
    """The chain is made anew from an entry on; the checkpoints are those of the true log."""
    log, at = _rewritten(stage, rng)
    return Mutation(log, frozenset({Kind.FORKED}), 1, at + 1)


def rewritten_and_resigned(stage: Stage, rng: random.Random) -> Mutation:
    """The chain is made anew, and so are its checkpoints, with an intruder's key; nothing published is asked."""
    log, at = _rewritten(stage, rng)
    sizes = [_size(note) for note in log.notes]
    log.notes = sealed(log.entries, sizes, (stage.intruder,))
    return Mutation(log, frozenset({Kind.RESIGNED, Kind.FORKED}), 1, max(sizes[0], at + 1))


def rewritten_from_the_first(stage: Stage, _: random.Random) -> Mutation:
    """Another log altogether, under the same name, with an intruder's key announced and used."""
    announced = {
        "action": "signing_key_announced",
        "public_key": text_of(stage.intruder.public_key),
    }
    facts = [json.loads(entry.fact) for entry in stage.sound.entries[1:]]
    log = stage.sound.copy()
    log.entries = chained([announced, *facts])
    sizes = [_size(note) for note in log.notes]
    log.notes = sealed(log.entries, sizes, (stage.intruder,))
    log.ending_where_it_ends()
    return Mutation(log, frozenset({Kind.RESIGNED, Kind.FORKED}), 1, sizes[0])


def rewritten_with_the_stolen_key(stage: Stage, rng: random.Random) -> Mutation:
    """The chain and its checkpoints are made anew with the true key; only what the witness kept tells."""
    log, at = _rewritten(stage, rng)
    sizes = [_size(note) for note in log.notes]
    log.notes = sealed(log.entries, sizes, (stage.signer,))
    return Mutation(log, frozenset({Kind.FORKED, Kind.RESIGNED}), 1, max(sizes[0], at + 1))


def checkpoint_resigned(stage: Stage, rng: random.Random) -> Mutation:
    """One checkpoint of the true log is signed by an intruder."""
    log = stage.sound.copy()
    at = rng.randrange(len(log.notes))
    size = int(log.notes[at].split("\n")[1])
    [log.notes[at]] = sealed(log.entries, [size], (stage.intruder,))
    return Mutation(log, frozenset({Kind.RESIGNED}), size, size)


def state_modified(stage: Stage, rng: random.Random) -> Mutation:
    """The state on record is not what the log led to."""
    log = stage.sound.copy()
    at = rng.choice([n for n, change in enumerate(log.state) if change["kind"] == "fact_put"])
    fact = log.state[at]["fact"]
    log.state[at] = {"kind": "fact_put", "fact": {**fact, "seq": fact["seq"] + 1}}
    return Mutation(log, frozenset({Kind.MODIFIED}), fact["seq"], fact["seq"])


def state_deleted(stage: Stage, rng: random.Random) -> Mutation:
    """A part of the state on record is gone."""
    log = stage.sound.copy()
    at = rng.choice([n for n, change in enumerate(log.state) if change["kind"] == "fact_put"])
    seq = log.state.pop(at)["fact"]["seq"]
    return Mutation(log, frozenset({Kind.DELETED}), seq, seq)


def state_inserted(stage: Stage, rng: random.Random) -> Mutation:
    """The state on record has a fact that nobody wrote."""
    log = stage.sound.copy()
    fact = {
        "resource_type": "role",
        "resource_id": "director",
        "relation": "member",
        "subject_type": "user",
        "subject_id": f"intruder-{rng.randrange(1000)}",
    }
    log.state.append({"kind": "fact_put", "fact": fact})
    return Mutation(log, frozenset({Kind.INSERTED}), 0, 0)


WAYS = (
    bytes_modified,
    hash_modified,
    time_modified,
    flag_modified,
    modified_and_rehashed,
    deleted,
    deleted_and_renumbered,
    inserted,
    inserted_and_hashed,
    reordered,
    reordered_and_renumbered,
    truncated,
    truncated_with_its_end,
    forked,
    rewritten,
    rewritten_and_resigned,
    rewritten_from_the_first,
    rewritten_with_the_stolen_key,
    checkpoint_resigned,
    state_modified,
    state_deleted,
    state_inserted,
)


def _copy(stage: Stage, rng: random.Random, *, spare_last: int = 1) -> tuple[Specimen, int]:
    """A copy of the sound log, and the place, from 0, of an entry that is neither its first nor its last ones."""
    log = stage.sound.copy()
    return log, rng.randrange(1, len(log.entries) - spare_last)


def _found(log: Specimen, kind: Kind, at: int) -> Mutation:
    return Mutation(log, frozenset({kind}), at + 1, at + 1)


def _falsified(log: Specimen, at: int) -> Entry:
    entry = log.entries[at]
    stated = json.loads(entry.fact) | {"actor": "nobody"}
    content = json.dumps(stated, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return entry._replace(fact=content.encode())


def _renumber(log: Specimen) -> None:
    log.entries = [entry._replace(seq=n) for n, entry in enumerate(log.entries, start=1)]


def _rewritten(stage: Stage, rng: random.Random) -> tuple[Specimen, int]:
    """The log with another entry somewhere that was sealed, and a chain that fits it to the end."""
    log = stage.sound.copy()
    at = rng.randrange(1, _last_sealed(stage))
    before = log.entries[at - 1].hash
    log.entries[at:] = rechained([_falsified(log, at), *log.entries[at + 1 :]], after=before)
    return log.ending_where_it_ends(), at


def _last_sealed(stage: Stage) -> int:
    return _size(stage.published[-1])


def _size(note: str) -> int:
    return int(note.split("\n")[1])
