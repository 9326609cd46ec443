"""Runs notification."""

from servicekit.service import run

from notification.app import build
from notification.settings import Settings

if __name__ == "__main__":
    run(build, Settings, "notification")
