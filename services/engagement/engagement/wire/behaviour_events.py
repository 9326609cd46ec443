"""What engagement states about behaviours, and what other systems quote of customers."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from uuid import UUID

from google.protobuf.message import DecodeError
from leadchain.engagement.v1 import behaviour_events_pb2 as pb
from leadchain.intake.v1.facts_events_pb2 import InteractionContent
from servicekit.errors import InvalidMessage
from servicekit.sealing import NotSealed, SealBroken

from engagement.domain.behaviours import Line, Transcript

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leadchain.identity.v1.events_pb2 import FactIdentified

    from engagement.domain.behaviours import Banner, Behaviour
    from engagement.domain.opportunities import Opportunity
    from engagement.seals import Seals

LINES_MAX = 2_000


def transcripts(events: Iterable[FactIdentified], seals: Seals) -> list[Transcript]:
    """What was said in the interactions among facts, as far as their systems quote it.

    Raises `InvalidMessage` for what does not open, and `servicekit.sealing.UnknownKey` while a key is missing.
    """
    told = [
        _transcript(event, seals)
        for event in events
        if event.WhichOneof("fact") == "interaction" and event.interaction.sealed_content
    ]
    return [each for each in told if each.lines]


def content_of(event: FactIdentified, seals: Seals) -> InteractionContent:
    """What a system quotes of an interaction; raises as `transcripts` does."""
    try:
        opened = seals.open_content(UUID(event.item_id), event.interaction.sealed_content)
        return InteractionContent.FromString(opened)
    except (ValueError, NotSealed, SealBroken, DecodeError) as error:
        raise InvalidMessage(f"what was said does not open: {type(error).__name__}") from None


def behaviour_detected(
    behaviour: Behaviour, golden_id: str, opportunity: Opportunity | None
) -> pb.BehaviourDetected:
    """The fact that a customer said or did something."""
    event = pb.BehaviourDetected(
        golden_id=golden_id,
        lead_id=str(opportunity.lead_id) if opportunity else "",
        owner_id=(opportunity.owner_id or "") if opportunity else "",
        tag=behaviour.tag,
        rule_id=behaviour.rule_id,
        policy_version=behaviour.policy_version,
        contact_id=str(behaviour.contact_id or ""),
        marked_by=behaviour.marked_by,
    )
    event.happened_at.FromDatetime(behaviour.happened_at)
    return event


def banner_raised(
    banner: Banner, golden_id: str, opportunity: Opportunity | None
) -> pb.BannerRaised:
    """The fact that a banner is up."""
    return pb.BannerRaised(
        golden_id=golden_id,
        lead_id=str(opportunity.lead_id) if opportunity else "",
        owner_id=(opportunity.owner_id or "") if opportunity else "",
        banner_id=banner.banner_id,
        text_zh=banner.zh,
        text_en=banner.en,
        colour=banner.colour,
    )


def _transcript(event: FactIdentified, seals: Seals) -> Transcript:
    told = event.interaction
    origin = told.origin
    began = told.started_at if told.started_at.ToNanoseconds() else told.occurred_at
    return Transcript(
        contact_id=seals.contact_id(origin.channel, origin.account, told.interaction_id),
        golden_id=event.golden_id,
        happened_at=began.ToDatetime(tzinfo=UTC),
        lines=_lines(event, seals),
    )


def _lines(event: FactIdentified, seals: Seals) -> tuple[Line, ...]:
    return tuple(
        Line(line.is_customer, line.text, line.at_s if line.HasField("at_s") else None)
        for line in content_of(event, seals).lines[:LINES_MAX]
    )
