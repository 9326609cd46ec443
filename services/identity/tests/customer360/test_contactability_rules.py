"""The rules of do-not-disturb, without any server."""

from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
import yaml
from identity.domain.contactability import (
    Channel,
    Complaint,
    Objection,
    Purpose,
    Refusal,
    Signing,
    Situation,
    Touch,
    Wish,
    may_contact,
)
from identity.policies.contactability import load_contact_policy

NOW = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY, WALLS = load_contact_policy()
RENEWAL = Wish(Purpose.RENEWAL, Channel.CALL)


def calls(*days_ago: float, system: str = "call_centre") -> list[Touch]:
    return [Touch(NOW - days * DAY, system) for days in days_ago]


def refusals(known: Situation, wish: Wish = RENEWAL) -> list[Refusal]:
    return [reason.refusal for reason in may_contact(POLICY, known, wish, now=NOW).reasons]


def test_a_customer_of_whom_nothing_is_known_may_be_contacted() -> None:
    answer = may_contact(POLICY, Situation(), RENEWAL, now=NOW)

    assert (answer.may, answer.contact_count, answer.not_before) == (True, 0, None)


def test_the_fourth_contact_in_thirty_days_is_refused_whichever_systems_made_the_three() -> None:
    touches = [*calls(20), *calls(10, system="scrm"), *calls(1, system="erp")]

    answer = may_contact(POLICY, Situation(touches=touches), RENEWAL, now=NOW)

    (reason,) = answer.reasons
    assert (reason.refusal, reason.count) == (Refusal.CONTACTED_OFTEN, 3)
    assert reason.systems == ("call_centre", "erp", "scrm")
    assert answer.not_before == NOW + 10 * DAY


def test_the_third_contact_is_not_refused() -> None:
    assert refusals(Situation(touches=calls(20, 10))) == []


def test_contacts_before_the_window_and_in_the_future_do_not_count() -> None:
    touches = calls(30, 31, 20, 10, -1)

    assert refusals(Situation(touches=touches)) == []


def test_after_more_contacts_than_allowed_one_fits_when_enough_have_left_the_window() -> None:
    answer = may_contact(POLICY, Situation(touches=calls(25, 20, 15, 10)), RENEWAL, now=NOW)

    assert answer.not_before == NOW + 10 * DAY


def test_our_own_mark_beside_a_report_of_the_same_call_counts_once() -> None:
    reported = calls(20, 10)
    marks = [
        Touch(touch.at + timedelta(minutes=5), "leadchain", is_marked=True) for touch in reported
    ]

    answer = may_contact(POLICY, Situation(touches=[*reported, *marks]), RENEWAL, now=NOW)

    assert (answer.may, answer.contact_count) == (True, 2)


def test_a_mark_without_any_report_counts() -> None:
    mark = Touch(NOW - 5 * DAY, "leadchain", is_marked=True)

    assert refusals(Situation(touches=[*calls(20, 10), mark])) == [Refusal.CONTACTED_OFTEN]


def test_whoever_signed_lately_is_not_sold_the_same_again_but_may_be_helped() -> None:
    known = Situation(signings=[Signing(NOW - 89 * DAY, "esign")])

    assert refusals(known) == [Refusal.RENEWED]
    assert refusals(known, Wish(Purpose.SERVICE, Channel.CALL)) == []
    assert refusals(Situation(signings=[Signing(NOW - 90 * DAY, "esign")])) == []


def test_whoever_complains_is_helped_before_anything_is_sold() -> None:
    known = Situation(complaints=[Complaint(NOW - DAY, "tickets")])

    assert refusals(known, Wish(Purpose.SALES, Channel.CHAT)) == [Refusal.OPEN_COMPLAINT]
    assert refusals(known, Wish(Purpose.SERVICE, Channel.CALL)) == []


def test_a_reason_without_an_end_leaves_open_when_to_ask_again() -> None:
    known = Situation(touches=calls(3, 2, 1), complaints=[Complaint(NOW - DAY, "tickets")])

    answer = may_contact(POLICY, known, RENEWAL, now=NOW)

    assert {reason.refusal for reason in answer.reasons} == {
        Refusal.CONTACTED_OFTEN, Refusal.OPEN_COMPLAINT,
    }  # fmt: skip
    assert answer.not_before is None


@pytest.mark.parametrize(
    ("purpose", "channel", "is_refused"),
    [
        (Purpose.ANY, Channel.ANY, True),
        (Purpose.RENEWAL, Channel.CALL, True),
        (Purpose.RENEWAL, Channel.EMAIL, False),
        (Purpose.MARKETING, Channel.ANY, False),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Purpose | Channel) else str(value),
)
def test_an_objection_stands_against_what_it_names(
    purpose: Purpose, channel: Channel, *, is_refused: bool
) -> None:
    known = Situation(objections=[Objection(purpose, channel, NOW - DAY)])

    assert (refusals(known) == [Refusal.OBJECTED]) is is_refused


def test_an_objection_to_calls_stands_against_a_contact_that_may_become_one() -> None:
    known = Situation(objections=[Objection(Purpose.ANY, Channel.CALL, NOW - DAY)])

    assert refusals(known, Wish(Purpose.SALES, Channel.ANY)) == [Refusal.OBJECTED]


def test_an_objection_ends_when_it_says_so() -> None:
    past = Objection(Purpose.ANY, Channel.ANY, NOW - DAY, until=NOW)
    coming = Objection(Purpose.ANY, Channel.ANY, NOW - DAY, until=NOW + DAY)

    assert refusals(Situation(objections=[past])) == []
    assert may_contact(POLICY, Situation(objections=[coming]), RENEWAL, now=NOW).not_before == (
        NOW + DAY
    )


def test_whoever_was_forgotten_is_left_alone_for_every_purpose() -> None:
    known = Situation(suppressed_at=NOW - DAY)

    for purpose in (Purpose.MARKETING, Purpose.SALES, Purpose.RENEWAL, Purpose.SERVICE):
        assert refusals(known, Wish(purpose, Channel.CALL)) == [Refusal.SUPPRESSED]


def test_a_policy_with_an_unknown_word_is_refused(tmp_path) -> None:
    file = tmp_path / "policy.yaml"
    packaged = {"version": 1, "purposes": {"sales": ["perhaps"]}}
    file.write_text(yaml.safe_dump(packaged))

    with pytest.raises(jsonschema.ValidationError):
        load_contact_policy(file)


def test_complaints_are_known_by_type_whatever_the_case() -> None:
    assert POLICY.is_complaint(" Complaint ")
    assert POLICY.is_complaint("投诉")
    assert not POLICY.is_complaint("question")
