"""What a caller of an RPC needs, read from the contract, and who says whether they have it.

An RPC states its need as the method option `servicekit.v1.access`. The gRPC host asks its guard before the servicer
sees the request; an RPC that states no need keeps a guarded host from starting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from google.protobuf import descriptor_pool
from google.protobuf.message import Message

from servicekit.errors import Invalid
from servicekit.v1 import access_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.descriptor_pb2 import MethodOptions

    from servicekit.auth import Caller


CONSISTENCY_METADATA = "x-consistency-token"
"""Metadata in which a caller names a state that the decision about its call must not predate."""


@dataclass(frozen=True, slots=True)
class Need:
    """The action an RPC stands for, and what it is done to.

    `resource_field` and `subject_field` are paths in the request, such as `resource.id`. Without a field and an id,
    the resource is the service itself. Every one of several ids must be allowed.
    """

    action: str
    resource_type: str
    resource_field: str = ""
    resource_id: str = ""
    subject_field: str = ""
    any_caller: bool = False

    def resource_ids(self, request: Message, *, own_id: str) -> Sequence[str]:
        """The ids the request names; raises `Invalid` when it names none."""
        if not self.resource_field:
            return (self.resource_id or own_id,)
        ids = _texts(request, self.resource_field)
        if not ids or not all(ids):
            raise Invalid(f"{self.resource_field} is empty")
        return ids

    def subject_id(self, request: Message) -> str:
        """The person for whom the caller acts; empty when it acts for itself."""
        return _texts(request, self.subject_field)[0] if self.subject_field else ""


class Guard(Protocol):
    """Says whether a caller may do what an RPC stands for."""

    async def permit(
        self, caller: Caller, need: Need, request: Message, *, consistency_token: str
    ) -> None:
        """Returns when they may; raises `Forbidden` with the reason, or `Unavailable` when nobody can say.

        The answer does not predate the state that `consistency_token` stands for, unless it is empty.
        """


def needs_of(service_name: str) -> Mapping[str, Need | None]:
    """The need of each RPC of a gRPC service by method name; None where the contract states none.

    Empty for a service whose contract is not known to this process.
    """
    try:
        service = descriptor_pool.Default().FindServiceByName(service_name)
    except KeyError:
        return {}
    return {method.name: _need(method.GetOptions()) for method in service.methods}


def _need(options: MethodOptions) -> Need | None:
    if not options.HasExtension(access_pb2.access):
        return None
    stated = options.Extensions[access_pb2.access]
    return Need(
        action=stated.action,
        resource_type=stated.resource_type,
        resource_field=stated.resource_field,
        resource_id=stated.resource_id,
        subject_field=stated.subject_field,
        any_caller=stated.any_caller,
    )


def _texts(request: Message, path: str) -> tuple[str, ...]:
    values: tuple[object, ...] = (request,)
    for name in path.split("."):
        values = tuple(part for value in values for part in _parts(getattr(value, name)))
    return tuple(str(value) for value in values)


def _parts(value: object) -> Iterable[object]:
    """The elements of a repeated field, or the one value of any other."""
    if isinstance(value, str | bytes | Message) or not isinstance(value, Iterable):
        return (value,)
    return value
