"""A program that is forked from one which has imported already is as one that was started by itself."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from leadctl.stack.head_start import HeadStart, head_start
from servicekit.local.forks import Order
from servicekit.local.processes import Exited, KeptProcess, Running, wait_until

PROGRAM = """
import os, signal, sys
print(os.environ.get("HARBOUR"), sorted(os.environ) == sorted(os.environ["NAMES"].split()), sys.argv[1:])
sys.stdout.flush()
match os.environ["END"]:
    case "wait": signal.pause()
    case "fail": raise RuntimeError("closed by a storm")
    case code: sys.exit(int(code))
"""


@pytest.fixture
def ahead(tmp_path: Path) -> Iterator[HeadStart]:
    (tmp_path / "boat.py").write_text(PROGRAM)
    with head_start({"PYTHONPATH": str(tmp_path)}, tmp_path, services=1) as running:
        yield running


def a_process(folder: Path) -> KeptProcess:
    return KeptProcess("boat", run_dir=folder, log_path=folder / "boat.log")


def environment(end: str) -> dict[str, str]:
    return {"HARBOUR": "Shenzhen", "END": end, "NAMES": "HARBOUR END NAMES"}


@pytest.mark.parametrize(("end", "code"), [("0", 0), ("7", 7), ("fail", 1)])
def test_a_fork_has_its_own_environment_log_and_exit_code(
    ahead: HeadStart, tmp_path: Path, end: str, code: int
) -> None:
    process = a_process(tmp_path)

    ahead.run(process, "boat", environment(end))

    assert process.wait(20)
    assert process.state() == Exited(code)
    said = process.log_path.read_text()
    assert said.splitlines()[0] == "Shenzhen True []"
    assert ("closed by a storm" in said) == (end == "fail")


def test_a_fork_outlives_what_it_was_forked_from_and_its_end_is_still_seen(tmp_path: Path) -> None:
    (tmp_path / "boat.py").write_text(PROGRAM)
    process = a_process(tmp_path)
    with head_start({"PYTHONPATH": str(tmp_path)}, tmp_path, services=1) as ahead:
        ahead.run(process, "boat", environment("wait"))
        first = process.state()
        ahead.run(process, "boat", environment("wait"))
    assert wait_until(lambda: "Shenzhen" in process.log_tail(), timeout_s=20)

    assert isinstance(first, Running)
    assert process.state() == first
    process.kill()
    assert process.state() == Exited(128 + signal.SIGKILL)


def test_only_a_program_whose_interpreter_would_start_alike_is_forked(ahead: HeadStart) -> None:
    alike = {"PYTHONPATH": os.environ.get("NOTHING", ""), "HARBOUR": "1"}

    assert not ahead.can_run(alike)
    assert not ahead.can_run({})


def test_orders_are_lines_of_json(tmp_path: Path) -> None:
    (tmp_path / "boat.py").write_text(PROGRAM)
    files = {"log": "boat.log", "pid_file": "boat.pid", "exit_file": "boat.exit"}
    paths = {key: str(tmp_path / name) for key, name in files.items()}
    order = Order("boat", "boat", environment("3"), **paths)

    done = subprocess.run(
        [sys.executable, "-P", "-m", "servicekit.local.forks"],
        input=json.dumps(asdict(order)) + "\n",
        text=True,
        env={"PYTHONPATH": str(tmp_path)},
        timeout=30,
        check=False,
    )

    assert done.returncode == 0
    assert wait_until(Path(paths["exit_file"]).exists, timeout_s=20)
    assert Path(paths["exit_file"]).read_text() == "3\n"
