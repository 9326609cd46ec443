"""Which systems can be asked and told, from a file that names their doors and holds their secrets."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from msgspec import yaml

from identity.connectors.json_http import JsonHttpConnector
from identity.connectors.wechat_scrm import WeChatScrmConnector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from identity.connectors.protocol import Connector
    from identity.domain.systems import Systems


class Kind(StrEnum):
    """Kinds of doors."""

    JSON = "json"
    WECHAT_SCRM = "wechat_scrm"


class Door(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One system's door."""

    kind: Kind
    base_url: str
    secret: str


class InvalidDoors(ValueError):  # noqa: N818 - errors are named by what is wrong
    """The file of doors cannot be used; the text holds no secret."""


_MAKERS: Mapping[Kind, Callable[[str, str, str], Connector]] = {
    Kind.JSON: JsonHttpConnector,
    Kind.WECHAT_SCRM: WeChatScrmConnector,
}


def connectors_of(file: Path | None, systems: Systems) -> Mapping[str, Connector]:
    """The connectors of a YAML file, `SYSTEM: {kind, base_url, secret}`; none without one. Raises `InvalidDoors`."""
    if file is None:
        return {}
    try:
        doors = yaml.decode(file.read_bytes(), type=dict[str, Door])
    except msgspec.MsgspecError:
        raise InvalidDoors("not a mapping of systems to kind, base_url and secret") from None
    strangers = sorted(doors.keys() - systems.policies.keys())
    if strangers:
        raise InvalidDoors(f"no such system: {strangers[0][:64]}")
    return {
        system: _MAKERS[door.kind](system, door.base_url, door.secret)
        for system, door in doors.items()
    }
