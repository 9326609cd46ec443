"""Runs lead-intake: `python -m lead_intake [migrate | ...]`."""

from servicekit.service import run

from lead_intake.app import build
from lead_intake.settings import Settings

if __name__ == "__main__":
    run(build, Settings, "lead_intake")
