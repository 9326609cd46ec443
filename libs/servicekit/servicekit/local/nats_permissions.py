"""From rows of "who publishes and reads what" to the users of a NATS server's configuration."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from servicekit.announcements import PREFIX as ANNOUNCED
from servicekit.streams import StreamDefinition

STREAM_NOTICES = "$JS.EVENT.>"


@dataclass(frozen=True, slots=True)
class BusRights:
    """One service's row: the streams it publishes to, the events it reads from each, the announcements it hears."""

    service: str
    publishes: tuple[str, ...]
    consumes: Mapping[str, tuple[str, ...]]
    hears: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BusUsers:
    """Everyone who may connect."""

    services: tuple[BusRights, ...]
    operator: str

    def names(self) -> list[str]:
        """Every user: the services, then the operator."""
        return [*(row.service for row in self.services), self.operator]


def load_users(path: Path) -> BusUsers:
    """The rows of `path` (deploy/nats/permissions.yaml)."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = tuple(
        BusRights(
            service=service,
            publishes=tuple(row["publishes"]),
            consumes={stream: tuple(events) for stream, events in row["consumes"].items()},
            hears={stream: tuple(events) for stream, events in row.get("hears", {}).items()},
        )
        for service, row in document["services"].items()
    )
    return BusUsers(services=rows, operator=document["operator"])


def render_authorization(
    users: BusUsers, streams: list[StreamDefinition], *, passwords: Mapping[str, str]
) -> str:
    """The `authorization` block of a server's configuration. Who is not in it cannot connect.

    Raises `KeyError` if a row names an unknown stream, or a user has no password.
    """
    subjects = {stream.name: stream.subjects for stream in streams}
    entries = [
        _user(
            row.service,
            passwords[row.service],
            sorted(_publishable(row, subjects)),
            also_reads=tuple(_audible(row, subjects)),
        )
        for row in users.services
    ]
    entries.append(
        _user(
            users.operator, passwords[users.operator], ["$JS.API.>"], also_reads=(STREAM_NOTICES,)
        )
    )
    return "authorization " + json.dumps({"users": entries}, indent=2)


def _user(
    name: str, password: str, may_publish: list[str], *, also_reads: tuple[str, ...] = ()
) -> dict[str, Any]:
    may_subscribe = [f"_INBOX_{name}.>", *also_reads]
    return {
        "user": name,
        "password": password,
        "permissions": {
            "publish": {"allow": may_publish},
            "subscribe": {"allow": may_subscribe},
        },
    }


def _publishable(row: BusRights, subjects: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    yield "$JS.API.INFO"
    for stream in row.publishes:
        yield from subjects[stream]
        yield from (f"{ANNOUNCED}.{subject}" for subject in subjects[stream])
        yield f"$JS.API.STREAM.INFO.{stream}"
    for stream, events in row.consumes.items():
        yield f"$JS.API.STREAM.INFO.{stream}"
        (package,) = (subject.removesuffix(".>") for subject in subjects[stream])
        for event in events:
            yield from _reading(
                stream, f"{row.service}-{event}", event_filter=f"{package}.{event}.*"
            )


def _audible(row: BusRights, subjects: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for stream, events in row.hears.items():
        (package,) = (subject.removesuffix(".>") for subject in subjects[stream])
        yield from (f"{ANNOUNCED}.{package}.{event}.*" for event in events)


def _reading(stream: str, durable: str, *, event_filter: str) -> Iterator[str]:
    # The filter is part of the subject, and the server holds the request against it: this user
    # cannot make its durable read other events.
    yield f"$JS.API.CONSUMER.CREATE.{stream}.{durable}.{event_filter}"
    yield f"$JS.API.CONSUMER.INFO.{stream}.{durable}"
    yield f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
    yield f"$JS.ACK.{stream}.{durable}.>"
