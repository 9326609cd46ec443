"""One pass over a document's fields gives what asking every path gives."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.channels.channel_files import load_channels, load_templates
from lead_intake.channels.reading_rules import reading_rules

if TYPE_CHECKING:
    from lead_intake.channels.channel_files import ChannelFile

CHANNELS = load_channels()
FILES = {**CHANNELS, **load_templates()}
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "x", "1"])
PATHS = ["a", "a.b", "a.b || a.c", "b || a.c", "a.b.c || c", "a[0]", "@", "a.b && c", "(a || b).c"]


@cache
def documents(*keys: str) -> st.SearchStrategy[Any]:
    """Documents of these keys; made once, because making a strategy takes longer than drawing from it."""
    return st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(keys), inner, max_size=6)
        ),
        max_leaves=12,
    )


@given(documents("a", "b", "c"), st.lists(st.sampled_from(PATHS), min_size=1, max_size=4))
def test_a_table_finds_what_the_library_finds(document: Any, paths: list[str]) -> None:
    names = ["remark", "product", "budget", "form"][: len(paths)]
    mapping = {
        name: {"path": path, "via": "answers"} for name, path in zip(names, paths, strict=True)
    }
    rules = reading_rules({"version": 1, "fan_out": "@", "map": mapping})

    found = rules.table.values_of(document)

    via = {name: read.via for name, read in rules.mapping}
    asked = zip(names, paths, strict=True)
    assert found == {name: via[name](jmespath.search(path, document)) for name, path in asked}


@pytest.mark.parametrize("file", FILES.values(), ids=list(FILES))
@given(data=st.data())
def test_every_shipped_mapping_gives_the_same_in_one_pass(
    file: ChannelFile, data: st.DataObject
) -> None:
    reads = file.reading.mapping
    keys = sorted({key for _, read in reads for place in read.places or () for key in place})
    document = data.draw(documents(*(keys or ["a"])))

    found = file.reading.table.values_of(document)

    assert found == {name: read.of(document) for name, read in reads}
    assert list(found) == [name for name, _ in reads]
