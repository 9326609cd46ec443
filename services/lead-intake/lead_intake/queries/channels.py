"""What can be asked about channels and their mappings; nothing here writes, and nothing that is tried is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from servicekit.errors import Invalid, NotFound

from lead_intake.reading.sample_runs import differences, read_body, read_sample
from lead_intake.store import channels as store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servicekit.database import Database

    from lead_intake.accounts import Accounts
    from lead_intake.channels.channel_files import ChannelFile
    from lead_intake.channels.shipped_samples import Sample
    from lead_intake.domain.leads import Finding
    from lead_intake.reading import Lexicons
    from lead_intake.store.channels import Coverage

COVERAGE_DAYS = 7
BODIES_MAX = 10
BODY_BYTES_MAX = 256 * 1024


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The channels, templates and samples that ship, and the accounts in force."""

    accounts: Accounts
    templates: Mapping[str, ChannelFile]
    samples: Mapping[str, Sequence[Sample]]


@dataclass(frozen=True, slots=True)
class Standing:
    """A channel, its templates by name, and how far its accounts' deliveries are understood."""

    file: ChannelFile
    templates: Mapping[str, ChannelFile]
    accounts: Sequence[Coverage]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a mapping made of one body; `name` and `differences` are those of a sample that ships."""

    findings: Sequence[Finding]
    unread_keys: Sequence[str]
    name: str = ""
    differences: Sequence[str] = ()


async def list_channels(database: Database, catalogue: Catalogue) -> list[Standing]:
    """Every installed channel by name."""
    since = datetime.now(UTC) - timedelta(days=COVERAGE_DAYS)
    async with database.raw() as raw:
        covered = await store.coverage(raw, since=since)
    return [
        Standing(
            file,
            {name: each for name, each in catalogue.templates.items() if each.channel == channel},
            [each for each in covered if each.channel == channel],
        )
        for channel, file in sorted(catalogue.accounts.channels.items())
    ]


def mapping_of(catalogue: Catalogue, *, channel: str, template: str, account: str) -> ChannelFile:
    """The file by which a channel, one of its templates or one of its accounts is read; raises `NotFound`."""
    file: ChannelFile | None = catalogue.accounts.channels.get(channel)
    if file is not None and template:
        found = catalogue.templates.get(template)
        file = found if found is not None and found.channel == channel else None
    elif file is not None and account:
        known = catalogue.accounts.named(channel, account)
        file = known.channel if known is not None else None
    if file is None:
        raise NotFound("no such channel, template of it or account of it")
    return file


def try_bodies(
    file: ChannelFile, bodies: Sequence[bytes], lexicons: Lexicons, *, are_fetched: bool
) -> list[Trial]:
    """What a file makes of bodies; raises `Invalid` for too many or too long ones."""
    if len(bodies) > BODIES_MAX or any(len(body) > BODY_BYTES_MAX for body in bodies):
        raise Invalid(f"at most {BODIES_MAX} bodies of {BODY_BYTES_MAX} bytes are tried at once")
    return [Trial(*read_body(file, body, lexicons, is_fetched=are_fetched)) for body in bodies]


def try_samples(file: ChannelFile, samples: Sequence[Sample], lexicons: Lexicons) -> list[Trial]:
    """What a file makes of the samples that ship, and where that is not what they say."""
    trials = []
    for sample in samples:
        found = read_sample(file, sample, lexicons)
        _, unread = read_body(file, sample.raw, lexicons, is_fetched=sample.is_pulled)
        trials.append(Trial(found, unread, sample.name, differences(sample.expected, found)))
    return trials
