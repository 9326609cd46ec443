"""A log in memory that can be written as a dump: what a campaign of mutations works on."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditor import dump as dumps
from auditor.dump import ENTRY, MAGIC, RECORD, Entry
from auditor.notes import DASH, ED25519, key_id
from auditor.tree import TILE_LEAVES, Tree, tile_root
from auditor.verification import BLOCK_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LOG_ID = "specimen"
WITNESS = "leadchain/reporting"
DUMPED_AT_S = 1_770_440_000.0
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Signer:
    """A name with its key."""

    name: str
    key: Ed25519PrivateKey

    @classmethod
    def of(cls, name: str, secret: str) -> Signer:
        """The signer whose seed comes from a word; for specimens only."""
        return cls(name, Ed25519PrivateKey.from_private_bytes(sha256(secret.encode()).digest()))

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return self.key.public_key().public_bytes_raw()

    def line(self, text: str) -> str:
        """The signature line of a text."""
        signature = key_id(self.name, self.public_key) + self.key.sign(text.encode())
        return f"{DASH}{self.name} {text_of(signature)}\n"

    @property
    def verifier_key(self) -> str:
        """As a keys file holds it."""
        known = key_id(self.name, self.public_key).hex()
        return f"{self.name}+{known}+{text_of(ED25519 + self.public_key)}"


@dataclass(slots=True)
class Specimen:
    """A dump in parts. `size` and `hash` are where the log says that it ends."""

    log_id: str
    entries: list[Entry]
    notes: list[str] = field(default_factory=list)
    state: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0
    hash: bytes = b""
    dumped_at_s: float = DUMPED_AT_S

    def copy(self) -> Specimen:
        """One that can be mutated."""
        return replace(
            self, entries=list(self.entries), notes=list(self.notes), state=list(self.state)
        )

    def ending_where_it_ends(self) -> Specimen:
        """The same with an end that fits its last entry."""
        self.size = len(self.entries)
        self.hash = self.entries[-1].hash if self.entries else bytes(32)
        return self

    def write(self, path: Path) -> None:
        """Writes the dump file."""
        head = {"log_id": self.log_id, "seq": self.size, "hash": self.hash.hex()}
        parts = [MAGIC, _record(b"H", {**head, "dumped_at_s": self.dumped_at_s})]
        parts += [_record(b"C", {"note": note}) for note in self.notes]
        parts.append(_record(b"S", {"changes": self.state}))
        for start in range(0, len(self.entries), BLOCK_ENTRIES):
            block = b"".join(map(_packed, self.entries[start : start + BLOCK_ENTRIES]))
            parts.append(RECORD.pack(b"B", len(block)) + block)
        counts = {"checkpoints": len(self.notes), "state": len(self.state)}
        parts.append(_record(b"Z", {"entries": len(self.entries), **counts}))
        path.write_bytes(b"".join(parts))


def grown(size: int, *, every: int, signer: Signer, witness: Signer) -> Specimen:
    """A sound log of `size` entries, sealed and witnessed after each `every`."""
    origin = signer.name
    specimen = Specimen(origin.rpartition("/")[2], [])
    announced = {"action": "signing_key_announced", "public_key": text_of(signer.public_key)}
    facts = [announced, *(_written(number) for number in range(2, size + 1))]
    specimen.entries = chained(facts)
    specimen.state = [fact["changes"][0] for fact in facts if "changes" in fact]
    specimen.notes = sealed(specimen.entries, range(every, size + 1, every), (signer, witness))
    return specimen.ending_where_it_ends()


def read(path: Path) -> Specimen:
    """A dump as a specimen; raises `Incomplete`."""
    dump = dumps.opened(path)
    entries = list(dumps.all_entries(dump))
    state = dumps.recorded_state(dump)
    return Specimen(dump.log_id, entries, dump.notes, state, dump.size, dump.hash, dump.dumped_at_s)


def chained(
    facts: Iterable[dict[str, Any]], *, after: bytes = bytes(32), first_seq: int = 1
) -> list[Entry]:
    """Entries that state `facts`, each hashed with the one before."""
    entries = []
    for seq, fact in enumerate(facts, start=first_seq):
        time = f"2026-02-07T04:30:{seq % 60:02}.{seq % 1_000_000:06}+00:00"
        content = _canonical({**fact, "seq": seq, "recorded_at": time}).encode()
        after = sha256(after + content).digest()
        entries.append(Entry(seq, int("changes" in fact), after, time.encode(), content))
    return entries


def rechained(entries: list[Entry], *, after: bytes = bytes(32)) -> list[Entry]:
    """The same bytes with hashes that fit them."""
    fitting = []
    for entry in entries:
        after = sha256(after + entry.fact).digest()
        fitting.append(entry._replace(hash=after))
    return fitting


def sealed(entries: list[Entry], sizes: Iterable[int], signers: tuple[Signer, ...]) -> list[str]:
    """Checkpoints of the log at some sizes, signed by the first and co-signed by the others."""
    leaves = [sha256(b"\0" + entry.fact).digest() for entry in entries]
    return [_note(entries, leaves[:size], signers) for size in sizes]


def _note(entries: list[Entry], leaves: list[bytes], signers: tuple[Signer, ...]) -> str:
    tree, whole = Tree(), len(leaves) - len(leaves) % TILE_LEAVES
    for start in range(0, whole, TILE_LEAVES):
        tree.add(tile_root(leaves[start : start + TILE_LEAVES]))
    root, chain = tree.root(leaves[whole:]), entries[len(leaves) - 1].hash
    text = f"{signers[0].name}\n{len(leaves)}\n{text_of(root)}\nchain {text_of(chain)}\n"
    return f"{text}\n" + "".join(signer.line(text) for signer in signers)


def _written(number: int) -> dict[str, Any]:
    fact = {
        "resource_type": "lead",
        "resource_id": f"l{number}",
        "relation": "owner",
        "subject_type": "user",
        "subject_id": f"rep-{number % 7}",
        "seq": number,
    }
    event: dict[str, Any] = {
        "action": "fact_written" if number % 3 else "decided",
        "actor": "assignment",
        "resource": f"lead:l{number}",
    }
    return {**event, "changes": [{"kind": "fact_put", "fact": fact}]} if number % 3 else event


def _packed(entry: Entry) -> bytes:
    head = ENTRY.pack(
        entry.seq, len(entry.fact), entry.changes_state, len(entry.recorded_at), entry.hash
    )
    return head + entry.recorded_at + entry.fact


def _record(kind: bytes, value: object) -> bytes:
    content = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    return RECORD.pack(kind, len(content)) + content


def text_of(value: bytes) -> str:
    """Bytes as the log writes them."""
    return base64.b64encode(value).decode()


def encoded_key(public_key: str) -> str:
    """A key of the log as a keys file holds it."""
    return text_of(ED25519 + base64.b64decode(public_key))
