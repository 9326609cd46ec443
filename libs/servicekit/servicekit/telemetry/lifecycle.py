"""Turns recording on and off for the process: sampler, destination, deadline of the flush."""

import asyncio
import contextlib
import os
import threading
from pathlib import Path
from typing import Protocol

import structlog
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_SDK_DISABLED,
    OTEL_SERVICE_NAME,
)
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from servicekit.telemetry.records import RECORDER, SpanRecord
from servicekit.telemetry.span_files import SpanFile

_FLUSH_DEADLINE_S = 5.0

_log = structlog.get_logger(__name__)


class Destination(Protocol):
    """Where a process's spans go."""

    def take(self, record: SpanRecord) -> None:
        """Queue one finished span."""

    def close(self) -> None:
        """Export what waits; may block."""

    def abandon(self) -> None:
        """Give up on what waits, so that a blocked `close` returns soon."""


class Telemetry:
    """The part of a service that records spans between `start` and `stop`.

    The sampler is that of `OTEL_TRACES_SAMPLER` (parentbased_always_on by default) and is asked for
    roots only: a trace is recorded whole or not at all.
    """

    name = "telemetry"

    def __init__(
        self,
        service_name: str,
        *,
        spans_dir: Path | None,
        flush_deadline_s: float = _FLUSH_DEADLINE_S,
    ) -> None:
        self._service = os.environ.get(OTEL_SERVICE_NAME) or service_name
        self._spans_dir = spans_dir
        self._flush_deadline_s = flush_deadline_s
        self._destination: Destination | None = None

    async def start(self) -> None:
        """Begin recording; raises `OSError` when the spans folder cannot be made."""
        sampler = TracerProvider(shutdown_on_exit=False).sampler
        if sampler is ALWAYS_OFF or _disabled():
            return
        self._destination = self._chosen_destination()
        if self._destination is not None:
            RECORDER.attach(self._service, sampler, self._destination)

    async def stop(self) -> None:
        """Stop recording and export what waits; gives up, and says so, after the deadline."""
        destination, self._destination = self._destination, None
        if destination is None:
            return
        RECORDER.detach(destination)
        if not await _closed_within(destination, self._flush_deadline_s):
            _log.warning("spans_not_flushed", deadline_s=self._flush_deadline_s)

    def problem(self) -> str | None:
        """None: a service works without its telemetry."""
        return None

    def _chosen_destination(self) -> Destination | None:
        if os.environ.get(OTEL_EXPORTER_OTLP_ENDPOINT) or os.environ.get(
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
        ):
            from servicekit.telemetry.collector_export import CollectorExport

            return CollectorExport(Resource.create({SERVICE_NAME: self._service}))
        return None if self._spans_dir is None else SpanFile(self._spans_dir, self._service)


def configure_telemetry(service_name: str, *, spans_dir: Path | None) -> Telemetry:
    """Telemetry by the standard `OTEL_*` variables: to a collector, else to files, else nowhere.

    The collector is used when `OTEL_EXPORTER_OTLP_ENDPOINT` or its traces variant is set.
    `OTEL_SERVICE_NAME` overrides `service_name`; `OTEL_SDK_DISABLED=true` or
    `OTEL_TRACES_EXPORTER=none` records nothing.
    """
    return Telemetry(service_name, spans_dir=spans_dir)


def _disabled() -> bool:
    sdk_disabled = os.environ.get(OTEL_SDK_DISABLED, "").strip().lower() == "true"
    return sdk_disabled or os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"


async def _closed_within(destination: Destination, deadline_s: float) -> bool:
    """Close in a daemon thread: a collector that hangs cannot hold up the process's exit."""
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def close() -> None:
        destination.close()
        # The loop is gone when the deadline passed and the process is on its way out.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=close, name="spans-flush", daemon=True).start()
    try:
        async with asyncio.timeout(deadline_s):
            await closed.wait()
    except TimeoutError:
        destination.abandon()
        return False
    return True
