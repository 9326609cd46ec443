"""Channel files: what is refused, and that compiled paths find what JMESPath finds."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.channels import paths
from lead_intake.channels.channel_files import InvalidChannelFile, compile_channel, load_channels


def a_channel(**named: Any) -> dict[str, Any]:
    usual = {
        "channel": "sample",
        "version": 1,
        "title": "样例",
        "trust": "strong",
        "verify": "hub256",
        "dedupe": "body",
        "limits": {"max_bytes": 1000},
        "ack": {"status": 200},
        "fan_out": "@",
        "require_any": ["phone_e164"],
        "map": {"phones": {"path": "mobile", "via": "phones"}},
    }
    return {**usual, **named}


def test_the_installed_channels_are_sound() -> None:
    assert {"website_form", "facebook_leadgen"} <= set(load_channels())


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"surprise": 1}, "surprise"),
        ({"version": 0}, "version"),
        ({"limits": {"max_bytes": 10**9}}, "limits/max_bytes"),
        ({"map": {"phones": {"path": "a", "via": "eval"}}}, "eval"),
        ({"map": {"phones": {"path": "a[", "via": "phones"}}}, "a["),
        ({"map": {}}, "map"),
    ],
)
def test_a_bad_channel_file_is_refused_with_the_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidChannelFile) as refused:
        compile_channel(a_channel(**change))

    assert place in str(refused.value)


LEAVES = st.none() | st.booleans() | st.integers() | st.just("") | st.just("x")
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


@given(
    DOCUMENTS,
    st.sampled_from(
        ["@", "a", "a.b", "a.b || a.c", "a.b || a.c || b", "a || b.c || c", "a.b.c || a"]
    ),
)
def test_compiled_paths_find_what_the_library_finds(document: Any, path: str) -> None:
    assert paths.compiled(path)(document) == jmespath.search(path, document)
