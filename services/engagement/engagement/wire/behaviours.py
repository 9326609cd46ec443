"""Behaviours as people read them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from leadchain.engagement.v1 import behaviours_service_pb2 as pb
from servicekit.errors import Invalid

from engagement.domain.behaviours import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from engagement.domain.behaviours import Behaviour, BehaviourPolicy, Mark, Transcript

TEXT_CHARS_MAX = 10_000


def tried(text: str) -> list[Line]:
    """What a customer might say; raises `Invalid`."""
    if len(text) > TEXT_CHARS_MAX:
        raise Invalid(f"text: at most {TEXT_CHARS_MAX} characters")
    return [Line(is_customer=True, text=text)]


def listed(
    behaviours: Iterable[Behaviour], up: Mapping[str, datetime], policy: BehaviourPolicy
) -> pb.ListBehavioursResponse:
    """Behaviours, and the banners that are up."""
    banners = {streak.banner.banner_id: streak.banner for streak in policy.streaks}
    answer = pb.ListBehavioursResponse(behaviours=[_told(each, policy) for each in behaviours])
    for banner_id, since in up.items():
        told = answer.banners.add(banner_id=banner_id)
        told.since.FromDatetime(since)
        if banner := banners.get(banner_id):
            told.text_zh, told.text_en, told.colour = banner.zh, banner.en, banner.colour
    return answer


def transcript(found: Transcript) -> pb.GetTranscriptResponse:
    """What was said, with what is to be shown in it."""
    marks: defaultdict[int, list[Mark]] = defaultdict(list)
    for mark in found.marks:
        marks[mark.line].append(mark)
    lines = [
        pb.TranscriptLine(
            is_customer=line.is_customer,
            text=line.text,
            at_s=line.at_s,
            marks=told_marks(marks[number]),
        )
        for number, line in enumerate(found.lines)
    ]
    return pb.GetTranscriptResponse(lines=lines, policy_version=found.policy_version)


def told_marks(marks: Sequence[Mark]) -> list[pb.Mark]:
    """What is to be shown in a line."""
    return [
        pb.Mark(start=mark.span.start, length=mark.span.length, rule_id=mark.rule_id, tag=mark.tag)
        for mark in marks
    ]


def _told(behaviour: Behaviour, policy: BehaviourPolicy) -> pb.Behaviour:
    name_zh, name_en = policy.tags.get(behaviour.tag, ("", ""))
    told = pb.Behaviour(
        tag=behaviour.tag,
        name_zh=name_zh,
        name_en=name_en,
        rule_id=behaviour.rule_id,
        policy_version=behaviour.policy_version,
        contact_id=str(behaviour.contact_id or ""),
        marked_by=behaviour.marked_by,
    )
    told.happened_at.FromDatetime(behaviour.happened_at)
    return told
