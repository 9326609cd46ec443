"""Exports: who may take how much out of the system, page by page (DX-09, PM-04, PM-11).

Rows count when a page is reserved, and are corrected by what was really delivered; a reservation that lapses keeps its
rows until the exporter reports after all. Times are Unix seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum

from accesskit.canonical import params_hash
from accesskit.facts import Entity, Fact
from servicekit.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
)

COLLECTION = "*"
"""The id that stands for more than one resource of a type."""
CONTINUE = "continue"
"""The action on an export, with an approval, after much of the subject's own book was copied."""
DEGRADED_HINT = "exports strain the system: filter, and copy a page"
KEPT_DAYS = 30.0
"""How long the state knows who asked for an export, so that superiors can read of it."""
DAY_S = 86_400.0


class ExportScope(Enum):
    """How much of a type is exported; the values are the actions that are asked."""

    RESOURCE = "export"
    OWN = "export_own"
    TEAM = "export_team"
    ALL = "export_all"

    @property
    def action(self) -> str:
        """The policy's action."""
        return "export" if self is ExportScope.ALL else self.value


class ExportStatus(Enum):
    """Where an export stands; only OPEN can still change."""

    OPEN = "open"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    CANCELLED = "cancelled"


class PageOutcome(Enum):
    """What became of a page. HELD and LAPSED are still unreported; LAPSED no longer keeps others from reading."""

    HELD = "held"
    LAPSED = "lapsed"
    DELIVERED = "delivered"
    EMPTY = "empty"
    FAILED = "failed"
    RELEASED = "released"

    @property
    def is_reported(self) -> bool:
        """Whether the exporter has said what became of it."""
        return self not in {PageOutcome.HELD, PageOutcome.LAPSED}


class BadExport(Invalid):
    """A request that cannot be one; `part` names what is wrong, never its value."""

    def __init__(self, part: str) -> None:
        super().__init__(f"{part} is missing or malformed")
        self.part = part


class NoSuchExport(NotFound):
    """No export has this id, or the caller has nothing to do with it."""

    def __init__(self) -> None:
        super().__init__("no such export")


class NoSuchPage(NotFound):
    """No page has this id, or the caller has nothing to do with it."""

    def __init__(self) -> None:
        super().__init__("no such page")


class RequestIdTaken(AlreadyExists):
    """Another export was opened with this request id."""

    def __init__(self) -> None:
        super().__init__("another export has this request id")


class ExportOver(Conflict):
    """The export takes no more pages; the text says how it ended."""

    def __init__(self, status: ExportStatus) -> None:
        super().__init__(f"the export is {status.value}")
        self.status = status


class PageHeld(Conflict):
    """Another page of the export is being read; it must be reported or lapse first."""

    def __init__(self) -> None:
        super().__init__("page_held: another page of this export is being read")


class CursorMoved(Conflict):
    """The page does not begin where the export stands; ask for the export's next_cursor."""

    def __init__(self) -> None:
        super().__init__("cursor_moved: the next page begins at the export's next_cursor")


class LastPageDelivered(Conflict):
    """There are no more pages; the export is to be closed."""

    def __init__(self) -> None:
        super().__init__("last_page_delivered: close the export")


class PageOver(Conflict):
    """The page is no longer held: it lapsed, was reported, or its export is over."""

    def __init__(self) -> None:
        super().__init__("page_over: the page is no longer held, ask for it again")


class PageReported(Conflict):
    """The page has been reported otherwise already."""

    def __init__(self) -> None:
        super().__init__("the page has been reported otherwise")


class PageTooLarge(TooLarge):
    """More rows than a page may have."""

    def __init__(self, page_rows: int) -> None:
        super().__init__(f"page_rows: a page has at most {page_rows} rows; use pages")
        self.page_rows = page_rows


class PageOverrun(TooLarge):
    """More rows were delivered than were reserved; they are booked, and the export is stopped."""

    def __init__(self, reserved: int) -> None:
        super().__init__(f"page_overrun: {reserved} rows were reserved; the export is stopped")
        self.reserved = reserved


class EstimateReached(Conflict):
    """The export has all the rows that it was opened for."""

    def __init__(self, row_estimate: int) -> None:
        super().__init__(
            f"row_estimate: the export was opened for {row_estimate} rows; open another for the rest"
        )


