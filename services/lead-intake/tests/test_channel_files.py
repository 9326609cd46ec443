"""Channel files: what is refused, and that compiled paths find what JMESPath finds."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.channels import paths
from lead_intake.channels.channel_files import (
    InvalidChannelFile,
    compile_channel,
    load_channels,
    overridden,
)


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
        ({"verify": "none"}, "none is no kind of proof"),
        ({"verify": {"kind": "made_up", "in": "path"}}, "made_up is no kind of proof"),
    ],
)
def test_a_bad_channel_file_is_refused_with_the_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidChannelFile) as refused:
        compile_channel(a_channel(**change))

    assert place in str(refused.value)


def test_a_part_is_changed_as_a_whole_and_null_takes_it_out() -> None:
    channel = compile_channel(
        a_channel(
            ack={"status": 200, "text": "success"},
            external_id={"path": "id", "via": "identifier"},
            map={
                "phones": {"path": "mobile", "via": "phones"},
                "source": {"path": "source", "via": "text"},
                "name": {"path": "name", "via": "text"},
            },
        )
    )

    changed = overridden(
        channel,
        {
            "ack": {"status": 202, "json": {"ok": 1}},
            "external_id": None,
            "map": {"source": {"value": "fair"}, "name": None},
        },
        version=1000,
    )

    assert (changed.version, changed.door.ack.body) == (1000, b'{"ok":1}')
    assert changed.reading.external_id is None
    assert dict(changed.reading.constants) == {"source": "fair"}
    assert [name for name, _ in changed.reading.mapping] == ["phones"]
    assert channel.reading.external_id is not None


@pytest.mark.parametrize("part", ["verify", "trust", "handshake", "facts", "dedupe", "channel"])
def test_the_proof_of_origin_is_never_changed_for_one_account(part: str) -> None:
    channel = compile_channel(a_channel())

    with pytest.raises(InvalidChannelFile, match="may not be changed"):
        overridden(channel, {part: "shared_token"}, version=1000)


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
