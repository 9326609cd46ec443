"""The log's tree is that of RFC 6962, compared with a naive one written from the RFC's definitions."""

import hashlib

import pytest
from accesskit.witness import proves_consistency, proves_inclusion
from hypothesis import given
from hypothesis import strategies as st
from permissions.domain import merkle

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH(D[n]) of RFC 6962, section 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(m: int, leaves: list[bytes], *, is_known: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962, section 2.1.2."""
    if m == len(leaves):
        return [] if is_known else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*naive_proof(m, leaves[:k], is_known=is_known), naive_root(leaves[k:])]
    return [*naive_proof(m - k, leaves[k:], is_known=False), naive_root(leaves[:k])]


def grown(leaves: list[bytes]) -> merkle.Peaks:
    """Leaf by leaf."""
    peaks = merkle.Peaks()
    for leaf in leaves:
        peaks, _ = peaks.grown([merkle.leaf_hash(leaf)])
    return peaks


def roots(leaves: list[bytes], ranges: list[merkle.Range]) -> list[bytes]:
    """The roots over ranges, each through its complete subtrees."""
    known = {
        each: naive_root(leaves[each.number << each.level : (each.number + 1) << each.level])
        for covered in ranges
        for each in merkle.subtrees(covered)
    }
    return [merkle.root_from(covered, known) for covered in ranges]


def test_the_root_of_an_empty_log_is_the_hash_of_nothing() -> None:
    assert merkle.Peaks().root() == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_the_well_known_log_of_eight_entries_has_its_well_known_roots(size: int) -> None:
    root = grown(LEAVES[:size]).root()

    assert root == naive_root(LEAVES[:size])
    assert ROOTS.get(size, root.hex()) == root.hex()


def test_packed_peaks_are_those_of_their_size_or_refused() -> None:
    peaks = grown(LEAVES[:7])

    assert merkle.Peaks.unpacked(7, peaks.packed()) == peaks
    with pytest.raises(ValueError, match="not the peaks"):
        merkle.Peaks.unpacked(8, peaks.packed())


@given(size=st.integers(1, 600))
def test_the_subtrees_that_are_kept_are_complete_and_have_their_roots(size: int) -> None:
    leaves = [number.to_bytes(2) for number in range(size)]
    peaks, kept = merkle.Peaks(), {}
    for leaf in leaves:
        peaks, completed = peaks.grown([merkle.leaf_hash(leaf)])
        kept |= completed
    at_once = merkle.Peaks().grown(map(merkle.leaf_hash, leaves))

    assert at_once == (peaks, kept)

    assert len([each for each in kept if each.level == merkle.TILE_LEVEL]) == size // 256
    for (level, index), root in kept.items():
        assert root == naive_root(leaves[index << level : (index + 1) << level])


@given(data=st.data(), size=st.integers(1, 80))
def test_inclusion_is_proved_as_the_standard_says_and_for_nothing_else(
    data: st.DataObject, size: int
) -> None:
    leaves = [number.to_bytes(2) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    root, leaf = naive_root(leaves), merkle.leaf_hash(leaves[index])

    proof = roots(leaves, merkle.inclusion_path(index, size))

    assert proof == naive_path(index, leaves)
    assert proves_inclusion(leaf, index, size, proof=proof, root=root)
    assert not proves_inclusion(merkle.leaf_hash(b"else"), index, size, proof=proof, root=root)
    assert not proves_inclusion(leaf, index, size, proof=[*proof, root], root=root)
    assert not proves_inclusion(leaf, size, size, proof=proof, root=root)
    if size > 1:
        assert not proves_inclusion(leaf, (index + 1) % size, size, proof=proof, root=root)


@given(data=st.data(), size=st.integers(1, 80))
def test_consistency_is_proved_as_the_standard_says_and_for_nothing_else(
    data: st.DataObject, size: int
) -> None:
    leaves = [number.to_bytes(2) for number in range(size)]
    old_size = data.draw(st.integers(1, size))
    old_root, root = naive_root(leaves[:old_size]), naive_root(leaves)

    proof = roots(leaves, merkle.consistency_path(old_size, size))

    assert proof == naive_proof(old_size, leaves)
    assert proves_consistency(old_size, size, old_root=old_root, root=root, proof=proof)
    forged = naive_root([b"else", *leaves[1:old_size]])
    assert not proves_consistency(old_size, size, old_root=forged, root=root, proof=proof)
    assert not proves_consistency(
        old_size, size, old_root=old_root, root=root, proof=[*proof, root]
    )
    if proof:
        assert not proves_consistency(
            old_size, size, old_root=old_root, root=root, proof=proof[:-1]
        )
