"""The witness: another service that co-signs a checkpoint only when the log it saw before is its beginning.

Whoever owns the log's database and its key can rewrite everything, but not what a witness remembers.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from accesskit import notes
from accesskit.notes import Signer

Prove = Callable[[int, int], Awaitable[Sequence[bytes] | None]]
"""Asks the log for the proof that its tree of the first size is the beginning of that of the second; None when the
log says that it is not that long."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The last checkpoint that a witness found good; what it has to remember."""

    origin: str
    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a checkpoint is not co-signed: `unsigned`, `other_log`, `rolled_back`, `forked` or `rewritten`."""

    reason: str
    size: int
    seen_size: int


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint that is co-signed: what to remember, and the line to report."""

    seen: Seen
    line: str


async def witness(
    note: str, *, signer: Signer, public_keys: Sequence[bytes], last: Seen | None, prove: Prove
) -> Cosigned | Refusal | None:
    """Co-signs a checkpoint, or says why not; else as `follow`."""
    outcome = await follow(note, public_keys=public_keys, last=last, prove=prove)
    if not isinstance(outcome, Seen):
        return outcome
    return Cosigned(outcome, signer.line(notes.read(note).text))


async def follow(
    note: str, *, public_keys: Sequence[bytes], last: Seen | None, prove: Prove
) -> Seen | Refusal | None:
    """What to remember of a checkpoint, or why not; None for one that is no newer than the last and agrees with it.

    `public_keys` are those that the log may sign with. Somebody has to look at a refusal: whoever asked says so aloud.
    `prove` may raise what a call to another service raises; nothing is decided then. Raises `MalformedNote`.
    """
    checkpoint = notes.read(note)
    if not _is_signed(checkpoint, public_keys):
        return _refusal("unsigned", checkpoint, last)
    if last is not None:
        reason = await _disagreement(last, checkpoint, prove)
        if reason:
            return _refusal(reason, checkpoint, last)
        if checkpoint.size <= last.size:
            return None
    return Seen(checkpoint.origin, checkpoint.size, checkpoint.root, note)


def proves_inclusion(
    leaf: bytes, index: int, size: int, *, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether a proof shows that leaf `index`, from 0, is in the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, digest = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            digest = _node(sibling, digest)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            digest = _node(digest, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and digest == root


def proves_consistency(
    old_size: int, size: int, *, old_root: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a proof shows that the old tree is the beginning of the new one (RFC 9162, 2.1.4.2)."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not proof and old_root == root
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not path:
        return False
    return _climbs(path, old_size, size, (old_root, root))


def _climbs(path: Sequence[bytes], old_size: int, size: int, roots: tuple[bytes, bytes]) -> bool:
    position, last = old_size - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = _node(sibling, old), _node(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = _node(new, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and (old, new) == roots


async def _disagreement(last: Seen, checkpoint: notes.Checkpoint, prove: Prove) -> str:
    """Why the two cannot be of one log; empty when the smaller is proved to be the beginning of the larger."""
    if checkpoint.origin != last.origin:
        return "other_log"
    (old_size, old_root), (size, root) = sorted(
        ((last.size, last.root), (checkpoint.size, checkpoint.root))
    )
    if old_size == size:
        return "" if old_root == root else "forked"
    proof = await prove(old_size, size)
    if proof is None:
        return "rolled_back"
    is_one = proves_consistency(old_size, size, old_root=old_root, root=root, proof=proof)
    return "" if is_one else "rewritten"


def _is_signed(checkpoint: notes.Checkpoint, public_keys: Sequence[bytes]) -> bool:
    return any(
        notes.is_signed(checkpoint.text, line, name=checkpoint.origin, public_key=key)
        for line in checkpoint.lines
        for key in public_keys
    )


def _refusal(reason: str, checkpoint: notes.Checkpoint, last: Seen | None) -> Refusal:
    return Refusal(reason, checkpoint.size, last.size if last else 0)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()
