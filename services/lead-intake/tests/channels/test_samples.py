"""Every channel and template comes with samples, and each reads as its sample says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from lead_intake.channels.channel_files import load_channels, load_templates
from lead_intake.channels.shipped_samples import Expected, Sample, load_samples
from lead_intake.domain.leads import (
    AwaitingBody,
    Finding,
    Quarantined,
    Rejected,
    Understood,
    state_of,
)
from lead_intake.reading import load_lexicons, read_delivery, read_fetched
from lead_intake.reading.shown_values import masked, values_of
from lead_intake.verifiers import VERIFIERS
from lead_intake.webhooks.handshakes import HANDSHAKES

if TYPE_CHECKING:
    from lead_intake.channels.reading_rules import ReadingRules

CHANNELS = load_channels()
TEMPLATES = load_templates()
FILES = {**CHANNELS, **TEMPLATES}
SAMPLES = load_samples()
LEXICONS = load_lexicons()
EVERY_SAMPLE = [
    pytest.param(name, sample, id=f"{name}-{number}")
    for name, samples in SAMPLES.items()
    for number, sample in enumerate(samples)
]


def rules_of(name: str, sample: Sample) -> ReadingRules:
    file = FILES[name]
    if sample.is_pulled:
        assert file.pull is not None
        return file.pull
    return file.reading


def findings_of(name: str, sample: Sample) -> list[Finding]:
    rules = rules_of(name, sample)
    found = read_delivery(rules, sample.raw, LEXICONS)
    return [
        read_fetched(rules, sample.fetched, LEXICONS, external_id=each.external_id)
        if isinstance(each, AwaitingBody)
        else each
        for each in found
    ]


def told(finding: Finding, wanted: Expected) -> Expected:
    """What was found, as far as it is wanted."""
    values = values_of(finding)
    return Expected(
        state=state_of(finding).name.lower(),
        reason=str(finding.reason) if isinstance(finding, Rejected | Quarantined) else "",
        detail=finding.detail if isinstance(finding, Quarantined) and wanted.detail else "",
        external_id=finding.external_id if wanted.external_id else None,
        values={name: values.get(name, "") for name in wanted.values},
        flags=finding.inquiry.flags
        if isinstance(finding, Understood) and wanted.flags is not None
        else None,
    )


@pytest.mark.parametrize(("name", "sample"), EVERY_SAMPLE)
def test_a_sample_reads_as_it_says(name: str, sample: Sample) -> None:
    found = findings_of(name, sample)

    assert len(found) == len(sample.expected)
    assert [told(f, w) for f, w in zip(found, sample.expected, strict=True)] == list(
        sample.expected
    )


def test_every_file_has_samples_and_at_least_27_are_shipped() -> None:
    assert set(SAMPLES) == set(FILES)
    assert len(FILES) >= 27


def test_every_file_has_a_sample_that_is_read_to_the_end() -> None:
    read = {
        name
        for name, samples in SAMPLES.items()
        if any(w.state == "accepted" for s in samples for w in s.expected)
    }

    # A table of 飞书 has nothing to read before its account says which field is what.
    assert set(FILES) - read == {"feishu_bitable"}


def test_every_kind_of_proof_and_of_address_check_has_a_channel() -> None:
    assert {file.door.verify_kind for file in CHANNELS.values()} == set(VERIFIERS)
    assert {file.door.handshake for file in CHANNELS.values()} - {None} == HANDSHAKES


def test_assumed_formats_are_marked() -> None:
    experimental = {name for name, file in FILES.items() if file.is_experimental}

    assert {"dingtalk_event", "xiaohongshu_private_message", "zhihu_form"} <= experimental
    assert "website_form" not in experimental


@pytest.mark.parametrize(("name", "sample"), EVERY_SAMPLE)
def test_masked_values_show_nobody(name: str, sample: Sample) -> None:
    written_out = {"phone_e164", "other_phones", "email", "remark"}
    hidden = {*written_out, "name", "company", "uscc", "openid", "external_userid", "wechat"}

    for finding in findings_of(name, sample):
        in_full = values_of(finding)
        shown = masked(in_full)
        text = msgspec.json.encode(shown).decode()
        assert shown.keys() == in_full.keys()
        assert not [each for each in hidden & in_full.keys() if shown[each] == in_full[each]]
        assert not [each for each in written_out & in_full.keys() if in_full[each] in text]


def test_three_spellings_land_in_one_field_and_a_masked_number_is_no_key() -> None:
    rules = CHANNELS["website_form"].reading

    def read(mobile: str) -> Finding:
        body = msgspec.json.encode({"fields": {"mobile": mobile}})
        (finding,) = read_delivery(rules, body, LEXICONS)
        return finding

    dashed, bracketed = read("+86 138-0013-8001"), read("(138)00138001")
    hidden = read("138****8001")

    assert values_of(dashed)["phone_e164"] == values_of(bracketed)["phone_e164"] == "+8613800138001"
    assert "phone_e164" not in values_of(hidden)
    assert values_of(hidden)["masked_phone"] == "138****8001"
