"""The crosswalk: protobuf to domain and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.identity.v1 import crosswalk_service_pb2 as pb
from servicekit.errors import Invalid

from identity.domain import pages
from identity.wire.references import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from identity.domain.crosswalk import MappedSource, SystemMapping
    from identity.domain.customers import Customer
    from identity.domain.field_maps import EntityMap
    from identity.queries.crosswalk import Found, MapTrial, SystemView

MISSING_MAX = 20
TRIED_ROWS, TRIED_ROWS_MAX = 1_000, 5_000
KEY_CHARS_MAX = 565
"""Of a kind of row, a slash and a key."""


def row_key(request: pb.LookUpKeyRequest) -> tuple[str, str]:
    """The system and key that are asked for; raises `Invalid`."""
    if not (request.system and 0 < len(request.key) <= KEY_CHARS_MAX):
        raise Invalid("system and key are needed, the key of 565 characters at most")
    return request.system, request.key


def after_source(token: str) -> tuple[str, int]:
    """The row behind which a page begins; raises `WrongPageToken`."""
    system, _, number = token.rpartition("/")
    if not token:
        return "", 0
    if not (system and number.isascii() and number.isdecimal() and len(number) < 19):
        raise pages.WrongPageToken
    return system, int(number)


def found(answer: Found) -> pb.LookUpKeyResponse:
    """A row and its customer."""
    return pb.LookUpKeyResponse(
        golden_id=answer.golden_id, master_id=answer.master_id, source=_source(answer.source)
    )


def sources(
    customer: Customer, rows: Sequence[MappedSource], *, limit: int
) -> pb.ListSourcesResponse:
    """The rows of a customer."""
    last = rows[-1] if len(rows) == limit else None
    return pb.ListSourcesResponse(
        golden_id=customer.golden_id,
        master_id=customer.master_id,
        sources=map(_source, rows),
        next_page_token=f"{last.system}/{last.source_id}" if last else "",
    )


def report(systems: Sequence[SystemMapping]) -> pb.GetMappingReportResponse:
    """How completely systems are mapped."""
    return pb.GetMappingReportResponse(systems=map(_mapping, systems))


def field_map(view: SystemView) -> pb.GetFieldMapResponse:
    """A system and its field map."""
    policy = view.policy
    response = pb.GetFieldMapResponse(
        system=policy.name,
        label_zh=policy.label_zh,
        label_en=policy.label_en,
        key_label=policy.key_label,
        version=view.field_map.version if view.field_map else 0,
        rank=policy.rank,
    )
    for name, entity in (view.field_map.entities if view.field_map else {}).items():
        response.fields.extend(_fields(name, entity, view.writable))
    for each in view.unmapped:
        response.unmapped.add(
            entity=each.entity,
            field=each.field,
            row_count=each.row_count,
            last_seen_at=moment(each.last_seen_at),
        )
    return response


def trial(tried: MapTrial) -> pb.CheckFieldMapResponse:
    """What a field map would do."""
    return pb.CheckFieldMapResponse(
        system=tried.field_map.system,
        version=tried.field_map.version,
        row_count=tried.row_count,
        changed_row_count=tried.changed_count,
        misfits=[
            pb.FieldTrial(field=field, reason=reason, row_count=count)
            for (field, reason), count in sorted(tried.misfits.items())
        ],
        unknown=[
            pb.FieldTrial(field=field, row_count=count)
            for field, count in sorted(tried.unknown.items())
        ],
        filled=[
            pb.FieldTrial(field=field, row_count=count)
            for field, count in sorted(tried.filled.items())
        ],
    )


def _source(source: MappedSource) -> pb.MappedSource:
    return pb.MappedSource(
        system=source.system,
        key=source.key,
        modified_at=moment(source.modified_at),
        received_at=moment(source.received_at),
        verified_at=moment(source.verified_at),
        deleted_at=moment(source.deleted_at),
    )


def _mapping(system: SystemMapping) -> pb.SystemMapping:
    return pb.SystemMapping(
        system=system.system,
        row_count=system.row_count,
        mapped_count=system.mapped_count,
        joined_count=system.joined_count,
        unmapped=[pb.Unmapped(reason=reason, row_count=count) for reason, count in system.unmapped],
        missing=[
            pb.MissingRow(
                entity=each.entity,
                key=each.key,
                reason=each.reason,
                received_at=moment(each.received_at),
            )
            for each in system.missing
        ],
    )


def _fields(name: str, entity: EntityMap, writable: frozenset[str]) -> list[pb.FieldMapping]:
    return [
        pb.FieldMapping(
            entity=name,
            field=field,
            canonical=rule.to,
            kind=rule.kind,
            is_writable=rule.to in writable and rule.is_reversible,
            words=dict(rule.table),
        )
        for field, rule in entity.fields.items()
    ]
