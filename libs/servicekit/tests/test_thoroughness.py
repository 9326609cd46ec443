"""How long tests go on: shortly and always alike, or long when that is asked for."""

import os
import subprocess
import sys

import pytest

QUICK = "def test_quick(): pass\n"
SOAK = """
import pytest
from hypothesis import settings
from servicekit.testing.thoroughness import rounds

@pytest.mark.soak
def test_goes_on(request):
    print("found", rounds(3, long=500), settings().derandomize, request.node.get_closest_marker("timeout"))
"""


@pytest.fixture
def run_tests(tmp_path):
    """Runs a quick file and one with a soak as a test run of their own; says what it printed."""
    (tmp_path / "test_a_quick.py").write_text(QUICK)
    (tmp_path / "test_b_soak.py").write_text(SOAK)
    command = [sys.executable, "-m", "pytest", "-v", "-s", "--rootdir=."]
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "servicekit.testing.plugin"}

    def run(*, thorough: str, ci: str) -> str:
        environment = {**os.environ, **alone, "LEADCHAIN_THOROUGH": thorough, "CI": ci}
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("ci", ["", "true"])
def test_the_short_form_is_short_the_same_each_time_and_its_file_begins_first(run_tests, ci):
    printed = run_tests(thorough="", ci=ci)

    assert "found 3 True None" in printed
    assert printed.index("test_goes_on") < printed.index("test_quick")


@pytest.mark.parametrize("ci", ["", "true"])
def test_the_long_form_goes_on_draws_anew_and_has_time(run_tests, ci):
    printed = run_tests(thorough="1", ci=ci)

    assert "found 500 False Mark(name='timeout', args=(1800,)" in printed
