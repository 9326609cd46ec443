"""The consent of two people to risky changes, which permissions keeps, as other services use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc
import structlog
from leadchain.permissions.v1 import approvals_service_pb2 as approvals_pb
from leadchain.permissions.v1 import permissions_service_pb2 as permissions_pb
from leadchain.permissions.v1.approvals_service_pb2_grpc import ApprovalsServiceStub
from leadchain.permissions.v1.changes_pb2 import Entity
from leadchain.permissions.v1.permissions_service_pb2_grpc import PermissionsServiceStub
from servicekit.auth import current_caller, current_token
from servicekit.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ServiceError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from servicekit.grpc_client import connect

from accesskit.canonical import canonical_json
from accesskit.guard import circumstances_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.auth import Caller
    from servicekit.tls import TlsFiles

log = structlog.get_logger()

PUBLISH: Final = "publish"
ASK_TIMEOUT_S: Final = 5.0

_REFUSALS: Final[Mapping[grpc.StatusCode, type[ServiceError]]] = {
    grpc.StatusCode.PERMISSION_DENIED: Forbidden,
    grpc.StatusCode.FAILED_PRECONDITION: Conflict,
    grpc.StatusCode.INVALID_ARGUMENT: Invalid,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.RESOURCE_EXHAUSTED: TooLarge,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
}


class ApprovalRequired(Forbidden):
    """Others must agree first; the text ends in a JSON object that says to what: subject, action, resource, params."""

    def __init__(self, deed: approvals_pb.Deed, params: Mapping[str, Any]) -> None:
        asked = {
            "subject": deed.subject_id,
            "action": deed.action,
            "resource": f"{deed.resource.type}:{deed.resource.id}",
            "params": params,
        }
        super().__init__(f"approval_required: {canonical_json(asked).decode()}")


class Approvals:
    """Asks permissions whether the caller of this moment may publish something. A part of a service.

    Permissions is asked with the caller's own token: an approval serves whoever it was given to, and the service that
    asks can use none. Whether a change needs one is the live policy's to say.
    """

    name = "approvals"

    def __init__(self, target: str, *, tls: TlsFiles | None) -> None:
        self._target = target
        self._tls = tls
        self._channel: grpc.aio.Channel | None = None

    async def use(
        self,
        approval_id: str,
        *,
        kind: str,
        resource_id: str,
        params: Mapping[str, Any],
        key: str,
    ) -> None:
        """Returns when the caller may publish `kind:resource_id` with these arguments now.

        Called outside of any transaction. `params` hold no secrets. The approval is used up under the name `key`: the
        same call again succeeds, and what it permits must be done once. Raises `ApprovalRequired`, `Unavailable`, and
        refusals as permissions states them.
        """
        caller = current_caller()
        if caller is None:
            raise Forbidden("unauthenticated")
        deed = approvals_pb.Deed(
            subject_id=caller.subject,
            action=PUBLISH,
            resource=Entity(type=kind, id=resource_id),
            params_json=canonical_json(params).decode(),
        )
        if approval_id:
            await self._use(approval_id, deed, caller, key=key)
        elif not await self._is_free(deed, caller):
            raise ApprovalRequired(deed, params)
        else:
            log.warning("configuration_changed_without_approval", kind=kind, resource=resource_id)

    async def start(self) -> None:
        """Nothing: the channel is dialled at its first call."""

    async def stop(self) -> None:
        """Closes the channel."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    def problem(self) -> str | None:
        """None: whoever changes configuration is told what is missing."""
        return None

    async def _use(
        self, approval_id: str, deed: approvals_pb.Deed, caller: Caller, *, key: str
    ) -> None:
        request = approvals_pb.UseApprovalRequest(
            approval_id=approval_id,
            idempotency_key=key,
            deed=deed,
            circumstances=_circumstances(caller),
        )
        try:
            await ApprovalsServiceStub(self._opened()).UseApproval(request, timeout=ASK_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise _refusal(error) from None

    async def _is_free(self, deed: approvals_pb.Deed, caller: Caller) -> bool:
        """Whether the policy lets the caller do it without an approval; raises `Forbidden` if not even with one."""
        request = permissions_pb.CheckRequest(
            subject_id=deed.subject_id,
            action=deed.action,
            resource=deed.resource,
            circumstances=_circumstances(caller),
        )
        request.consistency.latest = True
        try:
            stub = PermissionsServiceStub(self._opened())
            answer = await stub.Check(request, timeout=ASK_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise _refusal(error) from None
        if not answer.allowed and answer.reason != "approval_required":
            raise Forbidden(f"{deed.action}: {answer.reason}")
        return bool(answer.allowed)

    def _opened(self) -> grpc.aio.Channel:
        if self._channel is None:
            self._channel = connect(self._target, token=current_token, tls=self._tls)
        return self._channel


def _refusal(error: grpc.aio.AioRpcError) -> ServiceError:
    kind = _REFUSALS.get(error.code())
    if kind is None:
        return Unavailable(f"permissions does not answer: {error.code().name}")
    return kind(error.details() or error.code().name.lower())


def _circumstances(caller: Caller) -> permissions_pb.Circumstances:
    known = circumstances_of(caller)
    return permissions_pb.Circumstances(
        session_id=known.session_id, device_id=known.device_id, epoch=known.epoch or 0
    )
