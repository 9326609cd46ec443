"""The streams of the bus: what they are (a YAML document), and making a server agree with it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from nats.js import JetStreamContext
    from nats.js.api import StreamInfo


CONNECT_TIMEOUT_S = 5
REQUEST_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class StreamDefinition:
    """One stream as it shall be. Always: on disk, limits retention, the oldest goes first."""

    name: str
    subjects: tuple[str, ...]
    max_age_s: float
    max_size_bytes: int
    max_message_size_bytes: int
    duplicate_window_s: float
    replicas: int


@dataclass(frozen=True, slots=True)
class StreamChange:
    """What `apply_streams` did to one stream; `details` has each setting with old and new value."""

    name: str
    action: str
    details: tuple[str, ...] = ()


class WouldLoseMessages(Exception):  # noqa: N818 - errors are named by what is wrong
    """The definitions shrink a stream that exists: `reasons` says where messages could go."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("refused, messages could be lost: " + "; ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class Login:
    """A NATS user; the rights of a user cover only its own inbox, `_INBOX_<user>`."""

    user: str
    password: str = field(repr=False)


def load_definitions(path: Path, *, replicas: int | None = None) -> list[StreamDefinition]:
    """The streams that `path` defines; `replicas` overrides the document for this environment.

    Raises `KeyError` or `TypeError` for a document with a setting missing or unknown.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    defaults = dict(document["defaults"])
    if replicas is not None:
        defaults["replicas"] = replicas
    return [
        _definition(name, settings={**defaults, **row}) for name, row in document["streams"].items()
    ]


async def apply_streams(
    nats_url: str,
    definitions: Sequence[StreamDefinition],
    *,
    login: Login | None = None,
    force: bool = False,
) -> list[StreamChange]:
    """Create and update streams until the server agrees; what was done to each, in order.

    Raises `WouldLoseMessages` before anything is changed if a change could drop messages or
    refuse new ones, unless `force`. Streams that no definition names are left alone.
    """
    async with _jetstream(nats_url, login) as jetstream:
        existing = {d.name: await _existing(jetstream, d.name) for d in definitions}
        reasons = [
            reason
            for definition in definitions
            if (info := existing[definition.name]) is not None
            for reason in _losses(definition, info)
        ]
        if reasons and not force:
            raise WouldLoseMessages(reasons)
        return [await _apply(jetstream, d, existing[d.name]) for d in definitions]


def _definition(name: str, *, settings: Mapping[str, Any]) -> StreamDefinition:
    known = {
        "subjects",
        "max_age_days",
        "max_size_mib",
        "max_message_size_kib",
        "duplicate_window_s",
        "replicas",
    }
    if unknown := set(settings) - known:
        raise TypeError(f"stream {name} has unknown settings {sorted(unknown)}")
    return StreamDefinition(
        name=name,
        subjects=tuple(settings["subjects"]),
        max_age_s=settings["max_age_days"] * 86_400.0,
        max_size_bytes=settings["max_size_mib"] * 2**20,
        max_message_size_bytes=settings["max_message_size_kib"] * 2**10,
        duplicate_window_s=float(settings["duplicate_window_s"]),
        replicas=settings["replicas"],
    )


@asynccontextmanager
async def _jetstream(nats_url: str, login: Login | None) -> AsyncIterator[JetStreamContext]:
    options: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "allow_reconnect": False,
        "error_cb": _leave_to_the_caller,
    }
    if login is not None:
        options |= {
            "user": login.user,
            "password": login.password,
            "inbox_prefix": f"_INBOX_{login.user}",
        }
    # Made before it connects, so that it can be closed also when the server refuses the user.
    client = Client()
    try:
        await client.connect(nats_url, **options)
        yield client.jetstream(timeout=REQUEST_TIMEOUT_S)
    finally:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await client.close()


async def _leave_to_the_caller(_: Exception) -> None:
    """What the client reports here it also raises; its default would print it as well."""


async def _existing(jetstream: JetStreamContext, name: str) -> StreamInfo | None:
    try:
        return await jetstream.stream_info(name)
    except NotFoundError:
        return None


def _losses(definition: StreamDefinition, info: StreamInfo) -> list[str]:
    config, name = info.config, definition.name
    losses = [
        f"{name} no longer takes {subject}"
        for subject in config.subjects or []
        if subject not in definition.subjects
    ]
    if _shrinks(config.max_age or 0, definition.max_age_s):
        losses.append(f"{name} keeps messages {definition.max_age_s:.0f} s, {config.max_age} now")
    if _shrinks(config.max_bytes or 0, definition.max_size_bytes) and (
        info.state.bytes > definition.max_size_bytes
    ):
        losses.append(f"{name} holds {info.state.bytes} bytes, {definition.max_size_bytes} fit")
    return losses


def _shrinks(now: float, wanted: float) -> bool:
    """Whether a limit gets tighter; the server's 0 and -1 mean no limit."""
    return now <= 0 < wanted or wanted < now


async def _apply(
    jetstream: JetStreamContext, definition: StreamDefinition, existing: StreamInfo | None
) -> StreamChange:
    wanted = _settings(definition)
    if existing is None:
        await jetstream.add_stream(StreamConfig(**wanted))
        return StreamChange(definition.name, "created")
    details = tuple(
        f"{key}: {getattr(existing.config, key)} -> {value}"
        for key, value in wanted.items()
        if getattr(existing.config, key) != value
    )
    if not details:
        return StreamChange(definition.name, "unchanged")
    await jetstream.update_stream(replace(existing.config, **wanted))
    return StreamChange(definition.name, "updated", details)


def _settings(definition: StreamDefinition) -> dict[str, Any]:
    return {
        "name": definition.name,
        "subjects": list(definition.subjects),
        "retention": RetentionPolicy.LIMITS,
        "storage": StorageType.FILE,
        "discard": DiscardPolicy.OLD,
        "max_age": definition.max_age_s,
        "max_bytes": definition.max_size_bytes,
        "max_msg_size": definition.max_message_size_bytes,
        "duplicate_window": definition.duplicate_window_s,
        "num_replicas": definition.replicas,
        "allow_direct": True,
        # The relay publishes whole batches under one sync; without this they are refused.
        "allow_atomic": True,
    }
