"""The policy's sections as typed values: who may do what, and the numbers that go with it.

Each section is a frozen value that the part it concerns reads: rules and fields the engine, `LeaseTerms` the
ownership leases, `ApprovalTemplate` the approvals, `GuardTerms` devices and networks, `ExportLimits` the exports.
"""

from typing import Literal

import msgspec

from accesskit.decisions import Obligation

DAY_S = 86_400.0
ANY = "*"
"""In a list of types or actions: all of them."""


class Role(msgspec.Struct, frozen=True):
    """A role package (PM-01) with its titles. Never the target of a reminder (PM-12): reminders go to people."""

    id: str
    zh: str
    en: str


class Rule(msgspec.Struct, frozen=True):
    """One sentence of the policy: these subjects may, or may not, do these actions on these types.

    `roles` and `principals` (ids of services) say who; with both empty it is everybody. `relation` is the relation
    in which the subject must stand to the resource; empty means to any resource. With `lease` `held` an allow is void
    once the owner's lease is read-only or over; with `pool` it is void until the lease is over, and for a former owner
    while they cool down. `condition` names a condition of the model, which must hold. With `fields` the rule concerns
    only questions that name fields: an allow covers these fields and no other, a deny forbids each of them.
    """

    id: str
    effect: Literal["allow", "deny"]
    roles: frozenset[str]
    principals: frozenset[str]
    on: tuple[str, ...]
    actions: tuple[str, ...]
    relation: str = ""
    lease: Literal["", "held", "pool"] = ""
    condition: str = ""
    fields: frozenset[str] = frozenset()
    obligations: tuple[Obligation, ...] = ()


class FieldRule(msgspec.Struct, frozen=True):
    """Who may write or read a field, as roles or ids of services (PM-10).

    `write` or `read` None means that the field is not restricted so. A reader outside `read` is refused, or with
    `is_masked` allowed with the obligation to mask the field.
    """

    on: str
    field: str
    write: frozenset[str] | None = None
    read: frozenset[str] | None = None
    is_masked: bool = False


class FollowUp(msgspec.Struct, frozen=True):
    """What happened in a follow-up: the longest call in seconds, counts, and whether a visit was geofenced."""

    call_s: float = 0.0
    forms: int = 0
    attachments: int = 0
    customer_messages: int = 0
    has_geofenced_visit: bool = False


class EffectiveFollowUp(msgspec.Struct, frozen=True):
    """Which follow-up restarts an owner's clock (FU-06): at least `need` of the signals; a mere edit never does."""

    need: int = 2
    call_s_min: float = 90.0
    forms_min: int = 1
    attachments_min: int = 1
    customer_messages_min: int = 3

    def is_met_by(self, follow_up: FollowUp) -> bool:
        """Whether this follow-up counts."""
        signals = (
            follow_up.call_s >= self.call_s_min,
            follow_up.forms >= self.forms_min,
            follow_up.attachments >= self.attachments_min,
            follow_up.customer_messages >= self.customer_messages_min,
            follow_up.has_geofenced_visit,
        )
        return sum(signals) >= self.need


class LeaseTerms(msgspec.Struct, frozen=True):
    """The ownership lease (PM-03) of the types in `on`.

    Days count from the last effective follow-up: notice, then read-only, then the public pool (公海池). Claims are
    per person and calendar day; a former owner waits `cool_down_days` before claiming again.
    """

    on: frozenset[str] = frozenset()
    notice_days: float = 23.0
    readonly_days: float = 30.0
    pool_days: float = 37.0
    cool_down_days: float = 7.0
    claims_per_day: int = 20
    protected_days_max: float = 90.0
    protected_count_max: int = 10
    effective_follow_up: EffectiveFollowUp = EffectiveFollowUp()


class ApprovalStep(msgspec.Struct, frozen=True):
    """`need` distinct approvers who hold one of `roles`, voting as `group`."""

    group: str
    roles: frozenset[str]
    need: int = 1


class ApprovalTemplate(msgspec.Struct, frozen=True):
    """How a sensitive action is approved (PM-04, PM-08, PM-11): every step by different people.

    A request lapses after `expires_h` hours; once approved it can be used once within `usable_min` minutes. With
    `step_up` whoever votes or acts proves a second factor. With `has_break_glass` one person may act at once and is
    reviewed afterwards.
    """

    id: str
    on: tuple[str, ...]
    actions: tuple[str, ...]
    steps: tuple[ApprovalStep, ...]
    expires_h: float = 24.0
    usable_min: float = 15.0
    step_up: bool = True
    has_break_glass: bool = False


class GuardTerms(msgspec.Struct, frozen=True):
    """People in `roles` work from a registered device or a trusted network (PM-05).

    From anywhere else they may do only `actions_elsewhere`.
    """

    roles: frozenset[str] = frozenset()
    actions_elsewhere: frozenset[str] = frozenset()


class BreakerTerms(msgspec.Struct, frozen=True):
    """When exports are cut short (DX-09): any threshold opens the breaker for `cool_down_s` seconds.

    While open an export copies at most `degraded_rows` rows.
    """

    requests_per_day: int = 2_000
    response_ms_mean: float = 3_000.0
    memory_mb_peak: float = 4_096.0
    cool_down_s: float = 300.0
    degraded_rows: int = 200


class ExportLimits(msgspec.Struct, frozen=True):
    """What may leave the system (DX-09, PM-11): rows per page, per person and day, and of everybody per day.

    Whoever copies more than `book_copy_ratio` of their own customers, or customers of more than `distinct_owners_max`
    owners, within `book_copy_hours` needs an approval.
    """

    page_rows: int = 2_000
    rows_per_user_day: int = 20_000
    rows_per_day: int = 200_000
    book_copy_ratio: float = 0.8
    book_copy_hours: float = 24.0
    distinct_owners_max: int = 20
    lease_s: float = 60.0
    breaker: BreakerTerms = BreakerTerms()
