"""The one catalogue of metrics: each is declared here once, with its meaning and unit.

Labels take few values: consumers, streams, channels, methods, codes, reasons and exception types,
never an id and never text from outside. `labels()` costs microseconds, so hot code keeps the child:
bind it once at construction, or ask `bound`.
"""

from functools import lru_cache
from typing import TypeVar

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

_FAST_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LATENESS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800)
_COUNT = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)

MESSAGES_PROCESSED = Counter(
    "leadchain_messages_processed_total",
    "Messages whose handler's transaction committed.",
    ("consumer",),
)
MESSAGES_FAILED = Counter(
    "leadchain_messages_failed_total",
    "Attempts at a message that were rolled back and will be retried, by exception type.",
    ("consumer", "error_type"),
)
MESSAGES_QUARANTINED = Counter(
    "leadchain_messages_quarantined_total",
    "Messages set aside as dead letters: invalid at once, or failed on the last attempt.",
    ("consumer", "reason"),
)
INBOX_DUPLICATES = Counter(
    "leadchain_inbox_duplicates_total",
    "Messages acknowledged without effect because the inbox had claimed them before.",
    ("consumer",),
)
HANDLER_DURATION_S = Histogram(
    "leadchain_handler_duration_seconds",
    "Time from opening a batch's transaction to its commit, in seconds.",
    ("consumer",),
    buckets=_FAST_S,
)
HANDLER_BATCH_SIZE = Histogram(
    "leadchain_handler_batch_size",
    "Messages handled in one transaction.",
    ("consumer",),
    buckets=_COUNT,
)
DEAD_LETTERS = Gauge(
    "leadchain_dead_letters",
    "Dead letters waiting for replay or dismissal.",
    ("consumer",),
)
OUTBOX_PENDING = Gauge("leadchain_outbox_pending", "Committed events not yet acknowledged by NATS.")
OUTBOX_PUBLISHED = Counter(
    "leadchain_outbox_published_total",
    "Events acknowledged by NATS.",
    ("stream",),
)
OUTBOX_BATCH_SIZE = Histogram(
    "leadchain_outbox_batch_size",
    "Events published as one atomic batch.",
    ("stream",),
    buckets=_COUNT,
)
OUTBOX_LAG_S = Gauge(
    "leadchain_outbox_lag_seconds",
    "Age of the oldest event not yet acknowledged by NATS, in seconds; 0 when none waits.",
)
RPC_DURATION_S = Histogram(
    "leadchain_rpc_server_duration_seconds",
    "Time to answer an RPC, in seconds, by full method name and gRPC status code name.",
    ("method", "code"),
    buckets=_FAST_S,
)
INGRESS_ACCEPTED = Counter(
    "leadchain_ingress_accepted_total",
    "Deliveries answered with success after their commit, repeated ones included.",
    ("channel",),
)
INGRESS_REFUSED = Counter(
    "leadchain_ingress_refused_total",
    "Deliveries refused, by reason: signature, too_large, unavailable and the like.",
    ("channel", "reason"),
)
INGRESS_DURATION_S = Histogram(
    "leadchain_ingress_duration_seconds",
    "Time from a delivery's first byte to its answer, in seconds.",
    ("channel",),
    buckets=_FAST_S,
)
TIMERS_FIRED = Counter(
    "leadchain_timers_fired_total", "Timers that came due and fired.", ("timer",)
)
TIMER_LATENESS_S = Histogram(
    "leadchain_timer_lateness_seconds",
    "Time between a timer's due moment and its firing, in seconds.",
    ("timer",),
    buckets=_LATENESS_S,
)
REP_GAPS = Gauge(
    "leadchain_rep_gaps",
    "Attributes that reps' records lack and rules in force ask for, at the last count (AS-05).",
)
REMINDERS = Counter(
    "leadchain_reminders_total",
    "Reminders by outcome: delivered, retried or failed.",
    ("outcome",),
)
REMINDERS_FAILED = Counter(
    "leadchain_reminders_failed_total",
    "Reminders that nobody took, by kind and reason: no_owner, frozen, refused, no_receipt and the like.",
    ("kind", "reason"),
)
REMINDER_HEALTH = Gauge(
    "leadchain_reminder_health_ratio",
    "Share of a day's reminders that were sent, reached somebody, or were opened, from 0 to 1.",
    ("kind", "rate"),
)
REMINDER_GROUPS_MISSING = Gauge(
    "leadchain_reminder_group_missing",
    "1 for a group that reminders are for and that cannot be reached, else 0.",
    ("group",),
)
LEDGER_MISSING = Gauge(
    "leadchain_ledger_missing",
    "Leads of the last day that one service has and a later one should have, at the last check.",
)
LEDGER_CHECKED_AT = Gauge(
    "leadchain_ledger_checked_timestamp_seconds",
    "When every book was last read and compared, in Unix seconds.",
)
AUDIT_CHECKPOINTS_REFUSED = Gauge(
    "leadchain_audit_checkpoints_refused",
    "Checkpoints of the audit log that contradict what the witness saw, kept until somebody has looked at them.",
)
AUDIT_UNSEALED_S = Gauge(
    "leadchain_audit_unsealed_seconds",
    "Age of the oldest entry of the audit log that no checkpoint covers, in seconds; 0 when there is none.",
)
OFFBOARDINGS_LATE = Gauge(
    "leadchain_offboardings_late",
    "Offboardings of the last ten minutes that a process has not confirmed, or not within a second.",
)
DECISIONS_RECORDED = Counter(
    "leadchain_decisions_recorded_total",
    "Decisions written into the audit log, singly or as part of a count.",
)
DECISIONS_LOST = Counter(
    "leadchain_decisions_lost_total",
    "Decisions that were answered and are not in the audit log; it states how many.",
)
CHANNELS_SILENT = Gauge(
    "leadchain_channels_silent",
    "Accounts that should deliver and do not, at the last look.",
    ("channel",),
)
SYSTEM_LATE_S = Gauge(
    "leadchain_system_late_seconds",
    "By how much the facts of another system are later than they may be, in seconds; 0 while they are on time.",
    ("system",),
)
RECORDINGS_GIVEN_UP = Counter(
    "leadchain_recordings_given_up_total",
    "Recordings of what was said that a recogniser did not write down, however often it was asked.",
)
WORKER_STEP_ERRORS = Counter(
    "leadchain_worker_step_errors_total",
    "Steps of a background worker that raised, by exception type; the worker goes on.",
    ("worker", "error_type"),
)

SPANS_DROPPED = Counter(
    "leadchain_spans_dropped_total",
    "Finished spans that the span file could not take: its queue was full or its disk refused.",
)

_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)


@lru_cache(maxsize=4096)
def bound(metric: _Metric, *label_values: str) -> _Metric:
    """The metric's child for these label values, in their declared order, remembered."""
    return metric.labels(*label_values)


def render() -> bytes:
    """Every metric of this process in the Prometheus text format."""
    return generate_latest(REGISTRY)
