"""What is told to whom is a document; a bad one is refused with the line that is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from leadchain.assignment.v1.clock_events_pb2 import ReviewRequired
from leadchain.assignment.v1.events_pb2 import ContactOverdue, LeadAssigned
from leadchain.engagement.v1.stage_events_pb2 import MoveCause, StageMoved
from leadchain.intake.v1.channel_events_pb2 import ChannelSilent
from leadchain.intake.v1.import_events_pb2 import InquiryRepeated
from leadchain.permissions.v1.events_pb2 import CustomerReleased, OwnershipDemoted
from notification.domain.kinds import Policy, reminder_of
from notification.domain.people import Person
from notification.domain.receipts import Beacons
from notification.domain.reminders import Resource, Subject, TargetKind
from notification.domain.sending import Parcel
from notification.policies import InvalidPolicy, load_policy
from notification.senders.words import Words
from notification.subscribers import TOLD, told_fields
from notification.wire.happenings import happening
from servicekit.errors import InvalidMessage

REMINDER_ID = UUID(int=7)
PACKAGED = Path(__file__).parents[1] / "notification" / "policies" / "reminders.yaml"


def test_every_event_that_is_heard_is_told_to_somebody(policy: Policy) -> None:
    assert policy.events == {event.DESCRIPTOR.name for event in TOLD}
    assert policy.quiet_hours.begins.hour == 22
    assert {kind.receipt_within_s for kind in policy.kinds.values()} == {10}


def test_an_assignment_calls_for_one_reminder_of_its_owner(
    policy: Policy, assigned: Callable[..., LeadAssigned]
) -> None:
    event = assigned("rep-01")

    (kind,) = policy.of_event("LeadAssigned")
    reminder = reminder_of(kind, happening(event, traceparent=None), reminder_id=REMINDER_ID)

    assert reminder is not None
    assert reminder.target.resource == Resource("lead", event.lead_id)
    assert reminder.target.person_id == "rep-01"
    assert reminder.dedupe_key == f"{event.lead_id}/1"
    assert b'"phone_display":"138****8001"' in reminder.facts
    assert b"2026-02-07T04:45:00+00:00" in reminder.facts


def test_a_manager_is_that_of_the_rep_who_let_it_run_out(
    policy: Policy, overdue: Callable[..., ContactOverdue]
) -> None:
    (kind,) = policy.of_event("ContactOverdue")

    reminder = reminder_of(kind, happening(overdue(), traceparent=None), reminder_id=REMINDER_ID)

    assert reminder is not None
    target = reminder.target
    assert target.kind is TargetKind.MANAGER_OF_PERSON
    assert (target.person_id, target.manager_id) == ("rep-01", "manager-01")


@pytest.mark.parametrize(
    ("event", "person", "resource"),
    [
        (ChannelSilent(event_id="e", channel="website_form"), "operations", None),
        (CustomerReleased(event_id="e", previous_owner_id="rep-01"), "rep-01", None),
        (
            OwnershipDemoted(event_id="e", owner_id="rep-01", resource={"type": "customer", "id": "g"}),
            "rep-01",
            Resource("customer", "g"),
        ),
        (InquiryRepeated(event_id="e", lead_id=str(REMINDER_ID)), "", Resource("lead", str(REMINDER_ID))),
    ],
    ids=["named", "person", "typed-resource", "lead-without-a-known-owner"],
)  # fmt: skip
def test_recipients_are_named_by_ids_and_records_never_by_roles(
    policy: Policy, event: Any, person: str, resource: Resource | None
) -> None:
    (kind,) = policy.of_event(event.DESCRIPTOR.name)

    reminder = reminder_of(kind, happening(event, traceparent=None), reminder_id=REMINDER_ID)

    assert reminder is not None
    assert (reminder.target.person_id, reminder.target.resource) == (person, resource)
    assert reminder.dedupe_key


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("importance: usual", "importance: sometimes", "is not one of"),
        ("routes:\n      - first_of", "rotes:\n      - first_of", "rotes"),
        ("{person: previous_owner_id}", "{person: former_owner}", "has no field former_owner"),
        ("event: ChannelSilent", "event: ChannelLoud", "no event that is heard"),
        ("kind: channel_silent", "kind: channel_loud", "there are no words"),
        ("kind: subscription_lost", "kind: channel_silent", "stands above too"),
        ("version: 1", "version: 1\nversion: 2", "stands here twice"),
        ("[wecom_app, wechat_mp, webhook, smtp]", "[pigeon]", "pigeon"),
        ("zone: Asia/Shanghai", "zone: Asia/Shenzhen", "no time zone"),
        ('from: "22:00"', 'from: "24:00"', "24:00"),
        ("kinds:", "kinds: [", "expected"),
    ],
    ids=[
        "enum",
        "unknown-key",
        "unknown-field",
        "unknown-event",
        "no-words",
        "twice",
        "key-twice",
        "medium",
        "zone",
        "clock",
        "syntax",
    ],
)
def test_a_policy_that_cannot_be_is_refused_with_file_line_and_reason(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    text = PACKAGED.read_text()
    assert before in text
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace(before, after, 1))
    names = frozenset(text.partition("kinds:")[2].split()) | {"channel_silent"}

    with pytest.raises(InvalidPolicy) as refused:
        load_policy(told_fields(), names - {"channel_loud"}, file)

    assert str(refused.value).startswith("mine.yaml:")
    assert told in str(refused.value)
    assert str(refused.value).split(":")[1].isdecimal()


@pytest.mark.parametrize(("cause", "is_told"), [("SAID", True), ("BY_HAND", False)])
def test_only_moves_by_what_a_customer_said_are_told(
    policy: Policy,
    cause: str,
    is_told: bool,  # noqa: FBT001
) -> None:
    event = StageMoved(event_id="e", lead_id=str(REMINDER_ID), move_no=2)
    event.cause = MoveCause.Value(f"MOVE_CAUSE_{cause}")
    (kind,) = policy.of_event("StageMoved")
    used = policy.fields_of("StageMoved")

    told = happening(event, traceparent=None, used=used)

    assert (reminder_of(kind, told, reminder_id=REMINDER_ID) is not None) is is_told


def test_one_event_may_call_for_several_reminders(policy: Policy) -> None:
    event = ReviewRequired(event_id="e", lead_id=str(REMINDER_ID), owner_id="rep-01")
    told = happening(event, traceparent=None)

    kinds = policy.of_event("ReviewRequired")
    reminders = [reminder_of(kind, told, reminder_id=REMINDER_ID) for kind in kinds]

    aims = {r.kind: (r.target.kind, r.target.person_id) for r in reminders if r is not None}
    assert aims == {
        "review_required": (TargetKind.OWNER, "rep-01"),
        "review_expected": (TargetKind.MANAGER_OF_PERSON, "rep-01"),
    }


def test_every_reminder_can_be_said_in_both_languages(policy: Policy) -> None:
    words = Words(Beacons(b"k" * 32, ""))
    for kind in policy.kinds.values():
        facts = dict.fromkeys(kind.facts, "")
        subject = Subject(None, "", None, 0, None)
        parcel = Parcel(REMINDER_ID, REMINDER_ID, kind.name, facts, subject)
        for locale in ("zh", "en"):
            assert words.text(parcel, Person("rep-01"), policy, locale=locale)


def test_an_event_about_no_lead_that_there_can_be_is_never_handled() -> None:
    with pytest.raises(InvalidMessage):
        happening(StageMoved(event_id="e", lead_id="nonsense"), traceparent=None)
