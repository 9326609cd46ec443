"""Reminders, routes and health, as answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.notification.v1 import notification_service_pb2 as pb

from notification.domain.receipts import ReceiptKind
from notification.domain.reminders import State
from notification.domain.sending import SendState
from notification.wire.events import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from notification.domain.addresses import Account
    from notification.domain.health import Health
    from notification.domain.kinds import Kind, Policy
    from notification.queries import Counts, Told


def reminders_response(told: Sequence[Told]) -> pb.ListRemindersResponse:
    """The reminders about a lead."""
    return pb.ListRemindersResponse(reminders=[_reminder(each) for each in told])


def routes_response(
    policy: Policy, accounts: Sequence[Account], *, is_reachable: Callable[[str], bool]
) -> pb.ListRoutesResponse:
    """What is told to whom, and which groups can be; accounts without what they keep secret."""
    return pb.ListRoutesResponse(
        policy_version=policy.version,
        kinds=[_kind(kind) for _, kind in sorted(policy.kinds.items())],
        accounts=[
            pb.Account(
                account_id=each.account_id,
                medium=each.medium.value,
                url=each.url,
                messages_per_min=each.messages_per_min,
            )
            for each in accounts
        ],
        groups=[
            pb.Group(recipient_id=group, is_reachable=is_reachable(group), kind_names=kinds)
            for group, kinds in policy.groups.items()
        ],
    )


def health_response(counts: Counts, kinds: Sequence[Health]) -> pb.GetReminderHealthResponse:
    """Counts by state, and each kind's rates."""
    by_state: Mapping[State, int] = counts.by_state
    return pb.GetReminderHealthResponse(
        due_count=by_state[State.DUE] + by_state[State.SENDING] - counts.held,
        delivered_count=by_state[State.DELIVERED],
        failed_count=by_state[State.FAILED],
        awaiting_count=by_state[State.AWAITING],
        held_count=counts.held,
        kinds=[
            pb.KindHealth(
                kind_name=each.kind,
                reminder_count=each.asked,
                sent_rate=each.sent_rate,
                reached_rate=each.reached_rate,
                interacted_rate=each.interacted_rate,
                low=each.low,
            )
            for each in kinds
        ],
    )


def _kind(kind: Kind) -> pb.KindRoutes:
    return pb.KindRoutes(
        kind_name=kind.name,
        event=kind.event,
        recipient=f"{kind.aim.kind.name.lower()} {kind.aim.of}",
        is_important=kind.is_important,
        routes=[
            f"{step.choice} {', '.join(medium.value for medium in step.media)}"
            for step in kind.steps
        ],
    )


def _reminder(told: Told) -> pb.Reminder:
    row = told.row
    reminder = pb.Reminder(
        reminder_id=str(row["reminder_id"]),
        recipient_id=row["recipient_id"],
        kind=kind_of(row["kind_name"]),
        state=State(row["state"]).name.lower(),
        attempt_count=row["attempt_count"],
        last_error=row["last_error"],
        kind_name=row["kind_name"],
        sends=[_send(each, told.receipts.get(each["send_id"], ())) for each in told.sends],
    )
    if row["last_attempt_at"] is not None:
        reminder.last_attempt_at.FromDatetime(row["last_attempt_at"])
    return reminder


def _send(row: Any, receipts: Sequence[Any]) -> pb.Send:
    proofs = [_receipt(ReceiptKind(r["kind"]).name.lower(), r["at"], r["source"]) for r in receipts]
    if row["accepted_at"] is not None:
        proofs.insert(0, _receipt("accepted", row["accepted_at"], "answer"))
    return pb.Send(
        medium=row["medium"],
        recipient_id=row["recipient_id"],
        step=row["step"] + 1,
        state=SendState(row["state"]).name.lower(),
        attempt_count=row["attempt_count"],
        last_error=row["last_error"],
        receipts=proofs,
    )


def _receipt(kind: str, at: datetime, source: str) -> pb.Receipt:
    receipt = pb.Receipt(kind=kind, source=source)
    receipt.at.FromDatetime(at)
    return receipt
