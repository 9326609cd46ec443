"""Runs reporting."""

from servicekit.service import run

from reporting.app import build
from reporting.settings import Settings

if __name__ == "__main__":
    run(build, Settings, "reporting")
