"""Between the contracts and channels: their files, their coverage, and what a mapping made of a body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.intake.v1 import channels_service_pb2 as pb
from servicekit.masking import mask_text

from lead_intake.domain.leads import Quarantined, Rejected, Understood, state_of
from lead_intake.reading.shown_values import masked, values_of
from lead_intake.wire.inquiries import TRUST
from lead_intake.wire.stamps import stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lead_intake.channels.channel_files import ChannelFile
    from lead_intake.domain.leads import Finding
    from lead_intake.queries.channels import Standing, Trial

VALUE_LENGTH_MAX = 500


def channels_response(standings: Sequence[Standing]) -> pb.ListChannelsResponse:
    """Every channel, in the order given."""
    response = pb.ListChannelsResponse()
    for standing in standings:
        channel = response.channels.add()
        _set_file(channel, standing.file)
        for name, file in sorted(standing.templates.items()):
            channel.templates.add(template=name, title=str(file.title), version=file.version)
        for each in standing.accounts:
            account = channel.accounts.add(
                account=each.account,
                accepted_count=each.accepted_count,
                rejected_count=each.rejected_count,
                quarantined_count=each.quarantined_count,
            )
            stamp(account.last_item_at, each.last_item_at)
    return response


def tested_response(file: ChannelFile, trials: Sequence[Trial]) -> pb.TestMappingResponse:
    """What a mapping made of each body, its values masked."""
    response = pb.TestMappingResponse(mapping_version=file.version)
    for trial in trials:
        body = response.bodies.add(
            name=trial.name,
            unread_keys=map(mask_text, trial.unread_keys),
            differences=trial.differences,
        )
        body.items.extend(map(_tested_item, trial.findings))
    return response


def _set_file(channel: pb.Channel, file: ChannelFile) -> None:
    channel.channel = file.channel
    channel.title = file.title
    channel.version = file.version
    channel.trust = TRUST[file.trust]
    channel.is_experimental = file.is_experimental
    channel.verify_kind = file.door.verify_kind
    channel.facts = file.facts
    channel.provenance = file.document.get("provenance", "")


def _tested_item(finding: Finding) -> pb.TestedItem:
    item = pb.TestedItem(
        state=state_of(finding).name.lower(),
        external_id=mask_text(finding.external_id or ""),
    )
    if isinstance(finding, Rejected | Quarantined):
        item.reason = finding.reason
    if isinstance(finding, Quarantined):
        item.detail = finding.detail
    if isinstance(finding, Understood):
        item.flags.extend(finding.inquiry.flags)
    for name, value in masked(values_of(finding)).items():
        item.values.add(name=mask_text(name), value=value[:VALUE_LENGTH_MAX])
    return item
