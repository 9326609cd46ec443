"""A service's standard output is JSON with trace ids, whoever logs, and tells nothing personal."""

import json
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest
from servicekit.logs import configure_logging

_PRELUDE = """
import logging, threading, structlog
from servicekit.logs import configure_logging
from servicekit.telemetry import internal_span
configure_logging("lead-intake", "INFO")
log = structlog.get_logger()
"""
_PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


def _run(program: str) -> tuple[list[dict[str, Any]], subprocess.CompletedProcess[str]]:
    """The lines that a program writes after it has set logging up, and how it ended."""
    done = subprocess.run(
        [sys.executable, "-c", _PRELUDE + program],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done


def test_a_line_says_what_when_where_and_in_which_trace() -> None:
    lines, _ = _run(
        f'with internal_span("map", "{_PARENT}"):\n    log.info("lead_received", lead_id="42")\n'
        'log.debug("too_fine")\n'
    )

    (line,) = lines
    moment = datetime.fromisoformat(str(line.pop("ts")))
    assert moment.utcoffset() is not None
    assert line == {
        "event": "lead_received",
        "level": "info",
        "service": "lead-intake",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b7",
        "lead_id": "42",
    }


def test_lines_of_libraries_take_the_same_way() -> None:
    lines, _ = _run(
        'logging.getLogger("uvicorn.error").warning("callback %s", "+86 138-0013-8001")\n'
        'logging.getLogger("faststream").info("ready", extra={"phone": "13800138001"})\n'
    )

    assert [(line["logger"], line["level"], line["event"]) for line in lines] == [
        ("uvicorn.error", "warning", "callback 138****8001"),
        ("faststream", "info", "ready"),
    ]
    assert all(line["service"] == "lead-intake" for line in lines)


def test_a_library_that_prints_by_itself_is_taken_over() -> None:
    lines, done = _run(
        "own = logging.getLogger('grpc._server'); own.addHandler(logging.StreamHandler())\n"
        "own.propagate = False\n"
        "configure_logging('lead-intake', 'INFO'); own.error('lost 13800138001')\n"
    )

    assert [line["event"] for line in lines] == ["lost 138****8001"]
    assert done.stderr == ""


def test_nothing_personal_leaves_in_any_field() -> None:
    lines, done = _run(
        'log.info("refused 13800138001", name="示例", email="a@example.com", note="致电１３８００１３８００２",\n'
        '         leads=[{"company": "示例公司", "uscc": "91110108MA01ABCD2X"}], n=13800138003)\n'
    )

    (line,) = lines
    assert line["event"] == "refused 138****8001"
    assert line["note"] == "致电138****8002"
    assert line["n"] == "138****8003"
    for personal in ("示例", "example.com", "91110108", "13800138"):
        assert personal not in done.stdout


@pytest.mark.parametrize("way", ["log.exception('failed')", "logging.exception('failed')"])
def test_an_exception_shows_type_and_places_but_no_values(way: str) -> None:
    lines, done = _run(
        "def dial(phone):\n    raise ValueError(f'no route to {phone}\\nDETAIL: (示例)')\n"
        f"try:\n    dial('13800138001')\nexcept ValueError:\n    {way}\n"
    )

    (line,) = lines
    assert line["error_type"] == "ValueError"
    assert line["error"] == "no route to 138****8001"
    assert str(line["stack"]).count(" dial") == 1
    assert "示例" not in done.stdout
    assert "13800138001" not in done.stdout + done.stderr


def test_an_error_says_what_caused_it() -> None:
    lines, _ = _run(
        "try:\n    try:\n        1 / 0\n    except ZeroDivisionError as e:\n"
        "        raise RuntimeError('sum') from e\nexcept RuntimeError as e:\n"
        "    log.error('failed', exc_info=e)\n"
    )

    (cause,) = lines[0]["caused_by"]
    assert cause.startswith("ZeroDivisionError: division by zero at ")


def test_what_a_task_group_gathered_is_told_part_by_part() -> None:
    lines, done = _run(
        "def dial():\n    raise OSError('no route to 13800138001')\n"
        "try:\n    dial()\nexcept OSError as error:\n    gathered = ExceptionGroup('tasks', [error])\n"
        "raise gathered from None\n"
    )

    (part,) = lines[0]["parts"]
    assert part.startswith("OSError: no route to 138****8001 at ")
    assert part.endswith(" dial")
    assert done.returncode == 1


def test_an_uncaught_exception_is_a_line_too() -> None:
    lines, done = _run(
        "thread = threading.Thread(target=lambda: {}['13800138001'])\nthread.start()\nthread.join()\n"
        "raise RuntimeError('call 13800138001')\n"
    )

    assert [(line["event"], line["level"], line["error_type"]) for line in lines] == [
        ("uncaught_exception", "critical", "KeyError"),
        ("uncaught_exception", "critical", "RuntimeError"),
    ]
    assert done.returncode == 1
    assert "13800138001" not in done.stdout + done.stderr


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        configure_logging("lead-intake", "LOUD")
