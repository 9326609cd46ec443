"""Logs as one JSON object a line on standard output, with trace ids and without personal data.

Hidden decision: structlog's chain is the only way out. Records of the standard library (FastStream,
uvicorn, Alembic, gRPC) pass through the same chain, and masking comes last before rendering, so
nothing slips past it. An exception is logged as its type, the first line of its message, masked,
and its stack as places in the code: no local values, no second lines (databases put row values
there).
"""

import logging
import sys
import threading
from collections.abc import Iterator
from itertools import islice
from traceback import extract_tb
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from servicekit.masking import mask_fields, mask_text
from servicekit.telemetry.context import current_span_id, current_trace_id

_MESSAGE_CHARS_MAX = 300
_RELATED_MAX = 10

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_PLAIN_KEYS = ("event", "level", "ts", "service", "logger", "trace_id", "span_id")


def configure_logging(service_name: str, level: str) -> None:
    """Send every log line of this process through the one chain.

    `level` is a standard name such as `INFO`.
    Also takes over uncaught exceptions of the main and other threads. Calling it again replaces
    what it set up. Raises `ValueError` for an unknown level.
    """
    levels = logging.getLevelNamesMapping()
    if level.upper() not in levels:
        raise ValueError(f"unknown log level {level!r}")
    chain = _chain(service_name)
    structlog.configure(
        processors=[*chain, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(levels[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=_StandardOutput()),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    _capture_standard_library(chain, levels[level.upper()])
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _chain(service_name: str) -> list[Processor]:
    def add_place(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service_name
        trace_id = current_trace_id()
        if trace_id is not None:
            event["trace_id"], event["span_id"] = trace_id, current_span_id()
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        add_place,
        _flatten_exception,
        _mask,
    ]


class _StandardOutput:
    """Standard output as it is when a line is written, not as it was when logging was set up."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


class _LineOut(logging.StreamHandler[Any]):
    """The root's only way out for records of the standard library."""


def _capture_standard_library(chain: list[Processor], level: int) -> None:
    line_out = _LineOut(_StandardOutput())
    line_out.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, _take_exception, *chain],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    for handler in [h for h in root.handlers if type(h) in (logging.StreamHandler, _LineOut)]:
        root.removeHandler(handler)
    root.addHandler(line_out)
    root.setLevel(level)
    _let_libraries_propagate()


def _let_libraries_propagate() -> None:
    """Libraries that print by themselves (uvicorn, FastStream, Alembic) would bypass the chain."""
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger) and logger.handlers:
            logger.handlers.clear()
            logger.propagate = True


def _take_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    record = event["_record"]
    if record.exc_info and record.exc_info[0] is not None:
        event["exc_info"] = record.exc_info
        # The formatter would append the plain traceback, local text included.
        record.exc_info, record.exc_text, record.stack_info = None, None, None
    return event


def _flatten_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    found = _exc_info(event.pop("exc_info", None))
    if found is not None:
        error_type, error, traceback = found
        event["error_type"] = _type_name(error_type)
        event["error"] = _first_line(error)
        event["stack"] = _places(traceback)
        event.update(_described("caused_by", _causes(error)))
        event.update(_described("parts", _parts(error)))
    return event


def _mask(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    plain = {key: event.pop(key) for key in _PLAIN_KEYS if key in event}
    kept = {key: event.pop(key) for key in ("_record", "_from_structlog") if key in event}
    plain["event"] = mask_text(str(plain.get("event", "")))
    return {**plain, **mask_fields(event), **kept}


def _exc_info(given: object) -> _ExcInfo | None:
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    if isinstance(given, tuple):
        return given if given[0] is not None else None
    if given:
        error_type, error, traceback = sys.exc_info()
        if error_type is not None and error is not None:
            return error_type, error, traceback
    return None


def _type_name(error_type: type[BaseException]) -> str:
    module = error_type.__module__
    return (
        error_type.__qualname__ if module == "builtins" else f"{module}.{error_type.__qualname__}"
    )


def _first_line(error: BaseException) -> str:
    return mask_text(next(iter(str(error).splitlines()), "")[:_MESSAGE_CHARS_MAX])


def _places(traceback: TracebackType | None) -> list[str]:
    return [f"{f.filename}:{f.lineno} {f.name}" for f in extract_tb(traceback)]


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield cause
        yield from _causes(cause)


def _parts(error: BaseException) -> Iterator[BaseException]:
    """The errors that a task group gathered, however deep."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield part
            yield from _parts(part)


def _described(key: str, errors: Iterator[BaseException]) -> dict[str, list[str]]:
    """Under `key`, each error's type, first line and innermost place; nothing when there is none."""
    lines = [
        f"{_type_name(type(error))}: {_first_line(error)} at {_innermost(error.__traceback__)}"
        for error in islice(errors, _RELATED_MAX)
    ]
    return {key: lines} if lines else {}


def _innermost(traceback: TracebackType | None) -> str:
    return next(reversed(_places(traceback)), "an unknown place")


def _log_uncaught(
    error_type: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(error_type, KeyboardInterrupt):
        return
    structlog.get_logger().critical("uncaught_exception", exc_info=(error_type, error, traceback))


def _log_uncaught_in_thread(uncaught: threading.ExceptHookArgs) -> None:
    if uncaught.exc_value is not None:
        _log_uncaught(uncaught.exc_type, uncaught.exc_value, uncaught.exc_traceback)