class ExportRefused(Forbidden):
    """The policy does not let the subject export this; the text is its reason code."""


class ApprovalNeeded(Forbidden):
    """It may be done with an approval; the text names the reason, the template, and what to request it for."""

    def __init__(self, reason: str, *, template: str, action: str, resource: Entity) -> None:
        super().__init__(f"{reason}: request approval {template} of {action} on {resource}")
        self.reason = reason
        self.template = template


@dataclass(frozen=True, slots=True)
class Wanted:
    """An export as it is asked for. Of the filter only the hash goes to the log."""

    request_id: str
    subject_id: str
    resource: Entity
    scope: ExportScope
    fields: tuple[str, ...]
    filter: Mapping[str, object]
    row_estimate: int

    @property
    def params_hash(self) -> str:
        """What an approval of this export is bound to."""
        return params_hash(
            {
                "fields": sorted(self.fields),
                "filter": dict(self.filter),
                "row_estimate": self.row_estimate,
            }
        )

    @property
    def filter_hash(self) -> str:
        """SHA-256 (hex) of the canonical filter."""
        return params_hash(dict(self.filter))


@dataclass(frozen=True, slots=True)
class Export:
    """An export that was allowed. `params_hash` is what its approval was bound to; `epoch` is its subject's then."""

    export_id: str
    request_id: str
    subject_id: str
    epoch: int
    opened_by: str
    resource_type: str
    resource_id: str
    scope: ExportScope
    filter_hash: str
    filter_text: str
    params_hash: str
    fields: tuple[str, ...]
    masked_fields: tuple[str, ...]
    row_estimate: int
    approval_id: str
    continued_by: str
    decision_id: str
    opened_at_s: float
    status: ExportStatus = ExportStatus.OPEN
    next_cursor: str = ""
    delivered_rows: int = 0
    has_last_page: bool = False
    ended_at_s: float | None = None
    end_reason: str = ""

    @property
    def resource(self) -> Entity:
        """What it is drawn from."""
        return Entity(self.resource_type, self.resource_id)

    @property
    def entity(self) -> Entity:
        """The export itself as a resource."""
        return Entity("export", self.export_id)

    @property
    def fact(self) -> Fact:
        """That its subject asked for it."""
        return Fact("export", self.export_id, "requester", "user", self.subject_id)

    @property
    def watermark(self) -> str:
        """What every page bears: who, by which decision, in which export."""
        return f"{self.subject_id} {self.decision_id} {self.export_id}"

    @property
    def is_open(self) -> bool:
        """Whether it takes pages."""
        return self.status is ExportStatus.OPEN

    @property
    def is_approved(self) -> bool:
        """Whether somebody else has seen how much it copies."""
        return bool(self.approval_id or self.continued_by)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows reserved for one page, and what became of them. `charged_rows` is what counts for the budgets."""

    lease_id: str
    export_id: str
    subject_id: str
    cursor: str
    reserved_rows: int
    charged_rows: int
    day: date
    acquired_at_s: float
    expires_at_s: float
    is_degraded: bool
    outcome: PageOutcome = PageOutcome.HELD
    report_hash: str = ""

    def is_held_at(self, now_s: float) -> bool:
        """Whether nobody else may read it."""
        return self.outcome is PageOutcome.HELD and now_s < self.expires_at_s


@dataclass(frozen=True, slots=True)
class Report:
    """What an exporter says of a page; `resources` are those that the rows are about."""

    is_ok: bool
    rows: int
    next_cursor: str
    resources: Sequence[Entity]
    response_ms: float
    memory_mb: float

    @property
    def outcome(self) -> PageOutcome:
        """What became of the page: without rows it is no success, whatever the exporter says."""
        if not self.is_ok:
            return PageOutcome.FAILED
        return PageOutcome.DELIVERED if self.rows else PageOutcome.EMPTY

    @property
    def digest(self) -> str:
        """What tells whether a report is the same again."""
        return params_hash([self.is_ok, self.rows, self.next_cursor])


def closing_status(export: Export) -> ExportStatus:
    """How an export ends: without its last page, or without any row, it is not the whole."""
    is_whole = export.has_last_page and export.delivered_rows > 0
    return ExportStatus.COMPLETE if is_whole else ExportStatus.INCOMPLETE
