"""When a follow-up counts (FU-06), and rules that cannot be used."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from engagement.domain.follow_ups import Evidence, EvidenceKind, FollowUpPolicy
from engagement.policies.follow_ups import load_follow_up_policy
from hypothesis import given
from hypothesis import strategies as st
from servicekit.documents import InvalidPolicy

if TYPE_CHECKING:
    from pathlib import Path

POLICY = load_follow_up_policy()
CALL = Evidence(EvidenceKind.CALL, contact_id=uuid4(), seconds=90)
FORM = Evidence(EvidenceKind.FORM, reference="form-1")
FILE = Evidence(EvidenceKind.ATTACHMENT, reference="f" * 64)
SHORT = Evidence(EvidenceKind.CALL, contact_id=uuid4(), seconds=89)
CLAIM = Evidence(EvidenceKind.CALL, seconds=900)
CHAT = Evidence(EvidenceKind.CHAT, contact_id=uuid4(), message_count=30)


@pytest.mark.parametrize(
    "pair",
    list(combinations((CALL, FORM, FILE), 2)),
    ids=["call and form", "call and file", "form and file"],
)
def test_any_two_of_call_form_and_attachment_count(pair: Any) -> None:
    assert POLICY.is_effective(pair)


@pytest.mark.parametrize(
    "evidence",
    [(), (CALL,), (FILE, FILE), (SHORT, FORM), (CLAIM, FORM), (CHAT, FORM)],
    ids=["nothing", "one", "twice the same", "89 s", "nobody but the rep says so", "chat"],
)
def test_less_does_not_count(evidence: Any) -> None:
    assert not POLICY.is_effective(evidence)


@given(st.lists(st.sampled_from([CALL, FORM, FILE, SHORT, CLAIM, CHAT]), max_size=6))
def test_it_counts_exactly_when_two_of_the_three_are_there(evidence: list[Evidence]) -> None:
    there = sum(any(each is wanted for each in evidence) for wanted in (CALL, FORM, FILE))

    assert POLICY.is_effective(evidence) == (there >= 2)
    assert POLICY.is_effective([*evidence, CALL, FORM])


def test_contact_was_made_by_the_reps_own_word() -> None:
    assert POLICY.is_contact([CLAIM])
    assert not POLICY.is_contact([FORM, FILE])


def packaged_with(tmp_path: Path, old: str, new: str) -> FollowUpPolicy:
    """The packaged rules, one thing changed."""
    from importlib import resources

    text = (resources.files("engagement.policies") / "follow_ups.yaml").read_text("utf-8")
    assert old in text
    file = tmp_path / "follow_ups.yaml"
    file.write_text(text.replace(old, new), "utf-8")
    return load_follow_up_policy(file)


def test_a_policy_may_count_chats(tmp_path: Path) -> None:
    policy = packaged_with(
        tmp_path, "    form: {}", "    form: {}\n    chat: {min_customer_messages: 3}"
    )

    assert policy.is_effective([CHAT, FORM])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("any: 2", "any: 4", "effective.any: asks for 4 of 3 kinds"),
        ("min_seconds: 90", "min_second: 90", "min_second"),
        ("contact: [call, chat, visit, meeting]", "contact: [telepathy]", "contact[0]"),
        ("version: 1", "version: none", "version"),
        ("stale_after_h: 72", "stale_after_h: 0", "stale_after_h"),
    ],
    ids=["too many", "typo", "unknown kind", "no number", "at once"],
)
def test_rules_that_cannot_be_used_are_refused_with_their_line(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises(InvalidPolicy, match=r"follow_ups\.yaml:\d+: ") as refused:
        packaged_with(tmp_path, old, new)

    assert told in str(refused.value)
