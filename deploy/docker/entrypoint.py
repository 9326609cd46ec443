# ruff: noqa: INP001 - a program, not a package
"""Runs the one service of an image as `python -m <package>` would, arguments passed on.

An image knows its service by name (`lead-intake`); the package is that name with underscores.
"""

import os
import runpy

runpy.run_module(
    os.environ["LEADCHAIN_SERVICE"].replace("-", "_"), run_name="__main__", alter_sys=True
)
